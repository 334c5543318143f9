/**
 * The last resort: no sandbox at all. A tree's programs are started on the host by the tree's own dynamic loader; paths
 * mean the host's. Enough for compilers and make, not for what expects the tree at `/`.
 */
import { AlprootError } from '../../core/errors.ts';
import { treePathFromUser, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { RunDescription } from '../../core/run.ts';
import { isDirectory } from '../../system/host-paths.ts';
import { openWorkTree } from '../../system/work-tree.ts';
import type { Compile } from '../compiled.ts';
import { HOST_ENV } from '../compiled.ts';
import { terminalRights } from '../terminal-rights.ts';
import { shadowGcc } from './gcc.ts';
import { PROGRAM_DIRECTORIES, shadowDirectory } from './shadow.ts';

export const compileLoader: Compile = (description, _plan, host) => {
  demandHostPaths(description);
  const root = host.scratch();
  makeShadow(description.tree, root);
  const { PATH: _own, ...env } = description.env;
  const path = PROGRAM_DIRECTORIES.map((directory) => `${root}/${directory}`).join(':');
  const words = Object.entries({ ...env, PATH: path }).map(([name, value]) => `${name}=${value}`);
  const [program = '', ...args] = description.argv;
  const rights = terminalRights(host);
  const prefix = host.tools.setpriv === undefined || rights.length === 0 ? [] : [host.tools.setpriv, ...rights, '--'];
  return { argv: [...prefix, host.tools.env ?? '/usr/bin/env', '-i', ...words, host.tools.sh ?? '/bin/sh', '-c', 'cd "$0" && exec "$@"', description.cwd, startOf(root, program), ...args], env: HOST_ENV };
};

function makeShadow(path: HostPath, root: HostPath): void {
  const tree = openWorkTree(path);
  const own = openWorkTree(root);
  try {
    const extra = shadowGcc({ tree, own, extra: new Map() }, PROGRAM_DIRECTORIES);
    for (const directory of PROGRAM_DIRECTORIES) shadowDirectory({ tree, own, extra }, directory);
  } finally {
    tree.close();
    own.close();
  }
}

/** `/usr/bin/make` of the tree is the shadow's; a name is looked up there; anything else is a file of the host. */
function startOf(root: HostPath, program: string): string {
  const own = program.startsWith('/') && PROGRAM_DIRECTORIES.some((directory) => program.startsWith(`/${directory}/`));
  return own ? `${root}${program}` : program;
}

/** @throws ALP_RUN_MOUNT for what cannot be shown without translating paths */
function demandHostPaths({ mounts, cwd, user }: RunDescription): void {
  const moved = mounts.find((mount) => mount.kind !== 'bind' || treePathFromUser(mount.source) !== mount.target);
  if (moved !== undefined) throw impossible(`${quoteName(`/${moved.target}`)} cannot be shown to the program`);
  if (cwd !== '/' && !isDirectory(cwd)) throw impossible(`there is no directory ${quoteName(cwd)} on the host to work in`);
  if (user.uid !== 0) throw impossible(`it cannot become user ${user.uid}`);
}

const impossible = (why: string): AlprootError =>
  new AlprootError('ALP_RUN_MOUNT', `the loader backend translates no paths: ${why}`, { hint: 'it serves `cc`, `tool` and `run` on directories of the host; install bubblewrap or PRoot for the rest' });
