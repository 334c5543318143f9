/** APKINDEX.tar.gz built from raw text and members, so that each attack changes one thing. */
import { createHash } from 'node:crypto';
import { signBytes, type SigningKey } from '../../src/mirror/signing.ts';
import { apkMembers, makeApk, member, rawTar, type RawEntry, type RawPackage } from './make-apk.ts';

/** `C:` of a package as an index has it. */
export const identityOf = (raw: RawPackage, key: SigningKey): string =>
  `Q1${createHash('sha1').update(apkMembers(raw, key).control).digest('base64')}`;

export type IndexFields = Readonly<Record<string, string | undefined>>;

/** Lines of one package; a value of undefined leaves its letter out. */
export const indexEntry = (fields: IndexFields): string =>
  `${Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([letter, value]) => `${letter}:${String(value)}\n`)
    .join('')}\n`;

/** The right entry of `raw`, with `changes`. */
export const entryOf = (raw: RawPackage, key: SigningKey, changes: IndexFields = {}): string =>
  indexEntry({
    C: identityOf(raw, key),
    P: 'a',
    V: '1.0-r0',
    A: 'x86_64',
    S: String(makeApk(raw, key).length),
    I: '4096',
    T: 'a test',
    ...changes,
  });

export const indexMember = (text: string, more: readonly RawEntry[] = []): Buffer =>
  member(
    rawTar(
      [
        { name: 'DESCRIPTION', content: 'test', checksum: false },
        { name: 'APKINDEX', content: text, checksum: false },
        ...more,
      ],
      { end: true },
    ),
  );

export const signatureMember = (signed: Buffer, key: SigningKey, name = `.SIGN.RSA256.${key.publicName}`): Buffer =>
  member(rawTar([{ name, content: signBytes(signed, key), checksum: false }], { end: false }));

export const signedIndex = (inner: Buffer, key: SigningKey): Buffer =>
  Buffer.concat([signatureMember(inner, key), inner]);
