import { generateKeyPairSync } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { signBytes, type SigningKey } from '../../src/mirror/signing.ts';
import { verifyDataMember } from '../../src/verify/data-member.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { installRaw } from '../helpers/install-raw.ts';
import { makeArena, underAttack } from '../helpers/invariants.ts';
import {
  apkMembers,
  makeApk,
  member,
  paxRecord,
  rawHeader,
  rawTar,
  treeEntries,
  type RawEntry,
  type RawPackage,
} from '../helpers/make-apk.ts';

function newKey(publicName: string): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    publicName,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

const ours = newKey('ours.rsa.pub');
const other = newKey('other.rsa.pub');
const keys = keyring([parseTrustedKey(ours.publicPem, ours.publicName)]);
const plain: RawPackage = { entries: treeEntries({ 'usr/bin/tool': 'content' }) };

function verdict(bytes: Buffer): string {
  try {
    const source = bufferSource('a.apk', bytes);
    verifyDataMember(source, verifyPackage(source, { keys }).package);
    return 'accepted';
  } catch (error) {
    return error instanceof AlprootError ? error.code : String(error);
  }
}

/** A package of changed members, in their order. */
function changed(
  change: (parts: ReturnType<typeof apkMembers>) => readonly Buffer[],
  raw: RawPackage = plain,
): string {
  return verdict(Buffer.concat(change(apkMembers(raw, ours))));
}

const sign = (name: string, content: Buffer): Buffer =>
  member(rawTar([{ name, content, checksum: false }], { end: false }));
const STRUCTURE = 'ALP_VERIFY_STRUCTURE';

describe('members of a package', () => {
  it('a right package is accepted', () => {
    expect(verdict(makeApk(plain, ours))).toBe('accepted');
  });

  it.each<[string, string, (parts: ReturnType<typeof apkMembers>) => readonly Buffer[]]>([
    [
      'an exchanged data member',
      'ALP_VERIFY_DIGEST',
      ({ signature, control }) => [signature, control, apkMembers({ entries: treeEntries({ evil: 'x' }) }, ours).data],
    ],
    [
      'an empty member before control',
      STRUCTURE,
      ({ signature, control, data }) => [signature, member(Buffer.alloc(0)), control, data],
    ],
    [
      'an empty member before data',
      'ALP_VERIFY_DIGEST',
      ({ signature, control, data }) => [signature, control, member(Buffer.alloc(0)), data],
    ],
    [
      'a member after data',
      'ALP_VERIFY_DIGEST',
      ({ signature, control, data }) => [signature, control, data, member(Buffer.alloc(0))],
    ],
    [
      'zeros after data',
      'ALP_VERIFY_DIGEST',
      ({ signature, control, data }) => [signature, control, data, Buffer.alloc(512)],
    ],
    [
      'a zero byte and a member after data',
      'ALP_VERIFY_DIGEST',
      ({ signature, control, data }) => [signature, control, data, Buffer.alloc(1), data],
    ],
    [
      'a cut trailer',
      'ALP_VERIFY_DIGEST',
      ({ signature, control, data }) => [signature, control, data.subarray(0, -1)],
    ],
    ['no signature', 'ALP_VERIFY_SIGNATURE', ({ control, data }) => [control, data]],
    [
      'a zlib stream for control',
      STRUCTURE,
      ({ signature, data }) => [signature, deflateSync(Buffer.alloc(512)), data],
    ],
    [
      'five signature members',
      STRUCTURE,
      ({ signature, control, data }) => [signature, signature, signature, signature, signature, control, data],
    ],
    [
      'a gzip header with a flag',
      STRUCTURE,
      ({ signature, control, data }) => [
        Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 1]), signature.subarray(4)]),
        control,
        data,
      ],
    ],
    [
      'a gzip header with a name',
      STRUCTURE,
      ({ signature, control, data }) => [
        Buffer.concat([
          Buffer.from([0x1f, 0x8b, 8, 8]),
          signature.subarray(4, 10),
          Buffer.from('n\0'),
          signature.subarray(10),
        ]),
        control,
        data,
      ],
    ],
  ])('%s is refused with %s', (_name, code, change) => {
    expect(changed(change)).toBe(code);
  });
});

describe('signatures of a package', () => {
  it('a stranger before a trusted signature does no harm', () => {
    expect(
      changed(({ signature, control, data }) => [
        sign('.SIGN.RSA256.other.rsa.pub', signBytes(control, other)),
        signature,
        control,
        data,
      ]),
    ).toBe('accepted');
  });

  it('a wrong signature under a trusted name is fatal even before a right one', () => {
    expect(
      changed(({ signature, control, data }) => [
        sign('.SIGN.RSA256.ours.rsa.pub', signBytes(control, other)),
        signature,
        control,
        data,
      ]),
    ).toBe('ALP_VERIFY_SIGNATURE');
  });

  it.each(['RSA512', 'DSA'])('the label %s on a SHA-256 signature is refused', (label) => {
    expect(
      changed(({ control, data }) => [sign(`.SIGN.${label}.ours.rsa.pub`, signBytes(control, ours)), control, data]),
    ).toBe('ALP_VERIFY_SIGNATURE');
  });

  it.each(['../keys/x', './x', 'a'.repeat(300), ''])('the key name %j is never looked for', (name) => {
    expect(
      changed(({ control, data }) => [sign(`.SIGN.RSA256.${name}`, signBytes(control, ours)), control, data]),
    ).toMatch(/^ALP_VERIFY_(KEY|STRUCTURE)$/);
  });

  it('a stranger alone is named as such', () => {
    expect(verdict(makeApk(plain, other))).toBe('ALP_VERIFY_KEY');
  });
});

const extra = (entry: RawEntry): RawPackage => ({ ...plain, control: [{ checksum: false, ...entry }] });
const data = (tar: Buffer): RawPackage => ({ dataTar: tar });
const good = rawTar([{ name: 'a', content: 'x' }], { end: false });
const end = Buffer.alloc(1024);
const paxOf = (text: string): Buffer =>
  Buffer.concat([rawHeader({ name: 'pax', type: 'x', content: text }), Buffer.from(text.padEnd(512, '\0'), 'latin1')]);

describe('the inside of a package', () => {
  it.each<[string, RawPackage, string]>([
    ['a second .PKGINFO', extra({ name: '.PKGINFO', content: 'pkgname = b\n' }), STRUCTURE],
    ['a signature in control', extra({ name: '.SIGN.RSA256.ours.rsa.pub', content: 'x' }), STRUCTURE],
    ['.INSTALL in control', extra({ name: '.INSTALL', content: 'x' }), STRUCTURE],
    ['a file without a dot in control', extra({ name: 'APKINDEX', content: 'x' }), STRUCTURE],
    [
      'a script of more than 256 KiB',
      { ...plain, scripts: { 'post-install': 'x'.repeat(256 * 1024 + 1) } },
      'ALP_LIMIT_SIZE',
    ],
    ['a name that is a path', { ...plain, info: { pkgname: '../x' } }, 'ALP_UNPACK_PATH'],
    ['a version that is a path', { ...plain, info: { pkgver: '1/../2' } }, 'ALP_UNPACK_PATH'],
    [
      'a false file checksum',
      { entries: [{ name: 'a', content: 'x', checksum: '0'.repeat(40) }] },
      'ALP_VERIFY_DIGEST',
    ],
    ['a missing file checksum', { entries: [{ name: 'a', content: 'x', checksum: false }] }, 'ALP_VERIFY_DIGEST'],
    [
      'a link target of a regular file',
      {
        entries: [
          { name: 'a', content: 'x' },
          { name: 'b', content: 'y', pax: { linkpath: 'a' } },
        ],
      },
      STRUCTURE,
    ],
    ['pax size against the header', { entries: [{ name: 'a', content: 'x', pax: { size: '3' } }] }, STRUCTURE],
    ['GNU sparse records', { entries: [{ name: 'a', content: 'x', pax: { 'GNU.sparse.major': '1' } }] }, STRUCTURE],
    ['a sparse type', { entries: [{ name: 'a', type: 'S' }] }, STRUCTURE],
    ['a global pax header', { entries: [{ name: 'g', type: 'g', content: paxRecord('path', 'evil') }] }, STRUCTURE],
    ['a GNU long name', { entries: [{ name: '././@LongLink', type: 'L', content: 'evil\0' }] }, STRUCTURE],
    ['an old-style type', { entries: [{ name: 'a', type: '\0', content: 'x' }] }, STRUCTURE],
    ['an empty name', { entries: [{ name: '', content: 'x' }] }, STRUCTURE],
    ['an entry after one zero block', data(Buffer.concat([good, Buffer.alloc(512), good, end])), STRUCTURE],
    ['an entry after the end', data(Buffer.concat([good, end, good, end])), STRUCTURE],
    ['no end blocks', data(good), STRUCTURE],
    ['a pax record that overruns', data(Buffer.concat([paxOf('99 path=a\n'), good, end])), STRUCTURE],
    ['a NUL in a pax path', data(Buffer.concat([paxOf(paxRecord('path', 'a\0b')), good, end])), STRUCTURE],
    ['a wrong header checksum', data(Buffer.concat([Buffer.from('b'), good.subarray(1), end])), STRUCTURE],
    [
      'a size of 8 GiB less one, then nothing',
      { entries: [{ name: 'a', content: 'x', size: 0o77777777777 }] },
      STRUCTURE,
    ],
    ['a path that climbs', { entries: [{ name: '../x', content: 'x' }] }, 'ALP_UNPACK_PATH'],
    ['an absolute path', { entries: [{ name: '/x', content: 'x' }] }, 'ALP_UNPACK_PATH'],
    ['a newline in a path', { entries: [{ name: 'a\nP:evil', content: 'x' }] }, 'ALP_UNPACK_PATH'],
    [
      '257 levels',
      { entries: [{ name: Array.from({ length: 257 }, () => 'd').join('/'), content: 'x' }] },
      'ALP_LIMIT_DEPTH',
    ],
    ['a name of the package database', { entries: treeEntries({ 'lib/apk/db/installed': 'x' }) }, 'ALP_UNPACK_PATH'],
    ['a name of a file being installed', { entries: [{ name: 'a.apk-new', content: 'x' }] }, 'ALP_UNPACK_PATH'],
    ["apk's settings", { entries: treeEntries({ 'etc/apk/world': 'x' }) }, 'ALP_UNPACK_PATH'],
    ['a part of the control member', { entries: [{ name: '.post-install', content: 'x' }] }, STRUCTURE],
    [
      'a name that comes twice',
      {
        entries: [
          { name: 'a', content: 'x' },
          { name: 'a', type: '3' },
        ],
      },
      'ALP_UNPACK_PATH',
    ],
    ['a device without its directory', { entries: [{ name: 'dev/sda', type: '4' }] }, 'ALP_UNPACK_PATH'],
    ['a directory without the one above it', { entries: [{ name: 'a/b/', type: '5' }] }, 'ALP_UNPACK_PATH'],
    [
      'a file through a link',
      {
        entries: [
          { name: 'a', type: '2', target: '/etc' },
          { name: 'a/passwd', content: 'x' },
        ],
      },
      'ALP_UNPACK_PATH',
    ],
    ['a link that leads to nothing', { entries: [{ name: 'a', type: '2', target: '' }] }, 'ALP_UNPACK_LINK'],
    [
      'a false checksum of a link',
      { entries: [{ name: 'a', type: '2', target: 'b', checksum: '0'.repeat(40) }] },
      'ALP_VERIFY_DIGEST',
    ],
    [
      'a hard link to a file of another package',
      { entries: [{ name: 'a', type: '1', target: 'etc/shadow' }] },
      'ALP_UNPACK_LINK',
    ],
    [
      'a hard link that leads out',
      { entries: [{ name: 'a', type: '1', target: '../etc/shadow' }] },
      'ALP_UNPACK_PATH',
    ],
    [
      'a hard link to a link',
      {
        entries: [
          { name: 'a', type: '2', target: '/etc/shadow' },
          { name: 'b', type: '1', target: 'a' },
        ],
      },
      'ALP_UNPACK_LINK',
    ],
    [
      'a control character in the target of a hard link',
      {
        entries: [
          { name: 'a', content: 'x' },
          { name: 'b', type: '1', target: 'a\n' },
        ],
      },
      'ALP_UNPACK_PATH',
    ],
  ])('%s is refused, and cannot be installed', async (_name, raw, code) => {
    expect(verdict(makeApk(raw, ours))).toBe(code);
    const arena = makeArena();
    try {
      const installed = await underAttack(arena, ({ dest }) => installRaw(dest, [raw], { key: ours }));
      expect(installed.replace(/^ALP_FORMAT_(?:TAR|APK|GZIP)$/, STRUCTURE)).toBe(code);
    } finally {
      arena.close();
    }
  });

  it('names that differ in case, composition or bytes that mean nothing are right, and can be installed', async () => {
    const raw: RawPackage = {
      entries: ['a', 'A', 'caf\xc3\xa9', 'cafe\xcc\x81', '\xff', 'C:\\x', 'CON', '-rf'].map((name) => ({
        name,
        content: name,
      })),
    };
    expect(verdict(makeApk(raw, ours))).toBe('accepted');
    const arena = makeArena();
    expect(await underAttack(arena, ({ dest }) => installRaw(dest, [raw], { key: ours }))).toBe('accepted');
    arena.close();
  });

  it('a package without datahash is refused', () => {
    const { data: part } = apkMembers(plain, ours);
    const control = member(
      rawTar([{ name: '.PKGINFO', content: 'pkgname = a\npkgver = 1\narch = x86_64\n', checksum: false }], {
        end: false,
      }),
    );
    expect(verdict(Buffer.concat([sign('.SIGN.RSA256.ours.rsa.pub', signBytes(control, ours)), control, part]))).toBe(
      STRUCTURE,
    );
  });

  it('a member of 256 MiB in a few KiB, as signature or control, ends early', () => {
    const bomb = member(Buffer.alloc(256 * 1024 * 1024));
    expect(changed(({ control, data: part }) => [bomb, control, part])).toBe('ALP_LIMIT_SIZE');
    expect(changed(({ signature, data: part }) => [signature, bomb, part])).toBe('ALP_LIMIT_SIZE');
  });
});
