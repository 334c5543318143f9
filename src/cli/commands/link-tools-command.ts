/** `alproot link-tools DIR`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { writeToolLinks } from '../../pipeline/environment/link-tools.ts';
import { listOf, type CommandAction } from '../command.ts';

export const linkTools: CommandAction = (context) => {
  const [directory] = context.args;
  if (directory === undefined) throw new AlprootError('ALP_USAGE_ARGUMENT', 'link-tools needs a directory');
  const made = writeToolLinks(hostPath(resolve(context.environment.cwd, directory)), {
    arch: context.config.arch,
    launcher: [process.execPath, resolve(process.argv[1] ?? 'alproot')],
    packages: listOf(context, 'package'),
  });
  const shown = made.filter((name) => name.endsWith('-linux-musl-gcc') || name.endsWith('.cmake'));
  context.printer.result(`${made.length} files in ${directory}, such as ${shown.slice(-2).join(' and ')}`, made);
  return Promise.resolve(0);
};
