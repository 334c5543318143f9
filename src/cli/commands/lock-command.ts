/** `alproot lock`, `alproot fetch` and `alproot bundle create|verify|show`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { fetchTarget, makeBundle, readBundle, type ShownBundle } from '../../pipeline/bundle/locked-files.ts';
import { findSigningKey } from '../../pipeline/session/signing-keys.ts';
import { writeLockFor, type LockTarget } from '../../pipeline/bundle/locking.ts';
import { chooseVerb, isOn, listOf, text, type CommandAction, type CommandContext } from '../command.ts';
import { optionsOf } from './build-command.ts';

export const lock: CommandAction = async (context) => {
  const { update, directory } = updateOf(context);
  const check = isOn(context, 'check');
  if (check && update !== undefined)
    throw new AlprootError('ALP_USAGE_OPTION', '--check and --update exclude each other');
  const made = await writeLockFor(context.config, lockTargetOf(context, directory), { update, check });
  const packages = made.lock.environments.reduce((sum, environment) => sum + environment.packages.length, 0);
  const state = made.written ? 'written' : 'unchanged';
  const what = check ? 'is up to date' : state;
  context.printer.result(`${made.path}: ${what}, ${packages} packages${made.text === '' ? '' : `\n${made.text}`}`, {
    path: made.path,
    written: made.written,
    packages,
    changes: made.changes,
  });
  return 0;
};

/** `--update` may stand before the context: a package's name has no slash and is not a dot. */
function updateOf(context: CommandContext): {
  update: 'all' | readonly string[] | undefined;
  directory: string | undefined;
} {
  const { update } = context.values;
  const [directory] = context.args;
  if (typeof update === 'string' && directory === undefined && /^\.{1,2}$|\//.test(update))
    return { update: 'all', directory: update };
  if (update === undefined) return { update, directory };
  return { update: update === true ? 'all' : listOf(context, 'update'), directory };
}

export const fetch: CommandAction = async (context) => {
  const { files } = await fetchTarget(context.config, lockTargetOf(context, context.args[0]));
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  context.printer.result(`${files.length} files, ${megabytes(bytes)}, are in the store`, { files, bytes });
  return 0;
};

/** Packages when the command line or `alproot.yaml` names some and no Dockerfile is named; else the Dockerfile. */
export function lockTargetOf(context: CommandContext, directory: string | undefined): LockTarget {
  const packages = listOf(context, 'package');
  if (packages.length > 0 && directory === undefined && text(context, 'file') === undefined) {
    return { kind: 'packages', packages, directory: context.config.project ?? hostPath(context.environment.cwd) };
  }
  return { kind: 'Dockerfile', build: { ...optionsOf(context), context: directory ?? '.' } };
}

export const bundle: CommandAction = async (context) => {
  const [verb, argument] = context.args;
  await chooseVerb('bundle', VERBS, verb)(context, argument);
  return 0;
};

const pathOf = (context: CommandContext, argument: string | undefined): HostPath => {
  if (argument === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `bundle ${context.args[0] ?? ''} needs a file`);
  return hostPath(resolve(context.environment.cwd, argument));
};

const VERBS: Readonly<Record<string, (context: CommandContext, argument: string | undefined) => Promise<void>>> = {
  create: async (context, argument) => {
    const signWith = text(context, 'signWith');
    const made = await makeBundle(context.config, lockTargetOf(context, argument), {
      output: pathOf(context, text(context, 'output')),
      signWith:
        signWith === undefined
          ? undefined
          : findSigningKey(context.config, { given: signWith, path: pathOf(context, signWith) }),
      withTool: isOn(context, 'withTool'),
    });
    context.printer.result(
      [
        `${made.output}: ${made.packages} packages, ${made.files} files, ${megabytes(made.sizeBytes)}`,
        `sha256 ${made.sha256}`,
      ].join('\n'),
      made,
    );
  },
  verify: (context, argument) => {
    const shown = readBundle(context.config, pathOf(context, argument), {
      requireSignature: isOn(context, 'requireSignature'),
    });
    context.printer.result(`${shown.path}: sound, ${shown.files.length} files, ${signature(shown)}`, shown);
    return Promise.resolve();
  },
  show: (context, argument) => {
    const shown = readBundle(context.config, pathOf(context, argument), { requireSignature: false });
    const environments = shown.lock.environments.flatMap(({ release, arch, packages }) => [
      `Alpine ${release} ${arch}`,
      ...packages.map(({ record, repository }) => `  ${record.name}-${record.version} (${repository})`),
    ]);
    const lines = [
      `${shown.path}: ${megabytes(shown.sizeBytes)}, ${signature(shown)}`,
      `made for ${shown.lock.requests.join(', ')}`,
      ...environments,
      ...(shown.tool.length === 0 ? [] : ['includes alproot: tar -xf FILE tool && sh tool/alproot … --bundle FILE']),
    ];
    context.printer.result(lines.join('\n'), shown);
    return Promise.resolve();
  },
};

function signature({ signedBy, signers }: ShownBundle): string {
  if (signedBy !== undefined) return `signed by ${signedBy}`;
  return signers.length === 0 ? 'not signed' : `signed by ${signers.join(', ')}, whom nobody here trusts`;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
