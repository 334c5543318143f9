/** `alproot rootfs create DIR`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { createRootfs } from '../../index.ts';
import { list, type CommandAction } from '../command.ts';

export const rootfs: CommandAction = async (context) => {
  const [verb, directory] = context.args;
  if (directory === undefined) throw new AlprootError('ALP_USAGE_ARGUMENT', 'rootfs needs a verb and a directory', { hint: 'alproot rootfs create ./alpine -p gcc,musl-dev' });
  const path = hostPath(resolve(context.place.cwd, directory));
  switch (verb) {
    case 'create': {
      const made = await createRootfs(context.config, { directory: path, packages: list(context, 'package') });
      context.printer.result(`${directory}: Alpine ${made.release} ${made.arch}, ${made.packages.length} packages`, made);
      return 0;
    }
    default:
      throw new AlprootError('ALP_USAGE_ARGUMENT', `rootfs knows create, not ${verb ?? ''}`);
  }
};
