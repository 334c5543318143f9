/** `add`, `del`, `upgrade` and their like: solved over the repositories of a tree, with apk's own report. */
import type { ApkAnswer } from '../../build/host.ts';
import { AlprootError } from '../../core/errors.ts';
import { scanDependency } from '../../formats/apk/dependency.ts';
import { formatAlike, formatCatalogSummary } from '../../solve/advice.ts';
import { runApk, type ApkHost, type ApkOutcome } from '../../solve/apk-command.ts';
import type { ApkArguments } from '../../solve/arguments.ts';
import { createCatalog } from '../../solve/catalog.ts';
import { readDatabase, type Database } from '../../unpack/database.ts';
import { keyring } from '../../verify/key.ts';
import { openPortSandbox } from '../environment/environment.ts';
import { addDebianPackages, buildableNames } from '../repository/buildable.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { openLocalFiles, type LocalFile } from '../repository/local-packages.ts';
import { treeKeys, type TreeRepositories } from '../repository/tree-repositories.ts';
import { withPinned } from '../session/lock-policy.ts';
import type { Session } from '../session/session.ts';
import { alpineKeys } from '../session/trusted-keys.ts';
import { isUntrusted, openRepositories, type Call } from './apk-call.ts';
import { executeCall } from './apk-install.ts';

/** @throws ALP_STALE_LOCK when a strict lock does not cover it; ALP_FETCH_*, ALP_VERIFY_*, ALP_UNPACK_* */
export async function changePackages(session: InstallContext, call: Call, args: ApkArguments): Promise<ApkAnswer> {
  const { request, tree, outer, options } = call;
  const keys = keyring(alpineKeys(undefined).values(), [...treeKeys(outer), ...treeKeys(tree)]);
  const files = openLocalFiles(outer, args.operands, { keys, allowUntrusted: isUntrusted(args), cwd: request.cwd });
  return withPinned(session, async (extended) => {
    if (args.command === 'add' && (session.lockPolicy === undefined || extended))
      await addDebianPackages(session, options.mirrors, { packages: args.operands, openSandbox: openPortSandbox });
    const opened = await openRepositories(session, call, { given: args, extended });
    const host = hostOf(session, { database: readDatabase(tree), opened, files });
    const outcome = withAdvice(runApk(request.args, host), host, {
      operands: args.operands,
      buildable: await buildableNames(options.mirrors),
    });
    if (session.lockPolicy !== undefined && !extended) requireSolved(outcome);
    return executeCall(session, { ...call, args, outcome, opened, files });
  });
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

interface SolverInput {
  readonly database: Database;
  readonly opened: TreeRepositories;
  readonly files: ReadonlyMap<string, LocalFile>;
}

function hostOf({ config }: Session, { database, opened, files }: SolverInput): ApkHost {
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
