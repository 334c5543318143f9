import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { completionScript, flagsOf, subcommandsOf, type Shell } from '../../src/cli/completion.ts';
import { COMMON_OPTIONS } from '../../src/cli/options.ts';
import { hasProgram, withDirectory } from '../helpers/compile.ts';

const TABLE = { commands: COMMANDS, common: COMMON_OPTIONS };

/** What bash offers for the last of `words`. */
function buildable(words: readonly string[]): string[] {
  const script = `${completionScript('bash', TABLE)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_alproot
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

it('every option of the table is understood', () => {
  for (const spec of COMMANDS)
    for (const { long } of flagsOf(spec, COMMON_OPTIONS)) expect(long, spec.name).toMatch(/^--[a-z][a-z-]*$/);
});

describe.skipIf(!hasProgram('bash'))('bash', () => {
  it('offers commands first', () => {
    expect(buildable(['alproot', 'ins'])).toEqual(['inspect']);
    expect(buildable(['alproot', ''])).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name)));
  });

  it("offers a command's options and the common ones", () => {
    expect(buildable(['alproot', 'inspect', '--re'])).toEqual(
      expect.arrayContaining(['--require', '--release', '--refresh']),
    );
    expect(buildable(['alproot', 'inspect', '--sy'])).toEqual(['--symbols']);
  });

  it('offers choices of an option and of an argument', () => {
    expect(buildable(['alproot', 'run', '--backend', ''])).toEqual(['bwrap', 'userns', 'chroot', 'proot', 'loader']);
    const cache = COMMANDS.find(({ name }) => name === 'cache');
    expect(buildable(['alproot', 'cache', ''])).toEqual(cache === undefined ? [] : subcommandsOf(cache));
  });

  it('leaves files to the shell', () => {
    expect(buildable(['alproot', 'verify', 'x'])).toEqual([]);
  });
});

describe.each<Shell>(['bash', 'zsh', 'fish'])('the script for %s', (shell) => {
  it.skipIf(!hasProgram(shell))('is accepted by it', () => {
    withDirectory((directory) => {
      const file = join(directory, 'script');
      writeFileSync(file, completionScript(shell, TABLE));
      expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    });
  });

  it('names every command', () => {
    const script = completionScript(shell, TABLE);
    for (const { name } of COMMANDS) expect(script).toContain(name);
  });
});
