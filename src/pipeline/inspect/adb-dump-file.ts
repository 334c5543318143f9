/** `alproot info --dump`: an apk v3 file as text, verified first. */
import { resolve } from 'node:path';
import type { Config } from '../../core/config.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { quoteName, showText } from '../../core/redact.ts';
import type { ByteSource } from '../../core/bytes.ts';
import { isAdb } from '../../formats/adb/adb-blocks.ts';
import { formatAdbDump } from '../../formats/adb/adb-dump.ts';
import { adbKeyId } from '../../formats/adb/adb-signature.ts';
import { closeDescriptor, descriptorSource } from '../../system/files/hashed-file.ts';
import { openNamedFile } from '../../system/files/named-file.ts';
import { verifyAdb } from '../../verify/adb-file.ts';
import { keyring, type TrustedKeys } from '../../verify/key.ts';
import { alpineKeys, keysOf, readKeys } from '../session/trusted-keys.ts';

export interface DumpRequest {
  readonly file: string;
  readonly directory: string;
  /** Show it whoever signed it, if anybody; its signatures are marked. */
  readonly allowUntrusted: boolean;
}

/** Safe to print. @throws ALP_VERIFY_* unless `allowUntrusted`; ALP_FORMAT_ADB, ALP_USAGE_ARGUMENT */
export function dumpFile(config: Config, { file, directory, allowUntrusted }: DumpRequest): string {
  const path = hostPath(resolve(directory, file));
  const fd = openNamedFile(path);
  try {
    const source = descriptorSource(fd, file, { path });
    const head = Buffer.alloc(4);
    if (source.read(head, 0) < head.length || !isAdb(head))
      throw new AlprootError('ALP_FORMAT_ADB', `${quoteName(file)} is not a file of apk v3`, {
        hint: '`alproot verify` takes files of either format',
      });
    const trusted = trustedIds(source, trustOf(config), { allowUntrusted, file });
    const dump = formatAdbDump(source, (signature) => trusted.has(signature.toString('hex', 2, 18)));
    return showText(Buffer.from(dump, 'latin1').toString('utf8'));
  } finally {
    closeDescriptor(fd);
  }
}

const trustOf = (config: Config): TrustedKeys => {
  const mirrors = config.mirrors === 'auto' ? [] : config.mirrors;
  return keyring(alpineKeys(undefined).values(), [...mirrors.flatMap(keysOf), ...config.keys.flatMap(readKeys)]);
};

/** Ids of the keys that signed the file. */
function trustedIds(
  source: ByteSource,
  keys: TrustedKeys,
  { allowUntrusted, file }: Pick<DumpRequest, 'allowUntrusted' | 'file'>,
): ReadonlySet<string> {
  try {
    const { signers } = verifyAdb(source, { keys, location: file });
    return new Set(
      signers.flatMap((signer) => {
        const key = signer.kind === 'key' ? keys.get(signer.keyName) : undefined;
        return key === undefined ? [] : [adbKeyId(key)];
      }),
    );
  } catch (error) {
    if (allowUntrusted && isAlprootError(error, 'ALP_VERIFY_KEY', 'ALP_VERIFY_SIGNATURE')) return new Set();
    throw error;
  }
}
