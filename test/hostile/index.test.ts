/** Indexes, and packages that are not what a signed index says of them. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { makeArena, underAttack, type Arena } from '../helpers/invariants.ts';
import { apkMembers, makeApk, member, rawTar, treeEntries, type RawPackage } from '../helpers/make-apk.ts';
import {
  entryOf,
  identityOf,
  indexEntry,
  indexMember,
  signatureMember,
  signedIndex,
  type IndexFields,
} from '../helpers/make-index.ts';

let [ours, other]: SigningKey[] = [];
let arena: Arena;
beforeAll(async () => {
  ours = await generateSigningKey('ours', 2048);
  other = await generateSigningKey('other', 2048);
});
beforeEach(() => void (arena = makeArena()));
afterEach(() => arena.close());

const us = (): SigningKey => ours!;
const them = (): SigningKey => other!;
const trusted = (key: SigningKey): TrustedKeys => keyring([parseTrustedKey(key.publicPem, key.publicName)]);
const plain: RawPackage = { entries: treeEntries({ 'usr/bin/tool': 'content' }) };
const STRUCTURE = 'ALP_VERIFY_STRUCTURE';

/** Everything that is asked of an index: signature, text, each field of each package. */
const readIndex = (bytes: Buffer, keys = trusted(us())): Promise<string> =>
  underAttack(arena, () =>
    verifyIndex(bytes, { location: 'test', keys }).index.packages.map((record) => JSON.stringify(record)),
  );
const readEntry = (changes: IndexFields): Promise<string> =>
  readIndex(signedIndex(indexMember(entryOf(plain, us(), changes)), us()));

describe('an index', () => {
  it('that is right is accepted', async () => {
    expect(await readEntry({})).toBe('accepted');
    expect(await readEntry({ A: 'noarch', D: 'so:libc.musl-x86_64.so.1 b>=1 !c', p: 'cmd:a=1.0-r0' })).toBe(
      'accepted',
    );
  });

  it("without a signature, or with a stranger's, is refused although its packages are signed", async () => {
    const inner = indexMember(entryOf(plain, us()));
    expect(await readIndex(inner)).toBe('ALP_VERIFY_SIGNATURE');
    expect(await readIndex(signedIndex(inner, them()))).toBe('ALP_VERIFY_KEY');
  });

  it('of one repository cannot be signed with the key of another', async () => {
    expect(await readIndex(signedIndex(indexMember(entryOf(plain, us())), us()), trusted(them()))).toBe(
      'ALP_VERIFY_KEY',
    );
  });

  it('under the name of a trusted key but by another is refused, also before a right signature', async () => {
    const inner = indexMember(entryOf(plain, us()));
    const forged = signatureMember(inner, them(), `.SIGN.RSA256.${us().publicName}`);
    expect(await readIndex(Buffer.concat([forged, inner]))).toBe('ALP_VERIFY_SIGNATURE');
    expect(await readIndex(Buffer.concat([forged, signedIndex(inner, us())]))).toBe('ALP_VERIFY_SIGNATURE');
  });

  const sum = 'A'.repeat(27);
  it.each<[string, string | undefined]>([
    ['missing', undefined],
    ['empty', ''],
    ['after a blank', ` Q1${sum}=`],
    ['too short', `Q1${'A'.repeat(23)}=`],
    ['too long', `Q1${'A'.repeat(31)}=`],
    ['not base64', `Q1${'-'.repeat(27)}=`],
    ['without padding', `Q1${sum}`],
    ['of bits that mean nothing', `Q1${'A'.repeat(26)}B=`],
    ['a Q0', `Q0${sum}=`],
    ['a q1', `q1${sum}=`],
    ['a Q2 of SHA-1', `Q2${sum}=`],
    ['a Q1 of SHA-256', `Q1${'A'.repeat(43)}=`],
    ['followed by text', `Q1${sum}=x`],
  ])('with a checksum that is %s is refused', async (_what, C) => {
    expect(await readEntry({ C })).toBe(STRUCTURE);
  });

  it('with two checksums for one package is refused', async () => {
    const entry = entryOf(plain, us());
    expect(await readIndex(signedIndex(indexMember(entry.replace('P:', `C:Q1${sum}=\nP:`)), us()))).toBe(STRUCTURE);
    expect(await readIndex(signedIndex(indexMember(entry + entryOf(plain, us(), { C: `Q1${sum}=` })), us()))).toBe(
      STRUCTURE,
    );
    expect(await readIndex(signedIndex(indexMember(entry + entryOf(plain, us(), { P: 'b' })), us()))).toBe(STRUCTURE);
  });

  it('with lines of half a million words is read in time that grows with them, or refused', async () => {
    const words = (count: number, last: string): string => `${'a '.repeat(count)}${last}`;
    for (const p of [words(500_000, 'b'), words(250_000, 'b=1'), 'a'.repeat(1_000_000)])
      expect(await readEntry({ p })).toBe('accepted');
    for (const p of [words(500_000, '!'), words(500_000, '='), `${'a'.repeat(1_000_000)} =`])
      expect(await readEntry({ p, i: 'c' })).toBe(STRUCTURE);
  });

  it.each(['../x', '/x', '-rf', 'a b', 'a/b', 'n'.repeat(300), '.hidden', 'a\u001b[31m', 'a\u0000', ''])(
    'with the name or version %j is refused',
    async (text) => {
      expect(await readEntry({ P: text })).toMatch(/^ALP_(?:UNPACK_PATH|VERIFY_STRUCTURE)$/);
      expect(await readEntry({ V: text })).toMatch(/^ALP_(?:UNPACK_PATH|VERIFY_STRUCTURE)$/);
    },
  );

  it.each<IndexFields>([
    { A: '../x' },
    { A: 'a b' },
    { S: '-1' },
    { S: '0x10' },
    { S: '1e3' },
    { S: ' 1' },
    { S: '9'.repeat(30) },
    { I: '+1' },
    { t: '-1' },
    { k: '65536' },
    { T: 'a\rb' },
    { X: 'x' },
  ])('with %j is refused', async (changes) => {
    expect(await readEntry(changes)).toMatch(/^ALP_(?:UNPACK_PATH|VERIFY_STRUCTURE|FORMAT_INDEX)$/);
  });

  it.each<[string, (inner: Buffer) => Buffer]>([
    [
      'two files APKINDEX',
      () => signedIndex(indexMember('', [{ name: 'APKINDEX', content: entryOf(plain, us()), checksum: false }]), us()),
    ],
    ['a file more', () => signedIndex(indexMember('', [{ name: 'evil', content: 'x', checksum: false }]), us())],
    [
      'a link',
      () =>
        signedIndex(indexMember('', [{ name: 'APKINDEX', type: '2', target: '/etc/passwd', checksum: false }]), us()),
    ],
    ['a member more', (inner) => Buffer.concat([signedIndex(inner, us()), member(Buffer.alloc(1024))])],
    [
      'a member more that its owner signed as well',
      (inner) => signedIndex(Buffer.concat([inner, member(Buffer.alloc(1024))]), us()),
    ],
    ['zeros after it', (inner) => Buffer.concat([signedIndex(inner, us()), Buffer.alloc(512)])],
    [
      'a zero and a second index after it',
      (inner) => Buffer.concat([signedIndex(inner, us()), Buffer.alloc(1), inner]),
    ],
    ['a cut trailer', (inner) => signedIndex(inner, us()).subarray(0, -1)],
    [
      'an empty member before it',
      (inner) => Buffer.concat([signatureMember(inner, us()), member(Buffer.alloc(0)), inner]),
    ],
    ['a package in its place', () => makeApk(plain, us())],
    ['no text APKINDEX', () => signedIndex(member(Buffer.alloc(1024)), us())],
    ['a web page in its place', () => Buffer.from('<!doctype html><title>login</title>')],
    ['nothing in its place', () => Buffer.alloc(0)],
  ])('with %s is refused', async (_what, build) => {
    expect(await readIndex(build(indexMember(entryOf(plain, us()))))).toMatch(/^ALP_VERIFY_(?:STRUCTURE|SIGNATURE)$/);
  });

  it('with a line of more than a MiB is refused', async () => {
    expect(await readEntry({ T: 'x'.repeat(1024 * 1024 + 1) })).toBe('ALP_LIMIT_SIZE');
  });
});

/** The package against the entry that a signed index has for it. */
const held = (
  file: Buffer,
  entry: string,
  options: { readonly requireSignature?: boolean; readonly keys?: TrustedKeys } = {},
): Promise<string> => {
  const [expected] = verifyIndex(signedIndex(indexMember(entry), us()), { location: 'test', keys: trusted(us()) })
    .index.packages;
  return underAttack(arena, () =>
    verifyPackage(bufferSource('a.apk', file), { keys: trusted(us()), expected, ...options }),
  );
};

describe('a package that an index lists', () => {
  it('is accepted when all agrees', async () => {
    expect(await held(makeApk(plain, us()), entryOf(plain, us()))).toBe('accepted');
  });

  it('needs no signature of its own unless one is asked for, but never a wrong one', async () => {
    const { control, data } = apkMembers(plain, us());
    const bare = Buffer.concat([control, data]);
    const strange = Buffer.concat([signatureMember(control, them()), control, data]);
    const forged = Buffer.concat([signatureMember(control, them(), `.SIGN.RSA256.${us().publicName}`), control, data]);
    const listed = (file: Buffer): string => entryOf(plain, us(), { S: String(file.length) });
    expect(await held(bare, listed(bare))).toBe('accepted');
    expect(await held(strange, listed(strange))).toBe('accepted');
    expect(await held(forged, listed(forged))).toBe('ALP_VERIFY_SIGNATURE');
    expect(await held(bare, listed(bare), { requireSignature: true })).toBe('ALP_VERIFY_SIGNATURE');
    expect(await held(strange, listed(strange), { requireSignature: true })).toBe('ALP_VERIFY_KEY');
    expect(await underAttack(arena, () => verifyPackage(bufferSource('a.apk', bare), { keys: trusted(us()) }))).toBe(
      'ALP_VERIFY_SIGNATURE',
    );
  });

  it('cannot be another that is rightly signed: an older one, or one of another name', async () => {
    expect(await held(makeApk({ ...plain, info: { pkgver: '0.9-r0' } }, us()), entryOf(plain, us()))).toBe(
      'ALP_VERIFY_DIGEST',
    );
    expect(await held(makeApk({ ...plain, info: { pkgname: 'b' } }, us()), entryOf(plain, us()))).toBe(
      'ALP_VERIFY_DIGEST',
    );
  });

  it.each<[string, IndexFields]>([
    ['name', { P: 'busybox' }],
    ['version', { V: '99' }],
    ['architecture', { A: 'aarch64' }],
    ['size', { S: '1' }],
    ['origin', { o: 'other' }],
    ['dependencies', { D: 'evil' }],
    ['provides', { p: 'apk-tools busybox' }],
    ['install_if', { i: 'b' }],
  ])('is refused when its %s is not what the index says', async (_what, changes) => {
    expect(await held(makeApk(plain, us()), entryOf(plain, us(), changes))).toBe('ALP_VERIFY_IDENTITY');
  });

  it('is refused when it claims what the index does not say of it', async () => {
    for (const info of [{ provides: 'apk-tools' }, { depend: 'evil' }, { install_if: 'b' }, { origin: 'x' }]) {
      const raw = { ...plain, info };
      expect(await held(makeApk(raw, us()), entryOf(raw, us()))).toBe('ALP_VERIFY_IDENTITY');
    }
  });

  it('is refused in the other format than the index promised', async () => {
    expect(await held(Buffer.from('ADB.pckg'.padEnd(64, '\0')), entryOf(plain, us()))).toMatch(/^ALP_VERIFY_/);
    expect(
      await held(
        makeApk(plain, us()),
        indexEntry({ C: `Q2${'A'.repeat(43)}=`, P: 'a', V: '1.0-r0', A: 'x86_64', S: '1' }),
      ),
    ).toBe('ALP_VERIFY_DIGEST');
  });

  it('whose datahash is missing, doubled, short, or followed by text is refused', async () => {
    for (const datahash of ['', 'ab', `${'a'.repeat(64)} x`, 'g'.repeat(64)]) {
      const raw: RawPackage = { ...plain, control: [] };
      const { data } = apkMembers(raw, us());
      const { signed } = withPkginfo(
        `pkgname = a\npkgver = 1.0-r0\narch = x86_64\n${datahash === '' ? '' : `datahash = ${datahash}\n`}`,
      );
      expect(
        await underAttack(arena, () =>
          verifyPackage(bufferSource('a.apk', Buffer.concat([signed, data])), { keys: trusted(us()) }),
        ),
      ).toBe(STRUCTURE);
    }
    expect(identityOf(plain, us())).toMatch(/^Q1/);
  });
});

/** Signature and control member around any .PKGINFO. */
function withPkginfo(text: string): { readonly signed: Buffer } {
  const control = member(rawTar([{ name: '.PKGINFO', content: text, checksum: false }], { end: false }));
  return { signed: Buffer.concat([signatureMember(control, us()), control]) };
}
