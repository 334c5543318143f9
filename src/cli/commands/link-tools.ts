/** `alproot link-tools DIR`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { writeToolLinks } from '../../pipeline/link-tools.ts';
import type { CommandAction } from '../command.ts';

export const linkTools: CommandAction = (context) => {
  const [directory] = context.args;
  if (directory === undefined) throw new AlprootError('ALP_USAGE_ARGUMENT', 'link-tools needs a directory');
  const made = writeToolLinks(hostPath(resolve(context.place.cwd, directory)), context.config.arch, [process.execPath, process.argv[1] ?? 'alproot']);
  context.printer.result(`${made.length} tools in ${directory}: ${made.join(' ')}`, made);
  return Promise.resolve(0);
};
