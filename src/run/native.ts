/**
 * The parts of alproot that are written in C without a C library: what the package brings, or what is compiled here
 * from its source, once. The cached file bears the digest of what it was made from.
 */
import { joinHost, type HostPath } from '../core/paths.ts';
import { sha256Hex } from '../core/digest.ts';
import { packageRoot } from '../system/files/assets.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { findProgram } from '../system/files/host-paths.ts';
import { foreignWriterAt } from '../system/files/ownership.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { captureProcess } from '../system/process/spawn.ts';
import { HOST_ENV } from './host-environment.ts';
import { NATIVE_ARCHES, NATIVE_FLAGS, type NativePart } from './native-parts.ts';

const MAX_BYTES = 1024 * 1024;

export interface NativeOptions {
  /** Where compiled parts are kept. */
  readonly cache: HostPath;
  /** PATH of the host. */
  readonly searchPath: string;
  /** Alpine's name of the machine. */
  readonly arch: string;
}

export type NativeFile =
  | { readonly kind: 'file'; readonly path: HostPath; readonly bytes: Buffer }
  /** In words, why it is not to be had here. */
  | { readonly kind: 'absent'; readonly reason: string };

/** Finds or makes a part. Its absence is not an error. @throws ALP_STORE_WRITE when the cache cannot be written */
export async function openNative(part: NativePart, { cache, searchPath, arch }: NativeOptions): Promise<NativeFile> {
  if (!NATIVE_ARCHES.includes(arch)) return { kind: 'absent', reason: `there is no ${part.what} for ${arch}` };
  const source = joinHost(packageRoot(), 'src/run');
  const texts = part.sources.map((name) => readFileCapped(joinHost(source, name), MAX_BYTES));
  if (texts.some((text) => text === undefined)) {
    const packaged = joinHost(packageRoot(), 'dist/native', part.fileName(arch));
    return readNative(packaged) ?? { kind: 'absent', reason: `alproot brings no ${part.what} for ${arch}` };
  }
  const digest = sha256Hex(
    Buffer.concat([Buffer.from(part.flags.join(' ')), ...texts.map((text) => text ?? Buffer.alloc(0))]),
  );
  const path = joinHost(cache, part.fileName(`${arch}-${digest.slice(0, 32)}`));
  // It is started on the host itself: another user's is as good as missing, and made anew.
  const kept = foreignWriterAt(path) === undefined ? readNative(path) : undefined;
  if (kept !== undefined) return kept;
  const made = await compile(part, { source, searchPath, cache });
  if (typeof made === 'string') return { kind: 'absent', reason: made };
  writeFileAtomic(path, made, { mode: 0o755 });
  return { kind: 'file', path, bytes: made };
}

function readNative(path: HostPath): NativeFile | undefined {
  const bytes = readFileCapped(path, MAX_BYTES);
  return bytes === undefined ? undefined : { kind: 'file', path, bytes };
}

/** @returns the bytes, or in words why there are none */
async function compile(
  part: NativePart,
  { source, searchPath, cache }: { readonly source: HostPath; readonly searchPath: string; readonly cache: HostPath },
): Promise<Buffer | string> {
  const compilers = ['cc', 'gcc', 'clang'].flatMap((name) => findProgram(name, searchPath) ?? []);
  if (compilers.length === 0) return `the ${part.what} must be compiled, and the host has no cc, gcc or clang`;
  makeDirectory(cache);
  let reason = '';
  for (const compiler of compilers) {
    const out = joinHost(cache, `.${part.fileName(String(process.pid))}`);
    try {
      const { status, stderr } = await captureProcess(
        [compiler, ...NATIVE_FLAGS, ...part.flags, '-o', out, joinHost(source, part.sources[0])],
        { env: HOST_ENV },
      );
      const bytes = status === 0 ? readFileCapped(out, MAX_BYTES) : undefined;
      if (bytes !== undefined) return bytes;
      reason = `${compiler} cannot compile the ${part.what}: ${stderr.trim().split('\n')[0] ?? `status ${status}`}`;
    } finally {
      removeTree(out);
    }
  }
  return reason;
}
