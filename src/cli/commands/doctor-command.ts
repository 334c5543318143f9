/** `alproot doctor`: what this host allows, which backend will be used, why the others can't. */
import { examineHost } from '../../pipeline/inspect/doctor.ts';
import { isOn, type CommandAction } from '../command.ts';

export const doctor: CommandAction = async (context) => {
  const report = await examineHost(context.config, { network: isOn(context, 'network') });
  context.printer.result(report.text, report.value);
  return report.exitStatus;
};
