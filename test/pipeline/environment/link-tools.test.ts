import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { writeToolLinks } from '../../../src/pipeline/environment/link-tools.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'alproot-tools-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (packages?: string[]): string[] =>
  writeToolLinks(hostPath(root), {
    arch: 'x86_64',
    launcher: ['/bin/echo', "it's"],
    ...(packages === undefined ? {} : { packages }),
  });
const start = (name: string, ...args: string[]): string => execFileSync(join(root, name), args, { encoding: 'utf8' });

describe('link-tools', () => {
  it('writes the names of musl toolchains, which start the tool behind them', () => {
    expect(write()).toEqual(
      expect.arrayContaining([
        'musl-gcc',
        'x86_64-linux-musl-gcc',
        'x86_64-linux-musl-g++',
        'x86_64-alpine-linux-musl-ar',
        'x86_64-linux-musl.cmake',
      ]),
    );
    expect(start('x86_64-linux-musl-cc', 'a b', '-c')).toBe("it's tool --arch x86_64 -- gcc a b -c\n");
    expect(start('x86_64-linux-musl-c++')).toBe("it's tool --arch x86_64 -- g++\n");
    expect(start('x86_64-alpine-linux-musl-strip')).toBe("it's tool --arch x86_64 -- strip\n");
  });

  it('the tools have the packages that were asked for', () => {
    write(['zlib-dev', 'zlib-static']);
    expect(start('musl-gcc')).toBe("it's tool --arch x86_64 --package zlib-dev --package zlib-static -- gcc\n");
  });

  it('the toolchain file names the tools beside it and looks for libraries in the environment alone', () => {
    write();
    const text = readFileSync(join(root, 'x86_64-linux-musl.cmake'), 'utf8');
    expect(text).toContain('set(CMAKE_C_COMPILER "${CMAKE_CURRENT_LIST_DIR}/x86_64-linux-musl-gcc")');
    expect(text).toMatch(/-print-sysroot\s+OUTPUT_VARIABLE/);
    for (const kind of ['LIBRARY', 'INCLUDE', 'PACKAGE'])
      expect(text).toContain(`set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)`);
  });

  it('refuses a file as its directory', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => writeToolLinks(hostPath(join(root, 'file')), { arch: 'x86_64', launcher: [] })).toThrow(
      expect.objectContaining({ code: 'ALP_FILE_WRITE' }),
    );
  });
});
