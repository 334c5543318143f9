/**
 * APKINDEX.tar.gz: signature members, then exactly one member with `DESCRIPTION` and `APKINDEX`. v3 indexes are handed
 * on.
 */
import { bufferSource } from '../core/bytes.ts';
import { sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import type { RepositoryIndex } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Signer } from '../core/verified.ts';
import { isAdb } from '../formats/adb/adb-blocks.ts';
import { parseIndex } from '../formats/apk/apkindex.ts';
import { formatIndexForm, parseIndexForm } from '../formats/apk/cached-index.ts';
import { verifyAdbIndex } from './adb-file.ts';
import {
  requireSignature,
  indexCap,
  readSignatures,
  readSignaturesBefore,
  type Member,
  type SignatureBlock,
} from './signatures.ts';
import { asVerification } from './structure.ts';
import type { IndexOptions, VerifiedIndex } from './verified-index.ts';

/**
 * Nothing of the index is parsed before its signature is right.
 *
 * @throws ALP_VERIFY_SIGNATURE, ALP_VERIFY_KEY, ALP_VERIFY_STRUCTURE, ALP_LIMIT_*
 */
export function verifyIndex(
  bytes: Buffer,
  { location, keys, allowUntrusted = false, form }: IndexOptions,
): VerifiedIndex {
  const what = `index of ${quoteName(location)}`;
  if (isAdb(bytes)) return verifyAdbIndex(bufferSource(location, bytes), { location, keys, allowUntrusted });
  return asVerification(what, () => {
    const source = bufferSource(location, bytes);
    const sha256 = sha256Hex(bytes);
    const verify = (signatures: readonly SignatureBlock[], memberStart: number): Signer[] =>
      allowUntrusted ? [] : requireSignature(what, signatures, bytes.subarray(memberStart), keys);
    const known = form === undefined ? undefined : parseIndexForm(form);
    if (known?.sha256 === sha256) {
      const { description, memberStart, packages, tables } = known;
      const index: RepositoryIndex = { location, description, sha256, sizeBytes: bytes.length, packages, tables };
      return {
        index: index as Verified<RepositoryIndex>,
        signers: verify(readSignaturesBefore(source, memberStart), memberStart),
      };
    }
    const { signatures, member } = readSignatures(source, 'index', indexCap(bytes.length));
    if (member.end !== bytes.length)
      throw new AlprootError('ALP_FORMAT_INDEX', `bytes after the index at ${member.end}`);
    const signers = verify(signatures, member.start);
    const { description, text } = contentsOf(member);
    const parsed = parseIndex(text);
    const index: RepositoryIndex = {
      location,
      description,
      sha256,
      sizeBytes: bytes.length,
      packages: parsed.packages,
      tables: parsed.tables,
    };
    return {
      index: index as Verified<RepositoryIndex>,
      signers,
      form: () => formatIndexForm(text, parsed, { sha256, description, memberStart: member.start }),
    };
  });
}

function contentsOf({ files }: Member): { readonly description: string; readonly text: string } {
  const find = (name: string): Buffer | undefined => {
    const found = files.filter((file) => file.name === name);
    if (found.length > 1) throw new AlprootError('ALP_FORMAT_INDEX', `two files ${name} in one index`);
    return found[0]?.content;
  };
  const other = files.find(({ name }) => name !== 'DESCRIPTION' && name !== 'APKINDEX');
  if (other !== undefined)
    throw new AlprootError('ALP_FORMAT_INDEX', `unexpected file ${quoteName(other.name)} in an index`);
  const text = find('APKINDEX');
  if (text === undefined) throw new AlprootError('ALP_FORMAT_INDEX', 'no file APKINDEX: this is not an index');
  return { description: (find('DESCRIPTION')?.toString('latin1') ?? '').trim(), text: text.toString('latin1') };
}
