/**
 * `alproot shell` on a terminal: Ctrl-C ends what runs in the shell and not the shell, and the shell's status comes
 * out.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { survivors } from '../helpers/survivors.ts';

let root: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  if (capability('upstream').skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-terminal-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), []);
  mkdirSync(join(root, 'work'));
});
afterAll(() => {
  if (!capability('upstream').skip) rmSync(root, { recursive: true, force: true });
});

/** Types each line when the text before it has been seen. @returns the status, and all that the terminal showed */
function converse(
  backend: string,
  steps: readonly (readonly [sees: string, types: string])[],
): Promise<{ status: number | null; text: string }> {
  const command = [process.execPath, builtCommand(), 'shell', '--backend', backend, ...mirror.args].join(' ');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: root,
    TMPDIR: root,
    ALPROOT_CACHE: join(root, 'cache'),
    SHELL: '/bin/sh',
    TERM: 'dumb',
    WORD: join(root, backend),
  };
  const child = spawn('script', ['-q', '-e', '-f', '-c', command, '/dev/null'], {
    cwd: join(root, 'work'),
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let seen = 0;
  const left = [...steps];
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString();
    for (let next = left[0]; next !== undefined && text.indexOf(next[0], seen) >= 0; next = left[0]) {
      seen = text.indexOf(next[0], seen) + next[0].length;
      child.stdin.write(next[1]);
      left.shift();
    }
  });
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, text })));
}

describe.each(['bwrap', 'userns', 'chroot', 'proot', 'loader'] as const)('under %s', (backend) => {
  const needs = capability('upstream', ...(backend === 'loader' ? [] : [backend]));
  it.skipIf(needs.skip)(`Ctrl-C ends the command, the shell goes on, and nothing is left${needs.reason}`, async () => {
    // What is looked for is never what was typed: the terminal echoes that.
    const { status, text } = await converse(
      backend,
      [
        ['# ', 'sh -c "echo go""ing; exec sleep 1000"\n'],
        ['going', '\x03'],
        ['# ', '(setsid sleep 1000 &); echo "was" $?\n'],
        ['was 0', 'exit 5\n'],
      ].map(([sees = '', types = '']) => [sees, types] as const),
    );
    expect(text).toContain('was 0');
    expect(status).toBe(5);
    expect(await survivors(join(root, backend))).toEqual([]);
  });
});

const piped = capability('upstream', 'bwrap');
it.skipIf(piped.skip)(
  `a shell whose input is not a terminal does what it reads, byte for byte, and ends with it${piped.reason}`,
  async () => {
    const shell = (input: string): ReturnType<typeof runCli> =>
      runCli(['shell', '--backend', 'bwrap', ...mirror.args], {
        cwd: join(root, 'work'),
        cache: join(root, 'cache'),
        input,
      });
    expect(await shell('echo $((6*7))\nexit 3\n')).toMatchObject({ status: 3, stdout: '42\n' });
    expect(await shell('')).toMatchObject({ status: 0, stdout: '' });
  },
);
