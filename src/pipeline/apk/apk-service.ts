/**
 * "apk inside is alproot outside": a call of apk in a build's tree, answered with apk's words and status. Solved,
 * fetched, verified and installed from here; nothing in the sandbox needs a network, a CA or DNS.
 */
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import type { PlannedPackage } from '../../core/package.ts';
import type { TreePath } from '../../core/paths.ts';
import { isArch } from '../../core/arch.ts';
import type { ApkAnswer, ApkRequest } from '../../build/host.ts';
import type { OwnerTable } from '../../build/owners.ts';
import { scanDependency } from '../../formats/apk/dependency.ts';
import type { RepositoryLine } from '../../formats/release/repositories-file.ts';
import { formatAlike, formatCatalogSummary } from '../../solve/advice.ts';
import { ApkUsageError, parseApkArguments, READING_COMMANDS, type ApkArguments } from '../../solve/arguments.ts';
import { createCatalog } from '../../solve/catalog.ts';
import { runApk, type ApkHost, type ApkOutcome } from '../../solve/apk-command.ts';
import { formatSummary, totalsAfter } from '../../solve/plan-lines.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase, readOwners, type Database } from '../../unpack/database.ts';
import type { OpenedPackageFile, RunScript } from '../../unpack/opened.ts';
import type { OwnerPolicy } from '../../unpack/minirootfs-unpack.ts';
import { keyring } from '../../verify/key.ts';
import { fetchFiles } from './apk-fetch.ts';
import { openLocalFiles, pathIn, type LocalFile } from '../repository/local-packages.ts';
import { answerQuery } from './apk-queries.ts';
import {
  openTreeRepositories,
  readRepositoryLines,
  treeKeys,
  type TreeRepositories,
} from '../repository/tree-repositories.ts';
import { inSecondRoot, secondRoot } from './apk-root.ts';
import { executePlan } from '../environment/install.ts';
import { fetchPlaced, type FetchedPackages, type FetchOptions } from '../repository/package-files.ts';
import { withPinned } from '../session/lock-policy.ts';
import type { ChosenMirrors } from '../repository/mirrors.ts';
import { addDebianPackages, buildableNames } from '../repository/buildable.ts';
import { alpineKeys } from '../session/trusted-keys.ts';
import type { Session } from '../session/session.ts';
import { openPortSandbox } from '../environment/environment.ts';
import type { InstallContext } from '../repository/install-context.ts';

export interface ApkServiceOptions {
  readonly mirrors: ChosenMirrors;
  /** Runs package scripts in the request's tree, with its owners. */
  readonly scriptsFor: (request: ApkRequest, tree: WorkTree) => RunScript;
  readonly owners: OwnerPolicy;
  /** Told when a lock does not cover the call; the call fails. */
  readonly onStale: (error: AlprootError) => void;
  /** Told of a repository that the mirrors do not have. */
  readonly onMissing: (location: string) => void;
}

/** Serves one call. What goes wrong is printed and becomes a status, as apk does it. */
export async function serveApk(
  session: InstallContext,
  request: ApkRequest,
  options: ApkServiceOptions,
): Promise<ApkAnswer> {
  const tree = openWorkTree(request.tree);
  try {
    const args = parseApkArguments(request.args);
    const look = args.command === undefined ? parseReadCall(request.args) : undefined;
    if (args.command === undefined && look === undefined) return { kind: 'pass' };
    const known = look ?? args;
    const own = withArch(session, known);
    const work = (call: Call): Promise<ApkAnswer> =>
      look === undefined ? answer(own, call, args) : answerReadCall(own, call, look);
    const path = secondRoot(tree, known, request.cwd);
    const outer: Call = { request, tree, outer: tree, options };
    if (path === undefined) return await work(outer);
    const result = await inSecondRoot(
      own,
      { tree, owners: request.owners },
      {
        path,
        create: args.options.has('initdb'),
        work: (root) => work({ ...outer, tree: root.tree, request: { ...request, owners: root.owners } }),
      },
    );
    return typeof result === 'string' ? { ...failed(result), status: 99 } : result;
  } catch (error) {
    if (error instanceof ApkUsageError) return failed(error.message);
    if (!isAlprootError(error)) throw error;
    if (session.config.signal?.aborted === true) throw error;
    if (error.code === 'ALP_STALE_LOCK') options.onStale(error);
    return failed(`${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`);
  } finally {
    tree.close();
  }
}

const failed = (message: string): Extract<ApkAnswer, { kind: 'done' }> => ({
  kind: 'done',
  status: 1,
  stdout: '',
  stderr: `${message
    .split('\n')
    .map((line, at) => (at === 0 ? `ERROR: ${line}` : line))
    .join('\n')}\n`,
});

interface Call {
  readonly request: ApkRequest;
  /** The root that apk works on. */
  readonly tree: WorkTree;
  /** The step's tree, in which paths of the command line lie. */
  readonly outer: WorkTree;
  readonly options: ApkServiceOptions;
}

/** What only looks; undefined for what is not known here and is left to the tree's own apk. */
function parseReadCall(argv: readonly string[]): ApkArguments | undefined {
  try {
    return parseApkArguments(argv, READING_COMMANDS);
  } catch (error) {
    if (error instanceof ApkUsageError) return undefined;
    throw error;
  }
}

/** `--arch`: a root of another architecture. */
function withArch(session: InstallContext, { options }: ApkArguments): InstallContext {
  const given = options.get('arch')?.at(-1);
  if (given === undefined || given === session.config.arch) return session;
  if (!isArch(given)) throw new ApkUsageError(`${given}: unknown architecture`);
  return { ...session, config: { ...session.config, arch: given } };
}

function linesOf(
  session: InstallContext,
  { request, tree, outer, options }: Call,
  given: ApkArguments['options'],
): RepositoryLine[] {
  const file = given.get('repositories-file')?.at(-1);
  return readRepositoryLines(tree, session, {
    chosen: options.mirrors,
    extra: given.get('repository') ?? [],
    isSecond: tree !== outer,
    ...(file === undefined ? {} : { file: { tree: outer, path: outer.resolve(pathIn(request.cwd, file)) } }),
  });
}

const isUntrusted = ({ options }: ApkArguments): boolean => options.get('allow-untrusted')?.at(-1) === 'yes';

async function answer(session: InstallContext, call: Call, args: ApkArguments): Promise<ApkAnswer> {
  const { request, tree, outer, options } = call;
  const allowUntrusted = isUntrusted(args);
  const keys = keyring(alpineKeys(undefined).values(), [...treeKeys(outer), ...treeKeys(tree)]);
  const files = openLocalFiles(outer, args.operands, { keys, allowUntrusted, cwd: request.cwd });
  return withPinned(session, async (extended) => {
    if (args.command === 'add' && (session.lockPolicy === undefined || extended))
      await addDebianPackages(session, options.mirrors, { packages: args.operands, openSandbox: openPortSandbox });
    const database = readDatabase(tree);
    const opened = await openTreeRepositories(session, options.mirrors, {
      lines: linesOf(session, call, args.options),
      tree,
      extended,
      allowUntrusted,
      onMissing: options.onMissing,
    });
    const host = hostOf(session, { database, opened, files });
    const outcome = withAdvice(runApk(request.args, host), host, {
      operands: args.operands,
      buildable: await buildableNames(options.mirrors),
    });
    if (session.lockPolicy !== undefined && !extended) requireSolved(outcome);
    return executeCall(session, { ...call, args, outcome, opened, files });
  });
}

async function answerReadCall(session: InstallContext, call: Call, given: ApkArguments): Promise<ApkAnswer> {
  const { request, tree, options } = call;
  const { args, cwd } = request;
  const { arch } = session.config;
  const open = (extended: boolean): Promise<TreeRepositories> =>
    openTreeRepositories(session, options.mirrors, {
      lines: linesOf(session, call, given.options),
      tree,
      extended,
      allowUntrusted: isUntrusted(given),
      onMissing: options.onMissing,
    });
  if (given.command === 'fetch') {
    return withPinned(session, async (extended) => {
      const opened = await open(extended);
      return fetchFiles({
        args: given,
        request,
        tree: call.outer,
        arch,
        owners: options.owners,
        opened,
        fetch: (planned) => fetchAll(session, planned, opened),
      });
    });
  }
  const openRepositories = async (): Promise<TreeRepositories['repositories']> => (await open(false)).repositories;
  return (await answerQuery({ args, cwd, tree, arch, owners: options.owners, openRepositories })) ?? { kind: 'pass' };
}

/** Those of the tree's own directories are opened there, the others downloaded. */
async function fetchAll(
  session: InstallContext,
  planned: readonly PlannedPackage[],
  { places, local, copy }: TreeRepositories & Pick<FetchOptions, 'copy'>,
): Promise<FetchedPackages> {
  const openOf = ({ record, source }: PlannedPackage): (() => OpenedPackageFile) | undefined => {
    const open = source.kind === 'repository' ? local.get(source.location) : undefined;
    return open === undefined ? undefined : () => open(record);
  };
  const fetched = await fetchPlaced(
    session,
    planned.filter((item) => openOf(item) === undefined),
    { placeOf: (location) => places.get(location), isPrivate: false, copy },
  );
  return { open: async (item) => openOf(item)?.() ?? (await fetched.open(item)), close: fetched.close };
}

/** Beside apk's own report of what cannot be had: where was looked, and what is spelt like a name that nobody has. */
function withAdvice(
  outcome: ApkOutcome,
  { catalog, installed }: ApkHost,
  { operands, buildable }: { readonly operands: readonly string[]; readonly buildable: readonly string[] },
): ApkOutcome {
  if (outcome.plan !== undefined || !outcome.lines.some(({ text }) => text === 'ERROR: unable to select packages:'))
    return outcome;
  const names = operands.flatMap((text) => scanDependency(text, { tag: true })?.name ?? []);
  const missing = names.filter(
    (name) =>
      !catalog.sources.some(({ byName }) => byName.has(name)) && !installed.some(({ record }) => record.name === name),
  );
  const alike = formatAlike(catalog, missing, buildable);
  const advice = [formatCatalogSummary(catalog), ...(alike === undefined ? [] : [`hint: ${alike}`])];
  return { ...outcome, lines: [...outcome.lines, ...advice.map((text) => ({ stream: 'stderr' as const, text }))] };
}

/** Under a lock, what cannot be solved may lie outside of it. @throws ALP_SOLVE_UNSATISFIABLE with apk's own words */
function requireSolved({ status, plan, lines }: ApkOutcome): void {
  if (status !== 0 && plan === undefined)
    throw new AlprootError('ALP_SOLVE_UNSATISFIABLE', lines.map(({ text }) => text).join('\n'));
}

interface Ingredients {
  readonly database: Database;
  readonly opened: TreeRepositories;
  readonly files: ReadonlyMap<string, LocalFile>;
}

function hostOf({ config }: Session, { database, opened, files }: Ingredients): ApkHost {
  return {
    arch: config.arch,
    world: database.world,
    installed: database.packages,
    catalog: createCatalog(opened.repositories),
    now: nextVirtualTime(database, config.epochSeconds ?? 0),
    keepsPackages: () => true,
    files: new Map([...files].map(([name, { record }]) => [name, record])),
    lost: { unavailable: opened.unavailable, stale: 0 },
    descriptions: new Map(opened.repositories.map(({ index }) => [index.location, index.description])),
  };
}

/**
 * The version of a `--virtual` package is a time, and stays in the image: it depends on what was installed before, not
 * on the clock.
 */
function nextVirtualTime({ packages }: Database, epochSeconds: number): Date {
  const taken = packages.flatMap(({ record }) => timeOfVirtual(record.version) ?? []);
  return new Date(Math.max(epochSeconds * 1000, ...taken.map((time) => time + 1000)));
}

/** Milliseconds since 1970; undefined for other versions. */
function timeOfVirtual(version: string): number | undefined {
  const [, date = '', hour, minute, second] = /^(\d{8})\.(\d\d)(\d\d)(\d\d)$/.exec(version) ?? [];
  const time = Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

interface AnsweredCall extends Call {
  readonly args: ApkArguments;
  readonly outcome: ApkOutcome;
  readonly opened: TreeRepositories;
  readonly files: ReadonlyMap<string, LocalFile>;
}

async function executeCall(
  session: InstallContext,
  { request, args, tree, options, outcome, opened, files }: AnsweredCall,
): Promise<ApkAnswer> {
  const out = outcome.lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text);
  const err = [
    ...opened.warnings.map((text) => `WARNING: ${text}`),
    ...outcome.lines.filter(({ stream }) => stream === 'stderr').map(({ text }) => text),
  ];
  let { status } = outcome;
  if (outcome.plan !== undefined && outcome.simulate) {
    out.push(
      formatSummary(totalsAfter(totalsOf(readDatabase(tree)), outcome.plan.changes), {
        verbose: outcome.verbosity >= 2,
        errors: outcome.broken,
      }),
    );
  } else if (outcome.plan !== undefined) {
    session.recording.add({
      requests: [],
      environments: [
        {
          release: options.mirrors.release,
          arch: session.config.arch,
          repositories: [],
          world: outcome.plan.world,
          packages: [],
        },
      ],
    });
    const before = new Set(readOwners(readDatabase(tree)).keys());
    // In a tree that exists nothing is touched before all is verified: see fetchAll.
    const result = await executePlan(
      {
        tree,
        plan: outcome.plan,
        runScript: args.options.get('scripts')?.at(-1) === 'no' ? undefined : options.scriptsFor(request, tree),
        owners: options.owners,
        emit: (event) => {
          if (event.kind === 'note') out.push(event.message);
          else if (event.kind === 'output')
            (event.stream === 'stdout' ? out : err).push(event.text.replace(/\n$/, ''));
        },
        purge: args.options.get('purge')?.at(-1) === 'yes',
        forceOverwrite: args.options.has('force') || args.options.has('force-overwrite'),
        resetDirectories: args.options.has('directory-permissions'),
      },
      async (planned, copy) => {
        const fetched = await fetchAll(session, planned, { ...opened, copy });
        return {
          open: async (item) => localFile(item, files)?.open() ?? (await fetched.open(item)),
          close: fetched.close,
        };
      },
    );
    if (options.owners === 'record') recordOwners(request.owners, result.database, before);
    for (const { label, status: code } of result.failedScripts)
      err.push(`ERROR: ${label}: script exited with error ${code}`);
    const errors = outcome.broken + result.brokenPackages;
    out.push(formatSummary(totalsOf(result.database), { verbose: outcome.verbosity >= 2, errors }));
    status = errors;
  }
  const join = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);
  return { kind: 'done', status, stdout: outcome.verbosity === 0 ? '' : join(out), stderr: join(err) };
}

const localFile = ({ source }: PlannedPackage, files: ReadonlyMap<string, LocalFile>): LocalFile | undefined =>
  source.kind === 'file' ? files.get(source.path) : undefined;

/** Owners and special modes that packages want, where they differ from what an ordinary user's tree shows. */
export function recordOwners(owners: OwnerTable, database: Database, known: ReadonlySet<TreePath> = new Set()): void {
  for (const [path, { uid, gid, mode }] of readOwners(database)) {
    if (known.has(path)) continue;
    const special = (mode & 0o6000) !== 0;
    if (uid !== 0 || gid !== 0 || special) owners.set(path, { uid, gid, ...(special ? { mode } : {}) });
    else owners.delete(path);
  }
}

function totalsOf({ packages }: Database): Parameters<typeof formatSummary>[0] {
  const directories = new Set(packages.flatMap((entry) => entry.directories.map(({ path }) => path)));
  return {
    packages: packages.length,
    bytes: packages.reduce((sum, { record }) => sum + record.installedSizeBytes, 0),
    dirs: directories.size,
    files: packages.reduce(
      (sum, entry) => sum + entry.directories.reduce((count, { files }) => count + files.length, 0),
      0,
    ),
  };
}
