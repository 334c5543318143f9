/**
 * PRoot: paths are translated under ptrace, with no help of the kernel. Works in gVisor and most containers; it is
 * no security boundary, cannot cut the network, and cannot keep a command from writing to its root.
 */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { joinHost } from '../core/paths.ts';
import type { RunDescription } from '../core/run.ts';
import { makeDirectory } from '../system/directories.ts';
import { writeFileAtomic } from '../system/files.ts';
import type { Compile } from './compiled.ts';
import { HOST_ENV } from './compiled.ts';
import { terminalRights } from './terminal-rights.ts';

export const compileProot: Compile = (description, _plan, host) => {
  const scratch = host.scratch();
  const { uid, gid } = description.user;
  const argv = [
    ...(host.tools.setpriv === undefined ? [] : [host.tools.setpriv, '--pdeathsig', 'QUIT', ...terminalRights(host), '--']),
    host.tools.env ?? '/usr/bin/env', '-i',
    ...Object.entries({ ...description.env, PROOT_TMP_DIR: scratch }).map(([name, value]) => `${name}=${value}`),
    host.tools.proot ?? 'proot',
    ...(uid === 0 && gid === 0 ? ['-0'] : ['-i', `${uid}:${gid}`]),
    '-r', description.tree,
    ...bindings(description, scratch),
    '-w', description.cwd,
    ...description.argv,
  ];
  // On this signal PRoot ends all its tracees, those that left its session too; killed itself, it would leave them.
  return { argv, env: HOST_ENV, endSignal: 'SIGQUIT', outlivesCommand: true };
};

function bindings(description: RunDescription, scratch: ReturnType<typeof joinHost>): string[] {
  const fresh = (name: string): string => {
    const directory = joinHost(scratch, name);
    makeDirectory(directory, 0o700);
    return directory;
  };
  const pairs = [
    ['/dev', '/dev'], ['/proc', '/proc'], ['/sys', '/sys'],
    // apk 3 runs scripts from a memfd, which PRoot cannot follow; with 2 here it writes them to files.
    [writeFlag(scratch), '/proc/sys/vm/memfd_noexec'],
    ...(description.writable ? [] : [[fresh('tmp'), '/tmp']]),
    ...description.mounts.map((mount, at) => [mount.kind === 'bind' ? mount.source : fresh(`tmpfs-${at}`), `/${Buffer.from(mount.target, 'latin1').toString('utf8')}`]),
  ];
  return pairs.flatMap(([source = '', target = '']) => {
    if (source.includes(':') || target.includes(':')) {
      throw new AlprootError('ALP_RUN_MOUNT', `PRoot cannot bind ${quoteName(source.includes(':') ? source : target)}: it takes the colon for a separator`, { hint: 'use a path without colon' });
    }
    return ['-b', `${source}:${target}!`];
  });
}

function writeFlag(scratch: ReturnType<typeof joinHost>): string {
  const file = joinHost(scratch, 'memfd_noexec');
  writeFileAtomic(file, '2\n');
  return file;
}
