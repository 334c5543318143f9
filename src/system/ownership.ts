/** Whether this process may give files away: real root may, root of a namespace with a single user may not. */
import { chownSync, closeSync, openSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { removeTree } from './removal.ts';

/** @param scratch a directory of ours, on the file system that is meant */
export function mayGiveAway(scratch: HostPath): boolean {
  const probe = joinHost(scratch, `.owner-${process.pid}`);
  closeSync(openSync(probe, 'w', 0o600));
  try {
    chownSync(probe, 1, 1);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  } finally {
    removeTree(probe);
  }
}
