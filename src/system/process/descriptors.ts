/** Descriptors that the caller left open: no program that we start is to have them. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes everything above standard error that would be inherited further; Node's own descriptors are not. Call before
 * anything is opened.
 */
export function closeInheritedDescriptors(): void {
  for (const name of descriptorNames()) {
    const fd = Number(name);
    if (fd <= 2 || isClosedOnExec(fd)) continue;
    try {
      closeSync(fd);
    } catch {
      // The one that listed the directory.
    }
  }
}

function descriptorNames(): string[] {
  try {
    return readdirSync('/proc/self/fd');
  } catch {
    return [];
  }
}

/** True as well for what is not open any more. */
function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
  } catch {
    return true;
  }
}
