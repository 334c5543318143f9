/** Whether programs of the architecture that was asked for can be started on this machine, said before anything is fetched. */
import { archOfNode, runnableOn } from '../core/arch.ts';
import type { Config } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';

/** @throws ALP_USAGE_OPTION */
export function requireRunnable({ arch }: Config): void {
  const own = archOfNode(process.arch);
  if (own === undefined || runnableOn(own).includes(arch)) return;
  throw new AlprootError('ALP_USAGE_OPTION', `programs for ${arch} cannot be run on this machine, which is ${own}`, {
    hint: `leave --arch (ALPROOT_ARCH) out, or run this on a machine of that kind; \`alproot rootfs\`, \`search\` and \`verify\` take any architecture`,
  });
}
