/** A part in C that is a program, as a file that can be executed. */
import { sha256Hex } from '../core/digest.ts';
import { isAlprootError } from '../core/errors.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { writeFileAtomic } from '../system/files/files.ts';
import { isExecutable } from '../system/files/host-paths.ts';
import type { NativePart } from './native-parts.ts';
import { openNative, type NativeOptions } from './native.ts';

/**
 * undefined where there is none: no compiler, a machine that it is not written for, nothing but file systems without
 * programs.
 */
export async function openProgram(part: NativePart, options: NativeOptions): Promise<HostPath | undefined> {
  try {
    const found = await openNative(part, options);
    if (found.kind === 'absent') return undefined;
    if (isExecutable(found.path)) return found.path;
    const copy = joinHost(options.cache, part.fileName(`${options.arch}-${sha256Hex(found.bytes).slice(0, 32)}`));
    if (!isExecutable(copy)) writeFileAtomic(copy, found.bytes, { mode: 0o755 });
    return isExecutable(copy) ? copy : undefined;
  } catch (error) {
    // A store that can only be read has no room for it.
    if (isAlprootError(error)) return undefined;
    throw error;
  }
}
