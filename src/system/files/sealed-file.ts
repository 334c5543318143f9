/** JSON after its own digest: what was torn or damaged is as good as missing. */
import { sha256Hex } from '../../core/digest.ts';
import { parseJson } from '../../core/json.ts';
import type { HostPath } from '../../core/paths.ts';
import { readFileCapped, writeFileAtomic, type WriteOptions } from './files.ts';

/** @throws ALP_FILE_WRITE */
export function writeSealed(path: HostPath, value: unknown, options: WriteOptions = {}): void {
  const text = JSON.stringify(value);
  writeFileAtomic(path, `${sha256Hex(text)}\n${text}\n`, options);
}

/** undefined when it is missing or damaged. @throws ALP_LIMIT_SIZE, ALP_FILE_READ when it cannot be read */
export function readSealed(path: HostPath, maxBytes: number): unknown {
  const [digest, text = ''] = readFileCapped(path, maxBytes)?.toString().split('\n') ?? [];
  try {
    return digest === sha256Hex(text) ? parseJson(text) : undefined;
  } catch {
    return undefined;
  }
}
