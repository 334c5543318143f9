/**
 * Root may type into any terminal of the machine, the caller's among them (TIOCSTI asks for CAP_SYS_ADMIN when it is
 * not one's own). Backends without namespaces start their command without that capability.
 *
 * @see Linux `drivers/tty/tty_io.c` `tiocsti`
 */
import { hostPath } from '../core/paths.ts';
import { readFileCapped } from '../system/files.ts';
import type { RunHost } from './host-tools.ts';

const CAP_SETPCAP = 8n;
const CAP_SYS_ADMIN = 21n;

/** Options of setpriv; none where there is nothing to give up, or no leave to do so. */
export function terminalRights({ tools }: RunHost): string[] {
  const status = readFileCapped(hostPath('/proc/self/status'), 64 * 1024)?.toString('latin1') ?? '';
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: bigint): boolean => ((held >> bit) & 1n) === 1n;
  return tools.setpriv !== undefined && has(CAP_SYS_ADMIN) && has(CAP_SETPCAP) ? ['--bounding-set=-sys_admin'] : [];
}
