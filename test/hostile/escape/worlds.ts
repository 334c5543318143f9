/** Who attacks, and on which kernel: root or an ordinary user, on the host's kernel or on gVisor's. */
import { chownSync, chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendName } from '../../../src/core/run-description.ts';
import type { ReleaseMirror } from '../../helpers/release-mirror.ts';
import { builtCommand, runArgv, type CliResult } from '../../helpers/cli.ts';
import type { Programs } from './program.ts';

export type Caller = 'root' | 'user';
export type Kernel = 'plain' | 'gvisor';
export type Level = 'full' | 'partial' | 'none';

export interface Verdict {
  readonly name: BackendName;
  readonly works: boolean;
  readonly reason: string;
  readonly isolation: Level;
}

export interface World {
  readonly caller: Caller;
  readonly kernel: Kernel;
  readonly verdicts: readonly Verdict[];
  /** The kernel has Landlock. */
  readonly landlock: boolean;
  /** Runs alproot with a host around it that is worth attacking. Returns all that was said. */
  readonly attack: (args: readonly string[], options?: AttackOptions) => Promise<string>;
  /** The attempts without any sandbox. */
  readonly attackBare: () => Promise<string>;
}

interface AttackOptions {
  /** Files of the working directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** A file of the working directory to show when the command has ended well. */
  readonly show?: string;
  readonly inTerminal?: boolean;
}

export interface WorldOptions {
  readonly root: string;
  readonly caller: Caller;
  readonly kernel: Kernel;
  readonly programs: Programs;
  readonly mirror: ReleaseMirror;
}

const ORDINARY = 1000;

/** Of another user only root can become one; an ordinary user is it already. */
export const callers: readonly Caller[] = process.getuid?.() === 0 ? ['root', 'user'] : ['user'];

/** gVisor's `do` shows the host's files and keeps every change to itself. */
const gvisor = (cwd: string): string[] => ['runsc', '--rootless', '--network=host', 'do', '--cwd', cwd];

export async function makeWorld({ root, caller, kernel, programs, mirror }: WorldOptions): Promise<World> {
  const own = (path: string): string => {
    if (caller === 'user' && process.getuid?.() === 0) chownSync(path, ORDINARY, ORDINARY);
    return path;
  };
  const directory = (at: string, mode = 0o755): string => {
    const made = own(mkdtempSync(at));
    chmodSync(made, mode);
    return made;
  };
  // The store is made by alproot itself, with the mode that it gives.
  const cache = join(directory(join(root, `${caller}-${kernel}-`)), 'store');
  const become =
    caller === 'user' && process.getuid?.() === 0
      ? ['setpriv', `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, '--clear-groups']
      : [];
  const alproot = [process.execPath, builtCommand()];
  const env = { PATH: process.env['PATH'] ?? '', HOME: root, LC_ALL: 'C.UTF-8', ALPROOT_CACHE: cache, NO_COLOR: '1' };
  const start = (argv: readonly string[], cwd: string, where = kernel): Promise<CliResult> =>
    runArgv([...(where === 'gvisor' ? gvisor(cwd) : []), ...become, ...argv], { cwd, env });

  // The environment is made once, outside of gVisor too: inside, nothing would be kept.
  const warm = await start([...alproot, 'run', '-q', ...mirror.args, '--', 'true'], root, 'plain');
  if (warm.status !== 0) throw new Error(`no environment: ${warm.stderr}`);
  const doctor = await start([...alproot, 'doctor', '--json'], root);
  const verdicts = parseVerdicts(doctor);
  const landlock = (await start([programs.attack, '--landlock'], root)).status === 0;

  const around = async (
    command: readonly string[],
    { files = {}, inTerminal = false }: AttackOptions,
  ): Promise<string> => {
    // Not below /tmp, of which every sandbox has its own.
    const base = directory('/var/tmp/alproot-escape-', 0o700);
    const work = directory(join(root, 'work-'));
    try {
      copyFileSync(programs.attack, join(work, 'attack'));
      own(join(work, 'attack'));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(work, name), text);
      const { stdout, stderr } = await start(
        [programs.host, base, work, cache, ...(inTerminal ? ['--terminal'] : []), '--', ...command],
        work,
      );
      return `${stderr}\n${stdout}`;
    } finally {
      for (const made of [base, work]) rmSync(made, { recursive: true, force: true });
    }
  };
  const show = (command: readonly string[], file: string | undefined): readonly string[] =>
    file === undefined ? command : ['sh', '-c', 'file=$1; shift; "$@" && cat "$file"', 'sh', file, ...command];
  return {
    caller,
    kernel,
    verdicts,
    landlock,
    attack: (args, options = {}) => around(show([...alproot, ...args], options.show), options),
    attackBare: () => around(['./attack', 'facts'], {}),
  };
}

function parseVerdicts({ stdout, stderr }: CliResult): readonly Verdict[] {
  for (const line of stdout.split('\n')) {
    const event = line.startsWith('{')
      ? (JSON.parse(line) as { kind: string; value?: { backends: Verdict[] } })
      : undefined;
    if (event?.kind === 'result' && event.value !== undefined) return event.value.backends;
  }
  throw new Error(`doctor says nothing: ${stderr}`);
}
