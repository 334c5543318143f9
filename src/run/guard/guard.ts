/**
 * The program that starts a sandbox and ends with us. Where there is none, backends do what they can by themselves.
 */
import type { HostPath } from '../../core/paths.ts';
import { GUARD } from '../native-parts.ts';
import { openProgram } from '../native-program.ts';
import type { NativeOptions } from '../native.ts';

/** undefined where there is no guard. */
export const openGuard = (options: NativeOptions): Promise<HostPath | undefined> => openProgram(GUARD, options);
