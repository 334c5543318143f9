/**
 * Runs in a process of its own: reads one bomb in one place; prints the code, and what was resident at most in MiB.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bufferSource } from '../../src/core/bytes.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath } from '../../src/core/paths.ts';
import { parseDockerfile } from '../../src/formats/dockerfile/dockerfile.ts';
import { generateSigningKey } from '../../src/mirror/signing.ts';
import { openBundle } from '../../src/ship/bundle.ts';
import { readFileCapped } from '../../src/system/files/files.ts';
import { limits } from '../../src/core/limits.ts';
import { verifyDataMember } from '../../src/verify/data-member.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyAnyFile } from '../../src/verify/any-file.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { bombMember } from './bomb.ts';
import { residentMiB } from './memory.ts';
import { apkMembers, member, paxRecord, rawEntry, rawHeader, rawTar } from './make-apk.ts';
import { signatureMember } from './make-index.ts';

const GIB = 1024 ** 3;
const key = await generateSigningKey('bomb', 2048);
const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
const { control, data } = apkMembers({}, key);
const huge = (name: string, type = '0'): Buffer => rawHeader({ name, type, size: GIB });
const pkginfo = rawTar([{ name: '.PKGINFO', content: 'pkgname = a\npkgver = 1\n', checksum: false }], { end: false });

function readPackage(...members: readonly Buffer[]): void {
  const source = bufferSource('a.apk', Buffer.concat(members));
  verifyDataMember(source, verifyPackage(source, { keys }).package);
}
const signedControl = (head: Buffer, filler = 0): void => {
  const bomb = bombMember(head, { filler });
  readPackage(signatureMember(bomb, key), bomb, data);
};
function withData(bomb: Buffer): void {
  const text = `pkgname = a\npkgver = 1\narch = x86_64\nsize = 1\ndatahash = ${createHash('sha256').update(bomb).digest('hex')}\n`;
  const inner = member(rawTar([{ name: '.PKGINFO', content: text, checksum: false }], { end: false }));
  readPackage(signatureMember(inner, key), inner, bomb);
}
const readIndex = (head: Buffer, { filler = 0, signed = true } = {}): void => {
  const bomb = bombMember(head, { filler });
  verifyIndex(signed ? Buffer.concat([signatureMember(bomb, key), bomb]) : bomb, { location: 'test', keys });
};
const inFile = (bytes: Buffer, sizeBytes: number, read: (path: ReturnType<typeof hostPath>) => unknown): void => {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-bomb-'));
  try {
    const path = hostPath(join(directory, 'file'));
    writeFileSync(path, bytes);
    truncateSync(path, sizeBytes);
    read(path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const PLACES: Readonly<Record<string, () => void>> = {
  'the signature of a package': () => readPackage(bombMember(huge(`.SIGN.RSA256.${key.publicName}`)), control, data),
  'the signature of an index': () => readIndex(huge(`.SIGN.RSA256.${key.publicName}`), { signed: false }),
  'the control member': () => signedControl(Buffer.concat([pkginfo, huge('.extra')])),
  'a script': () => signedControl(Buffer.concat([pkginfo, huge('.post-install')]), 0x61),
  'one line of .PKGINFO': () => signedControl(huge('.PKGINFO'), 0x61),
  'the data member': () => withData(bombMember(rawEntry({ name: 'a', size: GIB, checksum: '0'.repeat(40) }))),
  'a pax header': () =>
    withData(bombMember(Buffer.concat([huge('pax', 'x'), Buffer.from(paxRecord('path', 'a'))]), { filler: 0x61 })),
  'end blocks of the data member': () => withData(bombMember(Buffer.alloc(1024))),
  'a signed index': () => readIndex(huge('APKINDEX'), { filler: 0x0a }),
  'an unsigned index': () => readIndex(huge('APKINDEX'), { filler: 0x0a, signed: false }),
  'a file to verify': () =>
    void verifyAnyFile(bufferSource('x', bombMember(huge('APKINDEX'))), {
      name: 'x',
      keys,
      pins: { byName: new Map() } as never,
    }),
  'a Dockerfile': () => inFile(Buffer.from('FROM scratch\n'), GIB, (path) => readFileCapped(path, limits.dockerfile)),
  'the text of a Dockerfile': () => void parseDockerfile('#'.repeat(8 * 1024 * 1024)),
  'a lock': () => inFile(Buffer.from('{'), GIB, (path) => readFileCapped(path, limits.lockfile)),
  'a bundle': () =>
    inFile(rawHeader({ name: 'manifest.json', size: GIB }), GIB, (path) =>
      openBundle(path, { verify: () => undefined }).close(),
    ),
};

const place = process.argv[2];
if (place === undefined) process.stdout.write(JSON.stringify(Object.keys(PLACES)));
else {
  let code = 'accepted';
  try {
    PLACES[place]?.();
  } catch (error) {
    code = isAlprootError(error) ? error.code : String(error);
  }
  process.stdout.write(JSON.stringify({ code, residentMiB: residentMiB() }));
}
