/** Which start of which machine this is. */
import { readFileSync } from 'node:fs';

/** Changes whenever the kernel starts; '' where the kernel does not say. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
