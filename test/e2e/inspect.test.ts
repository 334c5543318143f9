import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, steady, type CliResult } from '../helpers/cli.ts';
import { compile, hasProgram } from '../helpers/compile.ts';
import { makeElf } from '../helpers/make-elf.ts';

let directory = '';
const inspect = (...args: string[]): Promise<CliResult> => runCli(['inspect', ...args], { cwd: directory });
const shown = ({ status, stdout, stderr }: CliResult): object => ({
  status,
  stdout: steady(stdout, { [directory]: '<dir>' }),
  stderr: steady(stderr, { [directory]: '<dir>' }),
});

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-inspect-'));
  writeFileSync(
    join(directory, 'static'),
    makeElf({ code: Buffer.from('4831ed4889e7488d35000000004883e4f0e800000000', 'hex'), marks: [[0x6474e551, 6]] }),
  );
  writeFileSync(
    join(directory, 'dynamic'),
    makeElf({
      type: 3,
      interpreter: '/lib/ld-musl-x86_64.so.1',
      dynamic: [
        [1, 'libcrypto.so.3'],
        [1, 'libc.musl-x86_64.so.1'],
        [0x6ffffffb, 0x08000000],
      ],
    }),
  );
  writeFileSync(
    join(directory, 'hostile'),
    makeElf({ interpreter: '/lib/\x1b]0;owned\x07', dynamic: [[1, '\x1b[2J']] }),
  );
  writeFileSync(join(directory, 'script'), '#!/bin/sh\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('alproot inspect', () => {
  it('reports a static musl program', async () => {
    expect(shown(await inspect('static'))).toMatchSnapshot();
  });

  it('ends with 0 when every demand is met', async () => {
    expect(await inspect('--require', 'static,musl,stripped,nx,max-size=1K', 'static')).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('ends with 1 and names each demand that is not met', async () => {
    expect(shown(await inspect('--require', 'static,musl,stripped,max-size=0.2K', 'dynamic'))).toMatchSnapshot();
  });

  it('gives one JSON object with --json', async () => {
    const { status, stdout } = await inspect('--json', '--require', 'static', 'dynamic');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'result',
      value: {
        kind: 'elf',
        report: { linkage: 'dynamic', needed: ['libcrypto.so.3', 'libc.musl-x86_64.so.1'], libc: { name: 'musl' } },
        failures: [{ requirement: 'static' }],
      },
    });
  });

  it.each([
    ['a file that is not an ELF file', ['script'], 5, 'ALP_FORMAT_ELF'],
    ['a missing file', ['nothing'], 2, 'ALP_USAGE_ARGUMENT'],
    ['no file at all', [], 2, 'ALP_USAGE'],
    ['an unknown demand', ['--require', 'small', 'static'], 2, 'ALP_USAGE_OPTION'],
    ['a map that is none', ['--map', 'script', 'static'], 5, 'ALP_FORMAT_TEXT'],
  ])('%s ends with its own status and code', async (_what, args, status, code) => {
    const result = await inspect(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(code);
    expect(result.stdout).toBe('');
  });

  it('a hostile file cannot write to the terminal', async () => {
    const { stdout, stderr } = await inspect('--require', 'static', 'hostile');
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(stdout).toContain('\\x1b[2J');
  });

  it.skipIf(!hasProgram('gcc'))(
    'gives sizes by library from a linker map, and by source file without one',
    async () => {
      const { bytes, map } = compile('gcc', ['-static']);
      writeFileSync(join(directory, 'real'), bytes);
      writeFileSync(join(directory, 'real.map'), map);
      expect((await inspect('--map', 'real.map', 'real')).stdout).toMatch(
        /sizes by library[^]*\d+ {2}libc\.a\n[^]*in all/,
      );
      expect((await inspect('--symbols', 'real')).stdout).toContain('sizes by source file');
    },
  );
});
