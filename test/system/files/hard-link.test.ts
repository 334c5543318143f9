import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { linkOrCopy } from '../../../src/system/files/hard-link.ts';

let place: string;
const at = (name: string): Buffer => Buffer.from(join(place, name));
beforeEach(() => void (place = mkdtempSync(join(tmpdir(), 'alproot-links-'))));
afterEach(() => rmSync(place, { recursive: true, force: true }));

it('gives a file one name more than the file system does, with its mode, its time and its content', () => {
  writeFileSync(join(place, 'file'), 'content');
  chmodSync(join(place, 'file'), 0o751);
  utimesSync(join(place, 'file'), 1_700_000_000, 1_700_000_000);
  for (let count = 0; count < 65_001; count++) linkOrCopy(at('file'), at(`link${count}`));
  const names = readdirSync(place);
  expect(names.length).toBe(65_002);
  const odd = names.filter((name) => {
    const { mode, mtimeMs, size } = statSync(join(place, name));
    return (mode & 0o7777) !== 0o751 || mtimeMs !== 1_700_000_000_000 || size !== 7;
  });
  expect(odd).toEqual([]);
  expect(readFileSync(join(place, 'link65000'), 'utf8')).toBe('content');
});

it('copies to nothing that is there, and copies no link', () => {
  writeFileSync(join(place, 'file'), 'content');
  writeFileSync(join(place, 'taken'), 'mine');
  expect(() => linkOrCopy(at('file'), at('taken'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  symlinkSync('file', join(place, 'symlink'));
  linkOrCopy(at('symlink'), at('second'));
  expect([readFileSync(join(place, 'taken'), 'utf8'), lstatSync(join(place, 'second')).isSymbolicLink()]).toEqual([
    'mine',
    true,
  ]);
});
