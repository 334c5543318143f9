import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryRoot } from '../../../src/system/process/temporary-root.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'alproot-temporary-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the directory for temporary files', () => {
  it('is the first that can be used: one that is missing or a file is passed over', () => {
    const [missing, file, good] = ['missing', 'file', 'good'].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, '');
    mkdirSync(good);
    expect(temporaryRoot([missing, file, join(file, 'below'), good, root])).toBe(good);
    expect(temporaryRoot([root, good])).toBe(root);
  });

  it.skipIf(process.getuid?.() === 0)('is not one that may only be read', () => {
    const closed = join(root, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    expect(temporaryRoot([closed, root])).toBe(root);
  });

  it('may be named from the working directory', () => {
    expect(temporaryRoot([relative(process.cwd(), root)])).toBe(root);
  });

  it('is an error that names all that were tried where there is none', () => {
    expect(() => temporaryRoot([join(root, 'a'), join(root, 'b')])).toThrow(
      expect.objectContaining({
        code: 'ALP_STORE_WRITE',
        message: expect.stringMatching(/\/a`.*\/b`/) as string,
        hint: expect.stringContaining('TMPDIR') as string,
      }),
    );
  });
});
