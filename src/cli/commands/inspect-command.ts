/** `alproot inspect FILE`: what an ELF file is; with `--require`, exit status 1 when a demand is not met. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { showName } from '../../core/redact.ts';
import { formatInspection, inspectFile } from '../../pipeline/inspect/elf-inspection.ts';
import { isOn, text, type CommandAction } from '../command.ts';

export const inspect: CommandAction = (context) => {
  const [file, ...more] = context.args;
  if (file === undefined || more.length > 0)
    throw new AlprootError('ALP_USAGE_ARGUMENT', 'inspect needs one file', { hint: 'alproot inspect hello' });
  const path = (name: string): ReturnType<typeof hostPath> => hostPath(resolve(context.environment.cwd, name));
  const map = text(context, 'map');
  const inspection = inspectFile(path(file), {
    require: text(context, 'require'),
    symbols: isOn(context, 'symbols'),
    map: map === undefined ? undefined : path(map),
  });
  const failures = inspection.kind === 'elf' ? inspection.failures : [];
  const verdicts = failures.map(({ requirement, reason }) => `fails ${showName(requirement)}: ${reason}\n`).join('');
  context.printer.result(formatInspection(inspection) + verdicts, inspection);
  return Promise.resolve(failures.length === 0 ? 0 : 1);
};
