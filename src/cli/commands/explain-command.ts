/** `alproot search`, `info`, `policy`, `why` and `tree`: what there is, what is installed, and why. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { dumpFile } from '../../pipeline/inspect/adb-dump-file.ts';
import { queryPackages, type Answer, type PackageQuery } from '../../pipeline/inspect/package-query.ts';
import { explainNeed, explainTree, type WhyRequest } from '../../pipeline/inspect/why-query.ts';
import { isOn, listOf, text, type CommandAction, type CommandContext } from '../command.ts';

const rootOf = (context: CommandContext): HostPath | undefined => {
  const root = text(context, 'root');
  return root === undefined ? undefined : hostPath(resolve(context.environment.cwd, root));
};

/** A switch's name as commander keeps it. */
const camel = (name: string): string => name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

const switchesOn = (context: CommandContext, names: readonly string[]): string[] =>
  names.filter((name) => isOn(context, camel(name)));

function print({ printer }: CommandContext, { text: lines, value, status }: Answer): number {
  printer.result(lines, value);
  return status;
}

const ask =
  (command: PackageQuery['command'], options: readonly string[]): CommandAction =>
  async (context) =>
    print(
      context,
      await queryPackages(context.config, {
        command,
        operands: context.args,
        options: switchesOn(context, [...options, 'quiet', 'verbose']),
        root: rootOf(context),
      }),
    );

export const search = ask('search', ['all', 'description', 'exact', 'has-origin', 'origin', 'rdepends']);

export const policy: CommandAction = async (context) => {
  requireNames(context, 'policy');
  return ask('policy', [])(context);
};

const queryInfo = ask('info', [
  'all',
  'contents',
  'depends',
  'description',
  'install-if',
  'installed',
  'license',
  'provides',
  'rdepends',
  'replaces',
  'rinstall-if',
  'size',
  'triggers',
  'webpage',
  'who-owns',
]);

export const info: CommandAction = async (context) => {
  const file = text(context, 'dump');
  if (file === undefined) return queryInfo(context);
  const dump = dumpFile(context.config, {
    file,
    directory: context.environment.cwd,
    allowUntrusted: isOn(context, 'allowUntrusted'),
  });
  context.printer.result(dump, { file, dump });
  return 0;
};

function requireNames({ args }: CommandContext, verb: string): void {
  if (args.length === 0)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `${verb} needs the name of a package`, {
      hint: `alproot ${verb} NAME`,
    });
}

const requestOf = (context: CommandContext): WhyRequest => ({
  names: context.args,
  root: rootOf(context),
  packages: listOf(context, 'package'),
  directory: hostPath(context.environment.cwd),
});

export const why: CommandAction = async (context) => {
  requireNames(context, 'why');
  return print(context, await explainNeed(context.config, requestOf(context)));
};

export const tree: CommandAction = async (context) =>
  print(context, await explainTree(context.config, requestOf(context)));
