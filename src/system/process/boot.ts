/** Which start of which machine this is, and which view of its processes. */
import { readFileSync, readlinkSync } from 'node:fs';
import { sha256Hex } from '../../core/digest.ts';

export const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Changes whenever the kernel starts; '' where the kernel does not say. */
export function bootId(): string {
  try {
    return readFileSync(BOOT_ID, 'latin1').trim();
  } catch {
    return '';
  }
}

/**
 * Eight digits: where they are the same, a process id means the same process. Containers of one machine count
 * processes apart.
 */
export const processSpace = (): string => sha256Hex(`${bootId()} ${pidNamespace()}`).slice(0, 8);

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
