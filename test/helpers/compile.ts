/** Real compilers of the host for tests that want real binaries; absent ones are named, and skip those tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether a program of the host answers `--version`. */
export const hasProgram = (name: string): boolean => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;

export const HELLO = '#include <stdio.h>\nint main(void) { printf("hello, %d\\n", 42); return 0; }\n';

/** Runs `work` with a directory of its own, removed afterwards. */
export function withDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-test-'));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export interface Compiled {
  readonly bytes: Buffer;
  /** Text of the linker's map. */
  readonly map: string;
  /** What the program prints, when `run` was asked for. */
  readonly output: string;
}

/** Compiles C with a compiler of the host, and runs the result when it is a program. */
export const compile = (compiler: string, args: readonly string[], { source = HELLO, run = false } = {}): Compiled =>
  withDirectory((directory) => {
    const [from, to, map] = ['main.c', 'main', 'main.map'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(from, source);
    const isObject = args.includes('-c');
    execFileSync(compiler, [...args, ...(isObject ? [] : [`-Wl,-Map=${map}`]), from, '-o', to], {
      cwd: directory,
      stdio: 'pipe',
    });
    return {
      bytes: readFileSync(to),
      map: isObject ? '' : readFileSync(map, 'latin1'),
      output: run ? execFileSync(to, { encoding: 'utf8' }) : '',
    };
  });
