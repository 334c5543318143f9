/** SOURCE_DATE_EPOCH is read once: a bad value is refused by every command, before it does anything. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../helpers/cli.ts';

const argumentsOf = ({ args }: { readonly args?: string }): string[] => (args?.match(/</g) ?? []).map(() => 'x');

it.each(COMMANDS.map((spec) => [spec.name, ...argumentsOf(spec)]))('alproot %s', async (...words) => {
  const cwd = mkdtempSync(join(tmpdir(), 'alproot-epoch-'));
  try {
    const { status, stderr, stdout } = await runCli(words, {
      cwd,
      cache: join(cwd, 'store'),
      env: { SOURCE_DATE_EPOCH: 'abc' },
    });
    const expected = 'expected whole seconds since 1970, at most \\d+ \\[ALP_USAGE_CONFIG\\]';
    expect(stderr).toMatch(new RegExp(`^alproot: error: SOURCE_DATE_EPOCH is \`abc\`: ${expected}\\nhint: .*\\n$`));
    expect([status, stdout, readdirSync(cwd)]).toEqual([2, '', []]);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});

it.each(['-1', '1.5', '1e3', ' 1', '253402300800', '0x10'])('SOURCE_DATE_EPOCH=%j', async (value) => {
  expect((await runCli(['cache', 'path'], { env: { SOURCE_DATE_EPOCH: value } })).status).toBe(2);
});

it.each(['', '0', '1700000000', '253402300799'])('SOURCE_DATE_EPOCH=%j is taken', async (value) => {
  expect((await runCli(['cache', 'path'], { env: { SOURCE_DATE_EPOCH: value } })).status).toBe(0);
});
