/** `alproot trust [DIR]`, `--list`, `--revoke`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { showName } from '../../core/redact.ts';
import { approveProject, listProjects, revokeProject } from '../../pipeline/session/project-trust.ts';
import { isOn, type CommandAction } from '../command.ts';

export const trust: CommandAction = async (context) => {
  const {
    config: { env },
    printer,
    args,
  } = context;
  if (args.length > 1) throw new AlprootError('ALP_USAGE_ARGUMENT', 'trust takes one directory');
  const directory = hostPath(resolve(context.environment.cwd, args[0] ?? '.'));
  if (isOn(context, 'list')) {
    const projects = await listProjects(env);
    printer.result(
      projects
        .map(({ path, state, approved }) => `${state.padEnd(8)}  ${approved.slice(0, 10)}  ${showName(path)}`)
        .join('\n'),
      projects,
    );
    return 0;
  }
  if (isOn(context, 'revoke')) {
    const path = revokeProject(env, directory);
    printer.result(`${showName(path)} is not approved any more`, { path });
    return 0;
  }
  const approved = await approveProject(env, directory);
  const lines = approved.requirements.map(({ line, what }) => `  line ${line}: ${what}`);
  printer.result(
    lines.length === 0
      ? `${showName(approved.path)} asks for nothing that needs approval`
      : [`approved ${showName(approved.path)} as it is now:`, ...lines].join('\n'),
    approved,
  );
  return 0;
};
