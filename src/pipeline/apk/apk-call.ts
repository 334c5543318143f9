/** One call of apk in a build's tree: its command line, and the root that it is for. */
import type { ApkAnswer, ApkRequest } from '../../build/host.ts';
import { isArch } from '../../core/arch.ts';
import type { AlprootError } from '../../core/errors.ts';
import type { RepositoryLine } from '../../formats/release/repositories-file.ts';
import { ApkUsageError, parseApkArguments, READING_COMMANDS, type ApkArguments } from '../../solve/arguments.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import type { OwnerPolicy } from '../../unpack/minirootfs-unpack.ts';
import type { RunScript } from '../../unpack/opened.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { pathIn } from '../repository/local-packages.ts';
import type { ChosenMirrors } from '../repository/mirrors.ts';
import { openTreeRepositories, readRepositoryLines, type TreeRepositories } from '../repository/tree-repositories.ts';

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

export interface Call {
  readonly request: ApkRequest;
  /** The root that apk works on. */
  readonly tree: WorkTree;
  /** The step's tree, in which paths of the command line lie. */
  readonly outer: WorkTree;
  readonly options: ApkServiceOptions;
}

/** A call that changes nothing; undefined for what is not known here and is left to the tree's own apk. */
export function parseReadCall(argv: readonly string[]): ApkArguments | undefined {
  try {
    return parseApkArguments(argv, READING_COMMANDS);
  } catch (error) {
    if (error instanceof ApkUsageError) return undefined;
    throw error;
  }
}

/** `--arch`: a root of another architecture. */
export function withArch(session: InstallContext, { options }: ApkArguments): InstallContext {
  const given = options.get('arch')?.at(-1);
  if (given === undefined || given === session.config.arch) return session;
  if (!isArch(given)) throw new ApkUsageError(`${given}: unknown architecture`);
  return { ...session, config: { ...session.config, arch: given } };
}

/** What its own files and the command line say; of a lock, what it pins unless `extended`. */
export const openRepositories = (
  session: InstallContext,
  call: Call,
  { given, extended }: { readonly given: ApkArguments; readonly extended: boolean },
): Promise<TreeRepositories> =>
  openTreeRepositories(session, call.options.mirrors, {
    lines: linesOf(session, call, given.options),
    tree: call.tree,
    extended,
    allowUntrusted: isUntrusted(given),
    onMissing: call.options.onMissing,
  });

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

export const isUntrusted = ({ options }: ApkArguments): boolean => options.get('allow-untrusted')?.at(-1) === 'yes';

/** As apk prints an error. */
export const failed = (message: string): Extract<ApkAnswer, { kind: 'done' }> => ({
  kind: 'done',
  status: 1,
  stdout: '',
  stderr: `${message
    .split('\n')
    .map((line, at) => (at === 0 ? `ERROR: ${line}` : line))
    .join('\n')}\n`,
});
