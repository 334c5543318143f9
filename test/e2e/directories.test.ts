/**
 * Where commands work, and what of the host they see: every directory under its own name, or a refusal before anything
 * is fetched.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

/** Says its arguments and what it sees: the first line of each file that an argument names. */
const GCC = '#!/bin/sh\necho "gcc $*"\nfor word; do [ -f "$word" ] && head -n 1 "$word"; done\nexit 0\n';
const isRoot = process.getuid?.() === 0;

describe.each(['bwrap', 'userns', 'proot'] as const)('directories of the host, by %s', (backend) => {
  const needs = capability('upstream', backend);
  let root: string;
  let mirror: ReleaseMirror;
  const alproot = (
    args: readonly string[],
    cwd: string,
    more: { readonly env?: Record<string, string>; readonly store?: string } = {},
  ): Promise<CliResult> => {
    const [verb = '', ...rest] = args;
    return runCli([verb, '--quiet', '--backend', backend, ...mirror.args, ...rest], {
      cwd,
      cache: more.store ?? join(root, 'store'),
      ...(more.env === undefined ? {} : { env: more.env }),
    });
  };
  beforeAll(async () => {
    if (needs.skip) return;
    root = realpathSync(mkdtempSync(join(tmpdir(), 'alproot-directories-')));
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'gcc', version: '1-r0', files: { 'usr/bin/gcc': GCC }, modes: { 'usr/bin/gcc': 0o755 } },
      { name: 'musl-dev', version: '1-r0' },
      { name: 'linux-headers', version: '1-r0' },
    ]);
    for (const name of ['work', 'inc', 'file']) mkdirSync(join(root, name));
    writeFileSync(join(root, 'inc', 'x.h'), 'the header\n');
  });
  afterAll(() => {
    if (!needs.skip) rmSync(root, { recursive: true, force: true });
  });

  it
    .skipIf(needs.skip)
    .each([
      '/tmp',
      '/dev/shm',
      '/var/tmp',
      '/home',
      '/opt',
      '/srv',
      '/mnt',
      '/media',
      '/usr/src',
      ...(isRoot ? ['/root'] : []),
    ])(`run and cc work in %s${needs.reason}`, async (directory) => {
    if (!existsSync(directory)) return;
    expect(await alproot(['run', '--', 'pwd'], directory)).toEqual({
      status: 0,
      stdout: `${directory}\n`,
      stderr: '',
    });
    expect(await alproot(['cc', '-c', 'x.c'], directory)).toEqual({ status: 0, stdout: 'gcc -c x.c\n', stderr: '' });
  });

  it.skipIf(needs.skip).each(['/tmp', '/dev/shm'])(
    `files right in %s are seen from there and from elsewhere, and can be written${needs.reason}`,
    async (directory) => {
      const name = `${basename(root)}-${backend}.c`;
      try {
        writeFileSync(join(directory, name), 'the source\n');
        expect((await alproot(['cc', '-c', name], directory)).stdout).toBe(`gcc -c ${name}\nthe source\n`);
        expect((await alproot(['cc', '-c', join(directory, name)], join(root, 'work'))).stdout).toBe(
          `gcc -c ${join(directory, name)}\nthe source\n`,
        );
        expect((await alproot(['run', '--', 'sh', '-c', `echo more >>${name}`], directory)).status).toBe(0);
        expect(readFileSync(join(directory, name), 'utf8')).toBe('the source\nmore\n');
      } finally {
        rmSync(join(directory, name), { force: true });
      }
    },
  );

  it.skipIf(needs.skip)(
    `a directory below the system's own is shown read-only where an argument names it${needs.reason}`,
    async () => {
      // Of the host's documentation there is always something.
      const directory =
        [
          '/usr/share/doc',
          '/usr/share/zoneinfo',
          '/usr/share/perl5',
          '/usr/share/common-licenses',
          '/usr/share/licenses',
        ].find((path) => existsSync(path)) ?? '/usr/share/doc';
      const { stdout } = await alproot(
        ['run', '--', 'sh', '-c', `ls -d ${directory} 2>/dev/null || echo none`],
        join(root, 'work'),
      );
      expect(stdout).toBe('none\n');
      expect((await alproot(['tool', 'sh', '-c', 'ls -d "$0"', directory], join(root, 'work'))).stdout).toBe(
        `${directory}\n`,
      );
    },
  );

  it.skipIf(needs.skip).each(['CPATH', 'C_INCLUDE_PATH', 'LIBRARY_PATH', 'PKG_CONFIG_PATH', 'CMAKE_PREFIX_PATH'])(
    `directories of %s are shown${needs.reason}`,
    async (name) => {
      const { stdout } = await alproot(['tool', 'sh', '-c', `cat "$${name}/x.h"`], join(root, 'work'), {
        env: { [name]: join(root, 'inc') },
      });
      expect(stdout).toBe('the header\n');
    },
  );

  it.skipIf(needs.skip)(`directories of response files are shown${needs.reason}`, async () => {
    writeFileSync(join(root, 'work', 'words'), `-c\n"${join(root, 'inc', 'x.h')}"\n`);
    // The shell is given the file, and looks for what the file names.
    const { stdout } = await alproot(
      ['tool', 'sh', '-c', `cat ${join(root, 'inc')}/x.h; echo "$0"`, '@words'],
      join(root, 'work'),
    );
    expect(stdout).toBe('the header\n@words\n');
  });

  it.skipIf(needs.skip).each([
    ['run', ['run', '--', 'pwd'], '/'],
    ['run', ['run', '--', 'pwd'], '/usr'],
    ['cc', ['cc', '-c', 'x.c'], '/usr/bin'],
    ['cc', ['cc', '-c', 'x.c'], '/etc'],
    ['an output', ['cc', 'x.c', '-o', '/usr/local/bin/x'], '/tmp'],
  ])(`%s: %j in %s is refused before anything is fetched${needs.reason}`, async (_name, args, directory) => {
    const store = join(root, `untouched-${backend}`);
    const { status, stdout, stderr } = await alproot(args, directory, { store });
    expect([status, stdout], stderr).toEqual([125, '']);
    expect(stderr).toMatch(/the environment has its own .*\[ALP_RUN_MOUNT\]\nhint: /);
    expect(existsSync(join(store, 'snapshots')) && existsSync(join(store, 'blobs', 'sha256'))).toBe(false);
  });

  it.skipIf(needs.skip)(
    `a command that names its working directory inside may be started anywhere${needs.reason}`,
    async () => {
      expect(await alproot(['run', '-w', '/', '--', 'pwd'], '/')).toEqual({ status: 0, stdout: '/\n', stderr: '' });
      expect(await alproot(['run', '-w', '/usr', '--', 'pwd'], '/usr')).toEqual({
        status: 0,
        stdout: '/usr\n',
        stderr: '',
      });
    },
  );

  it.skipIf(needs.skip || backend === 'proot')(
    `a store inside the working directory cannot be written to from inside${needs.reason}`,
    async () => {
      const { stdout } = await alproot(
        [
          'run',
          '--',
          'sh',
          '-c',
          'echo >store/mine 2>/dev/null && echo written || echo refused; echo >work/mine && echo ok',
        ],
        root,
      );
      expect(stdout).toBe('refused\nok\n');
      expect(existsSync(join(root, 'store', 'mine'))).toBe(false);
    },
  );

  it.skipIf(needs.skip).each(['missing', 'file'])(
    `a TMPDIR that is %s is passed over${needs.reason}`,
    async (kind) => {
      const TMPDIR = join(root, kind === 'file' ? 'work/words' : 'nowhere');
      writeFileSync(join(root, 'work', 'words'), '-c x.c');
      writeFileSync(
        join(root, 'work', 'Dockerfile'),
        'FROM alpine:3.19\nRUN echo here >/x\nFROM scratch\nCOPY --from=0 /x /\n',
      );
      expect(await alproot(['cc', '-c', 'x.c'], join(root, 'work'), { env: { TMPDIR } })).toEqual({
        status: 0,
        stdout: 'gcc -c x.c\n',
        stderr: '',
      });
      const out = `out-${kind}-${backend}`;
      const built = await alproot(['build', '-o', `../${out}`, '.'], join(root, 'work'), { env: { TMPDIR } });
      expect(built.status, built.stderr).toBe(0);
      expect(readFileSync(join(root, out, 'x'), 'utf8')).toBe('here\n');
    },
  );
});
