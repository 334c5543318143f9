/**
 * Signs what is there: a package gets a new signature before its control member, an index before all it has, a file
 * of apk v3 a block of its own, anything else a detached signature beside it.
 */
import { limits } from '../core/limits.ts';
import { AlprootError } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { isAdb } from '../formats/adb/adb-blocks.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { signAdbFile } from './adb-sign.ts';
import { signatureSuffix } from './release.ts';
import { firstMember } from './control-member.ts';
import { signatureMember, signBytes, type SignatureKind, type SigningKey } from './signing.ts';

/**
 * @returns the file that now holds the signature
 * @throws ALP_FILE_WRITE, ALP_USAGE_ARGUMENT when there is no such file
 */
export async function signFile(path: HostPath, key: SigningKey, kind: SignatureKind = 'RSA256'): Promise<HostPath> {
  const bytes = readFileCapped(path, limits.packageFile);
  if (bytes === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `cannot sign ${quoteName(path)}: there is no such file`);
  if (isAdb(bytes)) {
    writeFileAtomic(path, signAdbFile(bytes, path, key));
    return path;
  }
  const first = path.endsWith('.apk') || path.endsWith('APKINDEX.tar.gz') ? firstMember(bytes, path) : undefined;
  if (first === undefined) {
    const detached = `${path}${signatureSuffix(key.publicName)}` as HostPath;
    writeFileAtomic(detached, signBytes(bytes, key, 'RSA256'));
    return detached;
  }
  const rest = first.name.startsWith('.SIGN.') ? bytes.subarray(first.length) : bytes;
  const signed = path.endsWith('.apk') ? rest.subarray(0, firstMember(rest, path).length) : rest;
  writeFileAtomic(path, Buffer.concat([await signatureMember(signed, key, kind), rest]));
  return path;
}
