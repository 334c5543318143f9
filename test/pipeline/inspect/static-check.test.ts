import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Config } from '../../../src/core/config.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { warnOfDynamicPrograms } from '../../../src/pipeline/inspect/static-check.ts';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-static-'));
  for (const name of ['out/bin', 'outside']) mkdirSync(join(work, name), { recursive: true });
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const warnings = (): string[] => {
  const seen: string[] = [];
  const emit: Config['emit'] = (event) => void (event.kind === 'warning' && seen.push(event.message));
  warnOfDynamicPrograms({ emit } as Config, ['out'], hostPath(work));
  return seen;
};

it('warns of a dynamic program whose loader is not in the output', () => {
  copyFileSync('/bin/ls', join(work, 'out/bin/ls'));
  expect(warnings()).toEqual([
    expect.stringMatching(/^bin\/ls is dynamic and its loader \S+ is not in the output; it needs .*libc/),
  ]);
});

it('does not follow links of the image into the host', () => {
  copyFileSync('/bin/ls', join(work, 'outside/ls'));
  symlinkSync(join(work, 'outside'), join(work, 'out/var'));
  symlinkSync('/bin/ls', join(work, 'out/bin/ls'));
  symlinkSync(work, join(work, 'out/loop'));
  expect(warnings()).toEqual([]);
});
