/** The command as it ships (`packed.ts`), in an environment that holds nothing of the caller's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packedCommand as builtCommand } from './packed.ts';

export { packedCommand as builtCommand, packedDirectory } from './packed.ts';
export { projectRoot } from './project.ts';

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** On top of PATH, a HOME that is empty, and ALPROOT_CACHE. */
  readonly env?: Readonly<Record<string, string>>;
  /** ALPROOT_CACHE; a throw-away one unless given. */
  readonly cache?: string;
  readonly input?: string | Uint8Array;
  /** Called with the process right after its start, to send it a signal for example. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Words before the command itself: `setpriv --reuid=1000 …`. */
  readonly prefix?: readonly string[];
  /** The Node that runs it; the tests' own unless given. */
  readonly node?: string;
}

/** Runs `alproot ARGS…` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const home = mkdtempSync(join(tmpdir(), 'alproot-home-'));
  try {
    mkdirSync(join(home, 'cache'), { mode: 0o777 });
    return await runArgv([...(options.prefix ?? []), options.node ?? process.execPath, builtCommand(), ...args], {
      ...options,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        LC_ALL: 'C.UTF-8',
        ALPROOT_CACHE: options.cache ?? join(home, 'cache'),
        ...options.env,
      },
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Runs any program to its end; the environment is exactly `env`. */
export function runArgv(argv: readonly string[], { cwd, env, input, onStart }: CliOptions): Promise<CliResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout?.on('data', (bytes: Buffer) => output.stdout.push(bytes));
    child.stderr?.on('data', (bytes: Buffer) => output.stderr.push(bytes));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.once('error', reject);
    child.once('close', (status) => {
      resolve({
        status: status ?? 128,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      });
    });
    onStart?.(child);
  });
}

/** Times, sizes of progress and temporary paths made constant, for snapshots of whole outputs. */
export const steady = (text: string, names: Readonly<Record<string, string>> = {}): string => {
  let out = text;
  for (const [path, name] of Object.entries(names)) out = out.replaceAll(path, name);
  return out.replace(/\b\d+(?:\.\d+)? ?(?:ms|s)\b/g, '<time>');
};
