/**
 * Whether what is asked for can be run on this machine and from this store at all, said before anything is fetched.
 */
import { archOfNode, runnableOn } from '../../core/arch.ts';
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { refuseNoexec } from '../../run/refusal.ts';
import type { Session } from './session.ts';

/** @throws ALP_USAGE_OPTION */
export function requireRunnable({ arch }: Config): void {
  const own = archOfNode(process.arch);
  if (own === undefined || runnableOn(own).includes(arch)) return;
  throw new AlprootError('ALP_USAGE_OPTION', `programs for ${arch} cannot be run on this machine, which is ${own}`, {
    hint:
      'leave --arch (ALPROOT_ARCH) out, or run this on a machine of that kind; ' +
      '`alproot rootfs`, `search` and `verify` take any architecture',
  });
}

/** @throws ALP_RUN_BACKEND for a store on a file system that is mounted noexec */
export function requireExecutableStore({ store }: Session): void {
  const refusal = refuseNoexec(store.root);
  if (refusal !== undefined)
    throw new AlprootError(
      'ALP_RUN_BACKEND',
      `the store ${quoteName(store.root)} cannot be used to run anything: ${refusal.reason}`,
      { hint: refusal.fix, facts: { path: store.root } },
    );
}
