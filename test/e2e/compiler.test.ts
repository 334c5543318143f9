/**
 * What the real compiler makes: programs that run where they were made, by the command line, by the tools' names and
 * by CMake.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectElf } from '../../src/ship/inspect-report.ts';
import { capability } from '../helpers/capabilities.ts';
import { runArgv, runCli, type CliResult } from '../helpers/cli.ts';

const needs = capability('apt', 'bwrap');
const hasCmake = ['/usr/bin/cmake', '/usr/local/bin/cmake'].some((path) => existsSync(path));

describe.skipIf(needs.skip)(`the compiler${needs.reason}`, () => {
  let root: string;
  let work: string;
  let env: Record<string, string>;
  const alproot = (...args: string[]): Promise<CliResult> =>
    runCli(args, { cwd: work, cache: join(root, 'store'), env });
  const cc = async (...args: string[]): Promise<CliResult> => alproot('cc', '--quiet', ...args);
  const start = (name: string): string => execFileSync(join(work, name), { encoding: 'utf8' });
  const linkage = (name: string): string => inspectElf(readFileSync(join(work, name))).linkage;
  beforeAll(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'alproot-compiler-')));
    work = join(root, 'work');
    mkdirSync(work);
    env = { ALPROOT_MIRROR: join(root, 'mirror'), ALPROOT_KEYS: join(root, 'mirror', 'keys') };
    writeFileSync(
      join(work, 'hello.c'),
      '#include <stdio.h>\nint three(void);\nint main(void) { return printf("hello %d\\n", three()) < 0; }\n',
    );
    writeFileSync(join(work, 'three.c'), 'int three(void) { return 3; }\n');
    const { status, stderr } = await runCli(['mirror', 'from-debian', join(root, 'mirror'), '--quiet'], {
      cwd: work,
      cache: join(root, 'store'),
    });
    expect(status, stderr).toBe(0);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('makes a program that runs here, without a word about it', async () => {
    expect(await cc('hello.c', 'three.c', '-o', 'hello')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect([start('hello'), linkage('hello')]).toEqual(['hello 3\n', 'static']);
  });

  it('makes a position independent one of -pie that runs here too', async () => {
    expect(await cc('-fPIE', '-pie', 'hello.c', 'three.c', '-o', 'pie')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect([start('pie'), linkage('pie')]).toEqual(['hello 3\n', 'static-pie']);
  });

  it('makes shared libraries, and dynamic programs of them and of -dynamic', async () => {
    expect(await cc('-shared', '-fPIC', 'three.c', '-o', 'libthree.so')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(await cc('hello.c', './libthree.so', '-o', 'linked')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await cc('-dynamic', 'hello.c', 'three.c', '-o', 'dynamic')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect([linkage('libthree.so'), linkage('linked'), linkage('dynamic')]).toEqual([
      'shared-library',
      'dynamic',
      'dynamic',
    ]);
  });

  it.skipIf(!hasCmake)('serves CMake, by CC and by the toolchain file', async () => {
    writeFileSync(
      join(work, 'CMakeLists.txt'),
      [
        'cmake_minimum_required(VERSION 3.10)',
        'project(t C)',
        'include(CheckTypeSize)',
        'check_type_size("void*" POINTER)',
        'find_library(HOST_LIBC c)',
        'message(STATUS "size ${CMAKE_SIZEOF_VOID_P} ${POINTER} libc ${HOST_LIBC}")',
        'add_executable(made hello.c three.c)',
        '',
      ].join('\n'),
    );
    const linked = await alproot('link-tools', join(root, 'tools'));
    expect(linked.stdout).toMatch(/^\d+ files in .*, such as \S+-linux-musl-gcc and \S+-linux-musl\.cmake\n$/);
    expect(linked.status).toBe(0);
    const program = join(root, 'alproot');
    writeFileSync(
      program,
      `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, '..', '..', 'dist', 'alproot.cjs')}' "$@"\n`,
      { mode: 0o755 },
    );
    const common = { PATH: process.env['PATH'] ?? '', HOME: root, ALPROOT_CACHE: join(root, 'store'), ...env };
    for (const [name, args, more] of [
      ['by-cc', [], { CC: `${program} cc` }],
      ['by-file', [`-DCMAKE_TOOLCHAIN_FILE=${join(root, 'tools', 'x86_64-linux-musl.cmake')}`], {}],
    ] as const) {
      const made = await runArgv(['cmake', '-S', '.', '-B', name, ...args], {
        cwd: work,
        env: { ...common, ...more },
      });
      expect(made.status, made.stderr).toBe(0);
      expect(made.stdout).toContain('Detecting C compiler ABI info - done');
      expect(made.stdout).toMatch(/size 8 8 libc /);
      if (name === 'by-file') expect(made.stdout).toMatch(/libc .*\/tree\/usr\/lib\/libc\.\w+\n/);
      const built = await runArgv(['cmake', '--build', name], { cwd: work, env: { ...common, ...more } });
      expect(built.status, built.stderr).toBe(0);
      expect([start(`${name}/made`), linkage(`${name}/made`)]).toEqual(['hello 3\n', 'static']);
    }
  });
});
