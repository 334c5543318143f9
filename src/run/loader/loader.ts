/**
 * The last resort: no sandbox at all. A tree's programs are started on the host by the tree's own dynamic loader;
 * paths mean the host's. Enough for compilers and make, not for what expects the tree at `/`.
 */
import { AlprootError } from '../../core/errors.ts';
import { treePathFromUser, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { RunDescription } from '../../core/run-description.ts';
import { isDirectory } from '../../system/files/host-paths.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import type { Compile, CompileHost } from '../compiled.ts';
import { HOST_ENV } from '../host-environment.ts';
import {
  formatSteps,
  keptCapabilities,
  partialSteps,
  SHARED_DEVICES,
  splitEnvironment,
  variableSteps,
} from '../sandbox/sandbox-steps.ts';
import { wrapGcc } from './gcc.ts';
import { PROGRAM_DIRECTORIES, wrapperDirectory } from './wrapper.ts';

/**
 * @returns the environment and the words that start the program, with every name of the tree turned into one of the
 * host
 */
function prepare(
  description: RunDescription,
  host: CompileHost,
): { readonly env: Readonly<Record<string, string>>; readonly argv: readonly string[] } {
  requireHostPaths(description);
  const root = host.scratch();
  makeWrapper(description.tree, root);
  const path = PROGRAM_DIRECTORIES.map((directory) => `${root}/${directory}`).join(':');
  const [program = '', ...args] = description.argv;
  return { env: { ...description.env, PATH: path }, argv: [startOf(root, program), ...args] };
}

export const compileLoader: Compile = (description, _plan, host) => {
  const { env, argv } = prepare(description, host);
  const environment = splitEnvironment(env);
  const writable = description.mounts.flatMap((mount) =>
    mount.kind === 'bind' && mount.writable ? [mount.source] : [],
  );
  const steps = [
    ['die-with-parent', '9'] as const,
    ['cwd', description.cwd] as const,
    ...variableSteps(environment),
    ...keptCapabilities,
    ...partialSteps(description, [...writable, '/tmp', ...SHARED_DEVICES, '/dev/shm']),
  ];
  return { argv: [host.starter ?? '', ...formatSteps(steps), '--', ...argv], env: environment.quiet };
};

/** Without the sandbox program nothing holds the command back. */
export const compileBareLoader: Compile = (description, _plan, host) => {
  const { env, argv } = prepare(description, host);
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    argv: [
      host.tools.env ?? '/usr/bin/env',
      '-i',
      ...words,
      host.tools.sh ?? '/bin/sh',
      '-c',
      'cd "$0" && exec "$@"',
      description.cwd,
      ...argv,
    ],
    env: HOST_ENV,
  };
};

function makeWrapper(path: HostPath, root: HostPath): void {
  const tree = openWorkTree(path);
  const own = openWorkTree(root);
  try {
    const extra = wrapGcc({ tree, own, extra: new Map() }, PROGRAM_DIRECTORIES);
    for (const directory of PROGRAM_DIRECTORIES) wrapperDirectory({ tree, own, extra }, directory);
  } finally {
    tree.close();
    own.close();
  }
}

/** `/usr/bin/make` of the tree is its wrapper; a name is looked up there; anything else is a file of the host. */
function startOf(root: HostPath, program: string): string {
  const own = program.startsWith('/') && PROGRAM_DIRECTORIES.some((directory) => program.startsWith(`/${directory}/`));
  return own ? `${root}${program}` : program;
}

/** @throws ALP_RUN_MOUNT for what cannot be shown without translating paths */
function requireHostPaths({ mounts, cwd, user }: RunDescription): void {
  const moved = mounts.find((mount) => mount.kind !== 'bind' || treePathFromUser(mount.source) !== mount.target);
  if (moved !== undefined) throw impossible(`${quoteName(`/${moved.target}`)} cannot be shown to the program`);
  if (cwd !== '/' && !isDirectory(cwd))
    throw impossible(`there is no directory ${quoteName(cwd)} on the host to work in`);
  if (user.uid !== 0) throw impossible(`it cannot become user ${user.uid}`);
}

const impossible = (why: string): AlprootError =>
  new AlprootError('ALP_RUN_MOUNT', `the loader backend translates no paths: ${why}`, {
    hint: 'it serves `cc`, `tool` and `run` on directories of the host',
  });
