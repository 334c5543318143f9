/** Why a directory cannot be made is told by its true name, however much of its path is missing. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories } from '../../../src/system/files/make-directories.ts';
import { capability } from '../../helpers/capabilities.ts';
import { projectRoot } from '../../helpers/project.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'alproot-make-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a directory', () => {
  it('is made with all that is missing above it, and twice without harm', () => {
    for (let turn = 0; turn < 2; turn++) makeDirectories(join(root, 'a/b/c'), 0o750);
    expect([lstatSync(join(root, 'a')).mode & 0o777, lstatSync(join(root, 'a/b/c')).mode & 0o777]).toEqual([
      0o750, 0o750,
    ]);
  });

  it('is none when something else is there', () => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync('nowhere', join(root, 'dangling'));
    expect(() => makeDirectories(join(root, 'file'))).toThrow('EEXIST');
    expect(() => makeDirectories(join(root, 'file/a/b'))).toThrow('ENOTDIR');
    expect(() => makeDirectories(join(root, 'dangling/a'))).toThrow('EEXIST');
  });
});

const userns = capability('userns');
describe.skipIf(userns.skip)(`on a read-only file system${userns.reason}`, () => {
  const tried = (module: string, call: string): string => {
    const program = `const all = await import('${projectRoot}/src/system/${module}.ts');
      try { all.${call}; console.log('made'); } catch (error) { console.log(error.message); }`;
    const script = 'mount -t tmpfs -o ro tmpfs "$1" && cd "$2" && exec "$3" --import tsx --input-type=module -e "$4"';
    return spawnSync(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', root, projectRoot, process.execPath, program],
      { encoding: 'utf8' },
    ).stdout;
  };

  it.each([
    ['files/host-directories', (path: string) => `makeDirectory(${JSON.stringify(path)})`],
    ['files/files', (path: string) => `writeFileAtomic(${JSON.stringify(path)}, 'x')`],
  ] as const)('%s says EROFS', (module, call) => {
    for (const path of ['one', 'one/two/three'])
      expect(tried(module, call(join(root, path)))).toMatch(
        /^cannot (?:make|write) .*: read-only file system \(EROFS\)\n$/,
      );
  });
});
