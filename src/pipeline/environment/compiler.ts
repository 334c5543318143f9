/** `alproot cc` and the tools beside it: programs of the environment, used as if they were the host's. */
import { dirname, resolve } from 'node:path';
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { hostPath, joinHost, treePathFromUser, type HostPath, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { RunResult } from '../../core/run-description.ts';
import { inspectElf } from '../../ship/inspect-report.ts';
import { explainLinkFailure } from '../../ship/link-failure.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { isDirectory, isFile } from '../../system/files/host-paths.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import { namedDirectories, outputOf, variableDirectories } from './argument-paths.ts';
import {
  bindCandidates,
  candidateMounts,
  isSystemPath,
  protectStore,
  requireShowable,
  type BindCandidate,
} from './bind-candidates.ts';
import { prepareEnvironment } from './environment.ts';
import { findGlibcObjectsIn } from './elf-files.ts';
import { isCompiler, planLink } from './linkage.ts';
import { expandResponseFiles } from './response-files.ts';
import { BASE_ENV } from './run.ts';
import type { LockPolicy } from '../session/lock-policy.ts';
import { runCommandIn } from '../session/backend-choice.ts';
import { requireExecutableStore, requireRunnable } from '../session/runnable.ts';
import { withProject } from '../repository/install-context.ts';

export interface ToolRun {
  /** `gcc`, `ar`, `strip` … */
  readonly tool: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the compiler writes passes through here, so that a failure can be explained. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
  /** Whether its messages go to a terminal. */
  readonly color: boolean;
  /** Packages besides the compiler's. */
  readonly packages?: readonly string[];
}

const TOOLCHAIN = ['gcc', 'musl-dev'];
/** Left out where a lock does not have them: not every program includes a header of the kernel. */
const HEADERS = 'linux-headers';
/** C++ is a package of its own. */
const CPLUSPLUS = /[gc]\+\+$/;

/**
 * Runs a tool of the compiler environment on the host's files. Compilers link statically unless the arguments ask for
 * a shared library or a dynamic program, and `-print-sysroot` is answered with the environment's directory on the
 * host.
 *
 * @returns the tool's own status; a static link that came out dynamic is ALP_BUILD_STATIC
 * @throws ALP_RUN_MOUNT, before anything is fetched, when the working directory or the output cannot be shown inside
 */
export const runTool = (config: Config, request: ToolRun): Promise<RunResult> =>
  withProject(config, async (session) => {
    const { tool, directory, env } = request;
    requireRunnable(config);
    requireExecutableStore(session);
    const words = expandResponseFiles(request.args, directory);
    const candidates = showableOf(config, request, words);
    const { tree } = await prepareEnvironment(session, packagesFor(session.lockPolicy, request));
    if (isCompiler(tool) && words.length === 1 && /^--?print-sysroot$/.test(words[0] ?? '')) {
      request.onOutput('stdout', Buffer.from(`${tree}\n`));
      return { status: 0, signal: undefined };
    }
    const { args, isStatic } = isCompiler(tool)
      ? planLink(request.args, words)
      : { args: request.args, isStatic: false };
    const heard = isCompiler(tool) && !args.includes('-') ? listen(request.onOutput) : undefined;
    const result = await runCommandIn(session, {
      tree,
      writable: false,
      mounts: protectStore(candidateMounts(withoutOwn(candidates, tree)), session.store.root),
      argv: [
        tool,
        ...(heard !== undefined && request.color ? ['-fdiagnostics-color'] : []),
        ...args.map((arg) => asInside(arg, tree)),
      ],
      env: { ...BASE_ENV, HOME: '/tmp', ...env },
      cwd: directory,
      user: { uid: 0, gid: 0 },
      network: 'none',
      stdio: heard === undefined ? { kind: 'inherit' } : { kind: 'pipe', onOutput: heard.onOutput },
    });
    if (isStatic && result.status === 0) checkStatic(words, directory);
    if (isCompiler(tool) && result.status !== 0) explain(config, { args, directory, tree, said: heard?.text() ?? '' });
    return result;
  });

function packagesFor(lockPolicy: LockPolicy | undefined, { tool, packages = [] }: ToolRun): string[] {
  const headers = lockPolicy?.strict === true && !isLocked(lockPolicy, HEADERS) ? [] : [HEADERS];
  return [...TOOLCHAIN, ...(CPLUSPLUS.test(tool) ? ['g++'] : []), ...headers, ...packages];
}

/** @throws ALP_RUN_MOUNT */
function showableOf(config: Config, { directory, args, env }: ToolRun, words: readonly string[]): BindCandidate[] {
  requireShowable(directory);
  const output = outputOf(words);
  const place = output === undefined ? directory : dirname(resolve(directory, output));
  if (isSystemPath(place) && !/^\/(?:dev|proc)(?:\/|$)/.test(place)) {
    throw new AlprootError(
      'ALP_RUN_MOUNT',
      `cannot write ${quoteName(output ?? '')}: ` +
        `the environment has its own ${quoteName(place)}, and the host's cannot be shown`,
      { hint: 'write it to a directory of your own, and copy it from there' },
    );
  }
  const named = [...namedDirectories([...args, ...words], directory), ...variableDirectories(env, directory)];
  return bindCandidates({ directory, home: config.env['HOME'], named, written: isDirectory(place) ? [place] : [] });
}

/** Of what would only be read, the tree's own goes before the host's of the same name. */
function withoutOwn(candidates: readonly BindCandidate[], root: HostPath): BindCandidate[] {
  if (candidates.every(({ access }) => access === 'write')) return [...candidates];
  const tree = openWorkTree(root);
  const isOwn = (path: TreePath): boolean => {
    const kind = tree.stat(path)?.kind;
    return tree.resolve(path) !== path || (kind === 'directory' ? tree.list(path).length > 0 : kind !== undefined);
  };
  try {
    return candidates.filter(({ path, access }) => access === 'write' || !isOwn(treePathFromUser(path)));
  } finally {
    tree.close();
  }
}

/** What a build tool found in the environment's directory on the host is below `/` for the compiler. */
const asInside = (arg: string, tree: HostPath): string => arg.replaceAll(`${tree}/`, '/').replaceAll(tree, '/');

const isLocked = ({ lock }: LockPolicy, name: string): boolean =>
  lock.environments.some(({ packages }) => packages.some(({ record }) => record.name === name));

/** The output of a static link must not need anything at run time. */
function checkStatic(words: readonly string[], directory: string): void {
  const output = outputOf(words) ?? 'a.out';
  if (output === '/dev/null') return;
  const bytes = readFileCapped(hostPath(resolve(directory, output)), limits.packageFile);
  if (bytes === undefined || bytes.toString('latin1', 0, 4) !== '\x7fELF') return;
  const { linkage, needed } = inspectElf(bytes);
  if (linkage !== 'dynamic') return;
  throw new AlprootError(
    'ALP_BUILD_STATIC',
    `${output} is dynamic although it was to be static${needed.length === 0 ? '' : `: it needs ${needed.join(', ')}`}`,
    { hint: 'an option such as -Wl,-pie or -Wl,-Bdynamic beats -static; `alproot inspect` says more' },
  );
}

const HEARD_BYTES = 256 * 1024;

/** Passes on what a program writes, and keeps the end of its messages. */
function listen(onOutput: ToolRun['onOutput']): {
  readonly onOutput: ToolRun['onOutput'];
  readonly text: () => string;
} {
  let kept = Buffer.alloc(0);
  return {
    onOutput: (stream, bytes) => {
      onOutput(stream, bytes);
      if (stream === 'stderr') kept = Buffer.concat([kept, bytes]).subarray(-HEARD_BYTES);
    },
    // The colours of a terminal are no part of a message.
    text: () => kept.toString('utf8').replace(/\x1b\[[0-9;]*[A-Za-z]/g, ''),
  };
}

interface FailedTool {
  readonly args: readonly string[];
  readonly directory: string;
  readonly tree: HostPath;
  readonly said: string;
}

/**
 * After a failure: what the messages mean, else the objects of the command line that were compiled with glibc's
 * headers.
 */
function explain({ emit }: Config, { args, directory, tree, said }: FailedTool): void {
  for (const path of args.filter(
    (arg) => arg.startsWith('/') && isSystemPath(arg) && isFile(arg) && !isFile(joinHost(tree, arg.slice(1))),
  )) {
    emit({
      kind: 'warning',
      message: `${quoteName(path)} means the environment's own file, which does not exist; the host's is not shown`,
      hint: 'name the package that has it with --package, or copy the file to a directory of your own',
    });
  }
  const diagnoses = explainLinkFailure(said, { args });
  for (const { message, hint, packages } of diagnoses) {
    emit({
      kind: 'warning',
      message,
      hint: packages.length === 0 ? hint : `alproot cc --package ${packages.join(',')} …`,
    });
  }
  if (diagnoses.some(({ kind }) => kind === 'glibc-object')) return;
  const files = args
    .filter((arg) => /\.(?:o|a|lo|so)$/.test(arg))
    .map((arg) => hostPath(resolve(directory, arg)))
    .filter(isFile);
  for (const { name, symbols } of findGlibcObjectsIn(files)) {
    emit({
      kind: 'warning',
      message: `${name} was compiled for glibc, not musl: it asks for ${symbols.join(', ')}`,
      hint: 'compile it again with alproot cc, or take the library from an Alpine package',
    });
  }
}
