/** The two programs, linked statically by the host's compiler so that they run in any tree. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const sourcesOf = (directory: string): string[] => {
  const at = join(import.meta.dirname, directory);
  return readdirSync(at)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(at, name));
};

export interface Programs {
  /** Runs inside: see inside/main.c. */
  readonly attack: string;
  /** Runs outside, around the sandbox: see host/main.c. */
  readonly host: string;
}

/** @param directory where they are put */
export function buildPrograms(directory: string): Programs {
  const link = (name: string, sources: string): string => {
    const output = join(directory, name);
    execFileSync('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', output, ...sourcesOf(sources)], {
      stdio: 'pipe',
    });
    return output;
  };
  return { attack: link('attack', 'inside'), host: link('host', 'host') };
}
