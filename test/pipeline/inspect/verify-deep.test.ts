import { mirrorAt } from '../../../src/core/mirror.ts';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import { hostPath } from '../../../src/core/paths.ts';
import type { TarItem } from '../../../src/formats/tar/tar-writer.ts';
import { packApk } from '../../../src/mirror/pack.ts';
import { indexDirectory } from '../../../src/mirror/repository.ts';
import { generateSigningKey, type SigningKey } from '../../../src/mirror/signing.ts';
import { verifyDeep, type DeepVerdict } from '../../../src/pipeline/inspect/verify-deep.ts';

let work: string;
let tree: string;
let main: string;
let key: SigningKey;

/** A mirror with two packages, and the tree that they make, with the files that apk and scripts add. */
beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-deep-'));
  [tree, main] = [join(work, 'tree'), join(work, 'mirror', 'v3.19', 'main', 'x86_64')];
  for (const directory of [join(tree, 'lib/apk/db'), main]) mkdirSync(directory, { recursive: true });
  key = await generateSigningKey('test', 2048);
  writeFileSync(join(work, key.publicName), key.publicPem);
  await publish('base', [
    { kind: 'file', path: 'bin/busybox', mode: 0o755, bytes: Buffer.from('busybox') },
    { kind: 'hardlink', path: 'bin/twin', mode: 0o755, target: 'bin/busybox' },
    { kind: 'symlink', path: 'bin/link', mode: 0o777, target: 'busybox' },
    { kind: 'file', path: 'etc/passwd', mode: 0o644, bytes: Buffer.from('root') },
    { kind: 'file', path: 'etc/alpine-release', mode: 0o644, bytes: Buffer.from('3.19.4\n') },
  ]);
  await publish('app', [{ kind: 'file', path: 'usr/bin/app', mode: 0o755, bytes: Buffer.from('app') }]);
  await indexDirectory({ directory: hostPath(main), description: 'test', time: 1_700_000_000, key, arch: 'x86_64' });
  writeFileSync(
    join(tree, 'lib/apk/db/installed'),
    execFileSync('tar', ['-xzOf', join(main, 'APKINDEX.tar.gz'), 'APKINDEX'], { stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  symlinkSync('/bin/busybox', join(tree, 'bin/sh'));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

async function publish(name: string, entries: readonly TarItem[], signer = key): Promise<void> {
  const facts = {
    name,
    version: '1-r0',
    arch: 'x86_64' as const,
    description: 'd',
    url: 'https://example.org',
    license: 'MIT',
    origin: name,
    maintainer: 'A <a@example.org>',
    buildTime: 1_700_000_000,
  };
  const { fileName, bytes } = await packApk({ key: signer, facts, entries });
  writeFileSync(join(main, fileName), bytes);
  execFileSync(
    'tar',
    ['-xzf', join(main, fileName), '-C', tree, '--warning=no-unknown-keyword', '--exclude=.[A-Z]*'],
    { stdio: 'ignore' },
  );
}
const verify = (path = tree): Promise<DeepVerdict> => {
  const config: Config = testConfig({
    cache: hostPath(join(work, 'cache')),
    mirrors: [mirrorAt(join(work, 'mirror'), { keys: [hostPath(join(work, key.publicName))] })],
    release: undefined,
  });
  return verifyDeep(config, hostPath(path));
};
const generated = [
  { reason: 'generated', path: 'bin/sh' },
  { reason: 'generated', path: 'lib/apk/db/installed' },
];

describe('verify --deep', () => {
  it('proves each file of a tree by the signed packages, and tells what apk and scripts made', async () => {
    expect(await verify()).toEqual({ packages: 2, proven: 6, findings: generated });
  });

  it('proves a minirootfs that no pin knows', async () => {
    execFileSync('tar', ['-czf', join(work, 'rootfs.tar.gz'), '-C', tree, '.']);
    expect(await verify(join(work, 'rootfs.tar.gz'))).toEqual({ packages: 2, proven: 6, findings: generated });
  });

  it('tells programs changed, added, relinked or removed from edited configuration', async () => {
    writeFileSync(join(tree, 'bin/busybox'), 'trojan!');
    writeFileSync(join(tree, 'usr/bin/evil'), 'evil');
    unlinkSync(join(tree, 'usr/bin/app'));
    unlinkSync(join(tree, 'bin/link'));
    symlinkSync('/usr/bin/evil', join(tree, 'bin/link'));
    appendFileSync(join(tree, 'etc/passwd'), 'eve');
    mkdirSync(join(tree, 'etc/apk/keys'), { recursive: true });
    writeFileSync(join(tree, 'etc/apk/keys/evil.rsa.pub'), 'key');
    const { findings, proven } = await verify();
    // The hard link is the same inode as what was overwritten.
    expect([proven, findings.filter(({ reason }) => reason !== 'generated')]).toEqual([
      1,
      [
        { reason: 'changed', path: 'bin/busybox', package: 'base-1-r0' },
        { reason: 'changed', path: 'bin/link', package: 'base-1-r0' },
        { reason: 'changed', path: 'bin/twin', package: 'base-1-r0' },
        { reason: 'unowned', path: 'etc/apk/keys/evil.rsa.pub' },
        { reason: 'edited', path: 'etc/passwd', package: 'base-1-r0' },
        { reason: 'missing', path: 'usr/bin/app', package: 'app-1-r0' },
        { reason: 'unowned', path: 'usr/bin/evil' },
      ],
    ]);
  });

  it('does not believe a database that fits the changed files: the packages decide', async () => {
    writeFileSync(join(tree, 'usr/bin/app'), 'evil');
    const installed = join(tree, 'lib/apk/db/installed');
    const checksum = createHash('sha1').update('evil').digest('base64');
    writeFileSync(
      installed,
      readFileSync(installed, 'latin1').replace(/(P:app\n[\s\S]*?\n)\n/, `$1F:usr/bin\nR:app\nZ:Q1${checksum}\n\n`),
    );
    expect(readFileSync(installed, 'latin1')).toContain(checksum);
    expect((await verify()).findings).toContainEqual({ reason: 'changed', path: 'usr/bin/app', package: 'app-1-r0' });
  });

  it('wants packages with the identity that the database has, signed by a key that is trusted', async () => {
    const installed = join(tree, 'lib/apk/db/installed');
    const before = readFileSync(installed, 'latin1');
    writeFileSync(installed, before.replace(/^C:Q1..../m, 'C:Q1AAAA'));
    await expect(verify()).rejects.toMatchObject({
      code: 'ALP_FETCH_NOT_FOUND',
      message: expect.stringMatching(/1 of the 2 packages/),
    });
    writeFileSync(installed, before);
    await publish(
      'app',
      [{ kind: 'file', path: 'usr/bin/app', mode: 0o755, bytes: Buffer.from('app') }],
      await generateSigningKey('other', 2048),
    );
    await expect(verify()).rejects.toMatchObject({ code: 'ALP_VERIFY_KEY' });
  });

  it('names every package that no mirror has at once', async () => {
    for (const name of readdirSync(main).filter((file) => file.endsWith('.apk'))) rmSync(join(main, name));
    await expect(verify()).rejects.toMatchObject({ facts: { packages: ['app-1-r0', 'base-1-r0'] } });
  });
});
