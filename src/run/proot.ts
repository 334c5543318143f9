/**
 * PRoot: paths are translated under ptrace, with no help of the kernel. Works in gVisor and most containers, and is no
 * security boundary: what needs no privilege (a filter of system calls, Landlock) holds the command back beside it.
 */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import type { RunDescription } from '../core/run-description.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { writeFileAtomic } from '../system/files/files.ts';
import type { Compile } from './compiled.ts';
import { HOST_ENV } from './host-environment.ts';
import {
  formatSteps,
  keptCapabilities,
  partialSteps,
  SHARED_DEVICES,
  splitEnvironment,
  variableSteps,
} from './sandbox/sandbox-steps.ts';

/** On this signal PRoot ends all its tracees, those that left its session too; killed itself, it would leave them. */
const END = { endSignal: 'SIGQUIT', outlivesCommand: true } as const;
const SIGQUIT = '3';

export const compileProot: Compile = (description, _plan, host) => {
  const scratch = host.scratch();
  const temporary = joinHost(scratch, 'proot');
  makeDirectory(temporary, 0o700);
  const environment = splitEnvironment({ ...description.env, PROOT_TMP_DIR: temporary });
  const { argv, writable } = command(description, host.tools.proot ?? 'proot', scratch);
  // PRoot keeps its loader and its mount points in the host's /tmp, whatever it is told.
  const steps = [
    ...variableSteps(environment),
    ['die-with-parent', SIGQUIT] as const,
    ...keptCapabilities,
    ...partialSteps(description, [...writable, temporary, '/tmp', ...SHARED_DEVICES]),
  ];
  return { argv: [host.starter ?? '', ...formatSteps(steps), '--', ...argv], env: environment.quiet, ...END };
};

/** Without the sandbox program nothing holds the command back. */
export const compileBareProot: Compile = (description, _plan, host) => {
  const scratch = host.scratch();
  const env = Object.entries({ ...description.env, PROOT_TMP_DIR: scratch }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const { argv } = command(description, host.tools.proot ?? 'proot', scratch);
  const parent = host.tools.setpriv === undefined ? [] : [host.tools.setpriv, '--pdeathsig', 'QUIT', '--'];
  return { argv: [...parent, host.tools.env ?? '/usr/bin/env', '-i', ...env, ...argv], env: HOST_ENV, ...END };
};

interface ProotCommand {
  readonly argv: readonly string[];
  /** Of the host, where the command may write. */
  readonly writable: readonly string[];
}

function command(description: RunDescription, proot: string, scratch: HostPath): ProotCommand {
  const { uid, gid } = description.user;
  const pairs = bindings(description, scratch);
  const argv = [
    proot,
    ...(uid === 0 && gid === 0 ? ['-0'] : ['-i', `${uid}:${gid}`]),
    '-r',
    description.tree,
    ...pairs.flatMap(({ source, target }) => ['-b', `${source}:${target}!`]),
    '-w',
    description.cwd,
    ...description.argv,
  ];
  return {
    argv,
    writable: [
      ...(description.writable ? [description.tree] : []),
      ...pairs.flatMap(({ source, writable }) => (writable ? [source] : [])),
    ],
  };
}

interface Binding {
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

function bindings(description: RunDescription, scratch: HostPath): Binding[] {
  const fresh = (name: string): string => {
    const directory = joinHost(scratch, name);
    makeDirectory(directory, 0o700);
    return directory;
  };
  const shown = (source: string, target: string, writable = false): Binding => ({ source, target, writable });
  const pairs = [
    shown('/dev', '/dev'),
    shown('/proc', '/proc'),
    shown('/sys', '/sys'),
    shown(fresh('shm'), '/dev/shm', true),
    // apk 3 runs scripts from a memfd, which PRoot cannot follow; with 2 here it writes them to files.
    shown(writeFlag(scratch), '/proc/sys/vm/memfd_noexec'),
    ...(description.writable ? [] : [shown(fresh('tmp'), '/tmp', true)]),
    ...description.mounts.map((mount, at) => {
      const target = `/${Buffer.from(mount.target, 'latin1').toString('utf8')}`;
      return mount.kind === 'bind'
        ? shown(mount.source, target, mount.writable)
        : shown(fresh(`tmpfs-${at}`), target, true);
    }),
  ];
  for (const { source, target } of pairs) requireNoColon(source, target);
  return pairs;
}

function requireNoColon(source: string, target: string): void {
  if (!source.includes(':') && !target.includes(':')) return;
  throw new AlprootError(
    'ALP_RUN_MOUNT',
    `PRoot cannot bind ${quoteName(source.includes(':') ? source : target)}: it takes the colon for a separator`,
    { hint: 'use a path without colon' },
  );
}

function writeFlag(scratch: HostPath): string {
  const file = joinHost(scratch, 'memfd_noexec');
  writeFileAtomic(file, '2\n');
  return file;
}
