/** `alproot cc` around a compiler that says what it is told to say. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'proot');

describe.skipIf(needs.skip)(`alproot cc${needs.reason}`, () => {
  let root: string;
  let mirror: ReleaseMirror;
  const cc = (args: readonly string[], input?: string): Promise<CliResult> =>
    runCli(['cc', '--quiet', '--backend', 'proot', ...mirror.args, ...args], {
      cwd: root,
      cache: join(root, 'cache'),
      ...(input === undefined ? {} : { input }),
    });
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-cc-'));
    // It prints the file that its last argument names, and fails; with `-` it repeats its input.
    const gcc =
      '#!/bin/sh\nfor last; do :; done\n[ "$last" = - ] && exec cat\n[ "$last" = ok ] && { echo "$@"; exit 0; }\ncat "$last" >&2\nexit 4\n';
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'gcc', version: '1-r0', files: { 'usr/bin/gcc': gcc }, modes: { 'usr/bin/gcc': 0o755 } },
      { name: 'musl-dev', version: '1-r0' },
      { name: 'linux-headers', version: '1-r0' },
    ]);
    chmodSync(root, 0o755);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('passes arguments, input and output through', async () => {
    expect(await cc(['-O2', '-Wl,-Map=a b', 'ok'])).toEqual({
      status: 0,
      stdout: '-static -O2 -Wl,-Map=a b ok\n',
      stderr: '',
    });
    expect(await cc(['-c', '-O2', 'ok'])).toEqual({ status: 0, stdout: '-c -O2 ok\n', stderr: '' });
    expect(await cc(['--dynamic', '-pie', 'ok'])).toEqual({ status: 0, stdout: '-pie ok\n', stderr: '' });
    expect(await cc(['-x', 'c', '-'], 'int x;\n')).toEqual({ status: 0, stdout: 'int x;\n', stderr: '' });
  });

  it("keeps the compiler's words and status, and says which package has the library that it lacks", async () => {
    const said = '/usr/bin/ld: cannot find -lsodium: No such file or directory\n';
    writeFileSync(join(root, 'said'), said);
    const { status, stdout, stderr } = await cc(['said']);
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toBe(
      `${said}warning: the static library libsodium.a is missing (alproot cc --package libsodium-dev,libsodium-static …)\n`,
    );
  });

  it('hands on no descriptor that its caller left open', async () => {
    const leaky = ['sh', '-c', 'exec 7</etc/passwd; exec "$0" "$@"'];
    const { stdout } = await runCli(
      [
        'run',
        '--quiet',
        '--backend',
        'proot',
        ...mirror.args,
        '--',
        'sh',
        '-c',
        '[ -e /proc/self/fd/7 ] && echo open || echo closed',
      ],
      { cwd: root, cache: join(root, 'cache'), prefix: leaky },
    );
    expect(stdout).toBe('closed\n');
  });

  it('prints its sysroot, and takes paths below it for files of the environment', async () => {
    const { status, stdout } = await cc(['-print-sysroot']);
    expect([status, existsSync(join(stdout.trim(), 'usr/bin/gcc'))]).toEqual([0, true]);
    expect(await cc([`-I${stdout.trim()}/usr/include`, `--sysroot=${stdout.trim()}`, 'ok'])).toMatchObject({
      stdout: '-static -I/usr/include --sysroot=/ ok\n',
    });
  });

  it("says that a file of the host's own is not shown where the environment has none", async () => {
    const path = '/bin/bash';
    expect((await cc([path])).stderr).toContain(`warning: \`${path}\` means the environment's own file`);
  });

  it('gives no advice on what it does not know', async () => {
    writeFileSync(join(root, 'said'), 'cc1: fatal error: nothere.c: No such file or directory\n');
    expect((await cc(['said'])).stderr).toBe('cc1: fatal error: nothere.c: No such file or directory\n');
  });
});
