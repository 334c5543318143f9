/** What we pack, index, sign and serve, before the real apk of the minirootfs. */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { createMirror } from '../../src/mirror/create.ts';
import { packApk } from '../../src/mirror/pack.ts';
import type { PackageFacts } from '../../src/mirror/pkginfo-text.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { serveMirror } from '../../src/mirror/serve.ts';
import { generateSigningKey, type SignatureKind, type SigningKey } from '../../src/mirror/signing.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { capability } from '../helpers/capabilities.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const needs = capability('bwrap', 'upstream');
let root: string;
let key: SigningKey;

const facts = (name: string, more: Partial<PackageFacts> = {}): PackageFacts => ({
  name,
  version: '1.0-r0',
  arch: 'x86_64',
  description: 'a test',
  url: 'https://example.org',
  license: 'MIT',
  origin: name,
  maintainer: 'A <a@example.org>',
  buildTime: 1_700_000_000,
  ...more,
});

/** Runs in the real tree as its root, with our directory at /media. */
function inside(command: string): Promise<string> {
  const argv = [
    '--bind',
    join(root, 'tree'),
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--bind',
    root,
    '/media',
    '--unshare-user',
    '--uid',
    '0',
    '--gid',
    '0',
    '--clearenv',
    '--setenv',
    'PATH',
    '/sbin:/bin:/usr/sbin:/usr/bin',
    'sh',
    '-ec',
    command,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('bwrap', argv);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => void (output += bytes.toString()));
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`status ${String(status)}\n${output}`));
    });
  });
}

const makeRepository = async (name: string, kind: SignatureKind): Promise<string> => {
  const directory = join(root, name, 'x86_64');
  mkdirSync(directory, { recursive: true });
  const long = `opt/${name}/${'d'.repeat(90)}/${'f'.repeat(120)}`;
  const one = await packApk({
    key,
    signatureKind: kind,
    facts: facts(`${name}-one`, { provides: [`cmd:${name}=1.0-r0`] }),
    scripts: { 'post-install': '#!/bin/sh\necho one is here\n' },
    entries: [
      { kind: 'file', path: `opt/${name}/file`, mode: 0o4755, bytes: Buffer.from('text') },
      { kind: 'symlink', path: `opt/${name}/link`, mode: 0o777, target: 'file' },
      { kind: 'hardlink', path: `opt/${name}/twin`, mode: 0o4755, target: `opt/${name}/file` },
      { kind: 'directory', path: `opt/${name}/sticky`, mode: 0o1777 },
      { kind: 'file', path: long, mode: 0o600, bytes: Buffer.alloc(0) },
    ],
  });
  const two = await packApk({
    key,
    signatureKind: kind,
    facts: facts(`${name}-two`, { depends: [`${name}-one=1.0-r0`, 'so:libc.musl-x86_64.so.1'] }),
    entries: [],
  });
  for (const { fileName, bytes } of [one, two]) writeFileSync(join(directory, fileName), bytes);
  await indexDirectory({
    directory: hostPath(directory),
    description: 'test',
    time: 1_700_000_000,
    key,
    signatureKind: kind,
    arch: 'x86_64',
  });
  return directory;
};

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-oracle-mirror-'));
  for (const name of ['tree', 'keys']) mkdirSync(join(root, name));
  execFileSync('tar', [
    '-xzf',
    join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '-C',
    join(root, 'tree'),
    '--no-same-owner',
    '--exclude',
    './dev/*',
  ]);
  writeFileSync(join(root, 'tree', 'etc', 'apk', 'repositories'), '');
  key = await generateSigningKey('test', 2048);
  writeFileSync(join(root, 'keys', key.publicName), key.publicPem);
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

describe.skipIf(needs.skip)(`the real apk${needs.reason}`, () => {
  it.each(['RSA', 'RSA256', 'RSA512'] as const)(
    'verifies, installs and audits packages signed with %s',
    async (kind) => {
      const name = kind.toLowerCase();
      await makeRepository(name, kind);
      const output = await inside(
        `apk verify --keys-dir /media/keys /media/${name}/x86_64/*.apk
      apk add --keys-dir /media/keys --no-network --no-cache -X /media/${name} ${name}-two; apk ` +
          `audit --system; stat -c %a /opt/${name}/file /opt/${name}/sticky; readlink /opt/${name}/link; cat ` +
          `/opt/${name}/twin`,
      );
      expect(output).toContain(`${name}-one-1.0-r0.apk: 0 - OK`);
      expect(output).toContain('one is here');
      expect(output.slice(output.indexOf('OK: '))).toMatch(/^OK: .*\n4755\n1777\nfile\ntext$/);
    },
  );

  it('refuses the same packages without our key', async () => {
    await makeRepository('untrusted', 'RSA256');
    await expect(inside('apk add --no-network --no-cache -X /media/untrusted untrusted-one')).rejects.toThrow(
      /UNTRUSTED/,
    );
  });

  it('writes the same index as we do', async () => {
    const directory = await makeRepository('same', 'RSA256');
    await inside('apk index --keys-dir /media/keys -d test -o /media/theirs.tar.gz /media/same/x86_64/*.apk');
    const textOf = (file: string): string =>
      execFileSync('tar', ['-xzOf', file, 'APKINDEX'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString('latin1');
    expect(textOf(join(directory, 'APKINDEX.tar.gz'))).toBe(textOf(join(root, 'theirs.tar.gz')));
  });

  it(
    'installs from a partial mirror over HTTPS, and refuses the server when it does not know the ' + 'certificate',
    async () => {
      const from = await makeRepository('origin', 'RSA256');
      const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
      const packages = readdirSync(from)
        .filter((name) => name.endsWith('.apk'))
        .map((name) => {
          const path = hostPath(join(from, name));
          return {
            path,
            section: 'main',
            file: verifyPackage(bufferSource(name, readFileSync(path)), { keys }).package,
          };
        });
      const directory = hostPath(join(root, 'partial'));
      await createMirror({
        directory,
        arch: 'x86_64',
        branch: 'v3.19',
        packages,
        key,
        time: 1_700_000_000,
        emit: silent,
      });
      expect(
        gunzipSync(readFileSync(join(directory, 'v3.19', 'community', 'x86_64', 'APKINDEX.tar.gz'))).toString(
          'latin1',
        ),
      ).toContain('partial mirror');
      const server = await serveMirror({
        directory,
        tls: { privateDirectory: hostPath(join(root, 'tls')) },
        now: Date.now(),
        emit: silent,
      });
      const add = `apk add --keys-dir /media/keys --no-cache -X https://localhost:${server.port}/v3.19/main origin-two`;
      try {
        await expect(inside(add)).rejects.toThrow(/certificate verify failed/);
        appendFileSync(
          join(root, 'tree', 'etc', 'ssl', 'certs', 'ca-certificates.crt'),
          readFileSync(server.certificateFile ?? ''),
        );
        expect(
          await inside(
            `apk update --keys-dir /media/keys -X https://localhost:${server.port}/v3.19/main -X ` +
              `https://localhost:${server.port}/v3.19/community`,
          ),
        ).toMatch(/partial mirror made by alproot[\s\S]*OK: \d+ distinct packages available/);
        expect(await inside(add)).toMatch(/one is here[\s\S]*OK: [^\n]*\n$/);
      } finally {
        await server.close();
      }
    },
  );
});
