import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { removeTree } from '../../../src/system/files/remove-tree.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'alproot-removal-'))));
afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwx', root]);
  rmSync(root, { recursive: true, force: true });
});
const at = (...parts: string[]): string => join(root, ...parts);
const remove = (name = 'tree'): void => removeTree(hostPath(at(name)));

it('removes links and not what they lead to, at any place', () => {
  mkdirSync(at('outside'));
  writeFileSync(at('outside', 'canary'), 'alive');
  mkdirSync(at('tree', 'sub'), { recursive: true });
  symlinkSync(at('outside'), at('tree', 'directory'));
  symlinkSync(at('outside', 'canary'), at('tree', 'sub', 'file'));
  symlinkSync('..', at('tree', 'sub', 'up'));
  symlinkSync(at('outside'), at('link'));
  remove();
  remove('link');
  expect([existsSync(at('tree')), existsSync(at('link')), readFileSync(at('outside', 'canary'), 'utf8')]).toEqual([
    false,
    false,
    'alive',
  ]);
});

it('removes names that are not text, and more levels than descriptors', () => {
  const deep = at('tree', ...Array.from({ length: 60 }, (_, level) => `d${level}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'file'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${at('tree')}/`), Buffer.from([0xff, 0xfe])]), '');
  const load = `const { removeTree } = await import('./src/system/files/remove-tree.ts');`;
  const script = `${load} removeTree(process.argv[1]);`;
  execFileSync('sh', [
    '-c',
    'ulimit -n 48 && exec "$0" --import tsx --input-type=module -e "$1" "$2"',
    process.execPath,
    script,
    at('tree'),
  ]);
  expect(existsSync(at('tree'))).toBe(false);
});

it('removes what its owner may neither list nor enter', () => {
  for (const [index, mode] of [0, 0o100, 0o200, 0o300, 0o400, 0o500].entries()) {
    mkdirSync(at('tree', String(index), 'inner'), { recursive: true });
    writeFileSync(at('tree', String(index), 'inner', 'file'), '');
    chmodSync(at('tree', String(index), 'inner'), mode);
    chmodSync(at('tree', String(index)), mode);
  }
  // Root may do everything: somebody else has to try.
  if (process.getuid?.() === 0) {
    execFileSync('chown', ['-R', '12345:12345', root]);
    chownSync(root, 12345, 12345);
    chmodSync(root, 0o755);
    const script = `process.setgroups([]); process.setgid(12345); process.setuid(12345); removeTree(process.argv[1]);`;
    execFileSync(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `const { removeTree } = await import('./src/system/files/remove-tree.ts'); ${script}`,
      at('tree'),
    ]);
  } else remove();
  expect(existsSync(at('tree'))).toBe(false);
});

it('finds nothing to do where nothing is', () => {
  expect(() => remove('nowhere')).not.toThrow();
});

it('says what could not be removed, and why', () => {
  expect(() => removeTree(hostPath('/proc/self/task'))).toThrow(
    expect.objectContaining({
      code: 'ALP_FILE_WRITE',
      message: expect.stringMatching(/^cannot remove .*: .* \(E[A-Z]+\)$/) as string,
    }),
  );
});
