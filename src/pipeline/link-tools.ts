/** The names that people know from musl-cross toolchains, as small scripts that start `alproot tool`. */
import { ARCHES } from '../core/arch.ts';
import type { Arch } from '../core/package.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { writeFileAtomic } from '../system/files.ts';
import { requireWritablePlace } from '../system/output-place.ts';

const COMPILERS = ['gcc', 'cc', 'cpp'];
const BINUTILS = ['ar', 'as', 'ld', 'nm', 'objcopy', 'objdump', 'ranlib', 'readelf', 'size', 'strings', 'strip'];

/**
 * Writes `MACHINE-linux-musl-gcc`, `-ar` …, `musl-gcc` and the plain `MACHINE-alpine-linux-musl-*` names.
 *
 * @param launcher argv that starts alproot
 * @returns the names written, sorted
 * @throws ALP_FILE_WRITE when `directory` is a file, or cannot be written
 */
export function writeToolLinks(directory: HostPath, arch: Arch, launcher: readonly string[]): string[] {
  requireWritablePlace(directory, { into: true });
  const { machine } = ARCHES[arch];
  const tools = new Map<string, string>([['musl-gcc', 'gcc']]);
  for (const tool of [...COMPILERS, ...BINUTILS]) {
    for (const prefix of [`${machine}-linux-musl`, `${machine}-alpine-linux-musl`]) tools.set(`${prefix}-${tool}`, tool === 'cc' ? 'gcc' : tool);
  }
  const start = launcher.map(shellQuote).join(' ');
  for (const [name, tool] of tools) {
    writeFileAtomic(joinHost(directory, name), `#!/bin/sh\nexec ${start} tool --arch ${arch} -- ${tool} "$@"\n`, { mode: 0o755 });
  }
  return [...tools.keys()].sort();
}

const shellQuote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
