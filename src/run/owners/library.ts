/**
 * The preloaded library, as bytes: the one that the package brings, or one compiled here from its source, once. The
 * cached file bears the digest of what it was made from; a sandbox only ever gets a copy of it.
 */
import { joinHost, type HostPath } from '../../core/paths.ts';
import { sha256Hex } from '../../core/digest.ts';
import { packageRoot } from '../../system/assets.ts';
import { makeDirectory } from '../../system/directories.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files.ts';
import { findProgram } from '../../system/host-paths.ts';
import { removeTree } from '../../system/removal.ts';
import { captureProcess } from '../../system/spawn.ts';
import { HOST_ENV } from '../compiled.ts';

const SOURCES = ['owners.c', 'system-calls.h', 'records.h', 'identity.h', 'execution.h', 'capabilities.h', 'users.h', 'programs.h'];
const MAX_BYTES = 1024 * 1024;
const FLAGS = [
  '-Os', '-fPIC', '-shared', '-nostdlib', '-ffreestanding', '-fno-builtin', '-fvisibility=hidden', '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables', '-s', '-Wl,-e,alproot_enter', '-Wl,--hash-style=both', '-Wl,-z,noexecstack',
];

export interface OwnersLibraryOptions {
  /** Where compiled libraries are kept. */
  readonly cache: HostPath;
  /** PATH of the host. */
  readonly searchPath: string;
  /** Alpine's name of the machine. */
  readonly arch: string;
}

export type OwnersLibrary =
  | { readonly kind: 'library'; readonly bytes: Buffer }
  /** In words, why owners cannot be kept here. */
  | { readonly kind: 'absent'; readonly reason: string };

/**
 * Finds or makes the library. Its absence is not an error: builds without foreign owners do without.
 *
 * @throws ALP_STORE_WRITE when the cache cannot be written
 */
export async function openOwnersLibrary({ cache, searchPath, arch }: OwnersLibraryOptions): Promise<OwnersLibrary> {
  const packaged = readFileCapped(joinHost(packageRoot(), 'dist/owners', `owners-${arch}.so`), MAX_BYTES);
  const source = joinHost(packageRoot(), 'src/run/owners');
  const texts = SOURCES.map((name) => readFileCapped(joinHost(source, name), MAX_BYTES));
  if (texts.some((text) => text === undefined)) {
    return packaged === undefined ? { kind: 'absent', reason: `alproot brings no library for owners on ${arch}` } : { kind: 'library', bytes: packaged };
  }
  const digest = sha256Hex(Buffer.concat(texts.map((text) => text ?? Buffer.alloc(0))));
  const file = joinHost(cache, `owners-${arch}-${digest.slice(0, 32)}.so`);
  const kept = readFileCapped(file, MAX_BYTES);
  if (kept !== undefined) return { kind: 'library', bytes: kept };
  const made = await compile(source, searchPath, cache);
  if (made.kind === 'library') writeFileAtomic(file, made.bytes, { mode: 0o644 });
  return made;
}

async function compile(source: HostPath, searchPath: string, cache: HostPath): Promise<OwnersLibrary> {
  const compilers = ['cc', 'gcc', 'clang'].flatMap((name) => findProgram(name, searchPath) ?? []);
  if (compilers.length === 0) return { kind: 'absent', reason: 'the library for owners must be compiled, and the host has no cc, gcc or clang' };
  makeDirectory(cache);
  let reason = '';
  for (const compiler of compilers) {
    const out = joinHost(cache, `.owners-${process.pid}.so`);
    try {
      const { status, stderr } = await captureProcess([compiler, ...FLAGS, '-o', out, joinHost(source, 'owners.c')], { env: HOST_ENV });
      const bytes = status === 0 ? readFileCapped(out, MAX_BYTES) : undefined;
      if (bytes !== undefined) return { kind: 'library', bytes };
      reason = `${compiler} cannot compile the library for owners: ${stderr.trim().split('\n')[0] ?? `status ${status}`}`;
    } finally {
      removeTree(out);
    }
  }
  return { kind: 'absent', reason };
}
