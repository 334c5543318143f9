/** Signing v3 files: a block of its own right after the ADB block, over schema and block, with RSA or EC keys. */
import { createPublicKey, sign } from 'node:crypto';
import { bufferSource } from '../core/bytes.ts';
import { limits } from '../core/limits.ts';
import { readAdbBlocks } from '../formats/adb/adb-blocks.ts';
import type { AdbSchema } from '../formats/adb/adb-block-reader.ts';
import { adbKeyId, adbSignatureHeader, adbSignedBytes, parseAdbSignature } from '../formats/adb/adb-signature.ts';
import { formatAdbBlock, formatAdbFile } from '../formats/adb/adb-writer.ts';
import type { SigningKey } from './signing.ts';

const keyIdOf = ({ publicPem }: SigningKey): string => adbKeyId({ key: createPublicKey(publicPem) });

/** The content of a signature block. RSA signatures are the same every time, EC ones are not. */
export function adbSignature(schema: AdbSchema, block: Uint8Array, key: SigningKey): Buffer {
  const header = adbSignatureHeader(keyIdOf(key));
  return Buffer.concat([header, sign('sha512', adbSignedBytes(schema, block, header), key.privatePem)]);
}

/**
 * The same file with the key's signature; those of other keys stay, behind it. What was compressed is deflated.
 *
 * @throws ALP_FORMAT_ADB, ALP_LIMIT_SIZE
 */
export function signAdbFile(bytes: Buffer, name: string, key: SigningKey): Buffer {
  let schema: AdbSchema = 'index';
  let block = Buffer.alloc(0);
  const signatures: Buffer[] = [];
  const data: Buffer[] = [];
  readAdbBlocks(
    bufferSource(name, bytes),
    {
      adb: (kind, content) => {
        schema = kind;
        block = Buffer.from(content);
      },
      signature: (content) => void signatures.push(Buffer.from(content)),
      data: (path, file) => {
        const ids = Buffer.alloc(8);
        ids.writeUInt32LE(path, 0);
        ids.writeUInt32LE(file, 4);
        const chunks: Uint8Array[] = [ids];
        return {
          write: (chunk) => void chunks.push(Buffer.from(chunk)),
          close: () => void data.push(formatAdbBlock('data', Buffer.concat(chunks))),
        };
      },
    },
    limits.packageFile,
  );
  const keyId = keyIdOf(key);
  const others = signatures.filter((content) => parseAdbSignature(content)?.keyId !== keyId);
  const signed = [adbSignature(schema, block, key), ...others].map((content) => formatAdbBlock('signature', content));
  return formatAdbFile(
    schema,
    [formatAdbBlock('adb', block), ...signed, ...data],
    bytes.toString('latin1', 0, 4) === 'ADB.',
  );
}
