/** `alproot mirror create|from-debian|index|sign|keygen|serve`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { makeMirror } from '../../pipeline/bundle/locked-files.ts';
import {
  findSigningKey,
  indexMirror,
  makeSigningKey,
  mirrorFromDebian,
  serveDirectory,
  signFiles,
} from '../../pipeline/bundle/mirror-tools.ts';
import { chooseVerb, isOn, listOf, text, type CommandAction, type CommandContext } from '../command.ts';
import { lockTargetOf } from './lock-command.ts';

export const mirror: CommandAction = async (context) => {
  await chooseVerb('mirror', VERBS, context.args[0])(context);
  return 0;
};

const pathOf = (context: CommandContext, argument: string | undefined, what: string): HostPath => {
  if (argument === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `mirror ${context.args[0] ?? ''} needs ${what}`);
  return hostPath(resolve(context.environment.cwd, argument));
};

const signWith = (context: CommandContext): HostPath | undefined => {
  const file = text(context, 'signWith');
  return file === undefined
    ? undefined
    : findSigningKey(context.config, { given: file, path: pathOf(context, file, 'a key') });
};

const VERBS: Readonly<Record<string, (context: CommandContext) => Promise<void>>> = {
  create: async (context) => {
    const directory = pathOf(context, context.args[1], 'a directory');
    const key = signWith(context);
    if (key === undefined)
      throw new AlprootError('ALP_USAGE_OPTION', 'mirror create needs --sign-with KEY for its index', {
        hint: 'make a key with `alproot mirror keygen`',
      });
    const count = await makeMirror(context.config, lockTargetOf(context, context.args[2]), {
      directory,
      signWith: key,
    });
    context.printer.result(
      `${directory}: ${count} packages\nuse it with --mirror ${directory} --keys-dir ${directory}/keys`,
      { directory, packages: count },
    );
  },
  'from-debian': async (context) => {
    const made = await mirrorFromDebian(
      context.config,
      pathOf(context, context.args[1], 'a directory'),
      listOf(context, 'package'),
    );
    const release = made.branch.replace(/^v/, '');
    const use = `--mirror ${made.directory} --keys-dir ${made.keysDirectory} --release ${release}`;
    context.printer.result(
      `${made.directory}: ${made.made.length} packages made, ${made.kept.length} kept\nuse it with ${use}`,
      made,
    );
  },
  index: async (context) => {
    const format = text(context, 'format') ?? 'v2';
    if (format !== 'v2' && format !== 'v3')
      throw new AlprootError('ALP_USAGE_OPTION', `--format is v2 or v3, not ${format}`);
    const directories = context.args.length > 2 ? context.args.slice(1) : [context.args[1]];
    const indexed: Record<string, readonly string[]> = {};
    for (const argument of directories) {
      const directory = pathOf(context, argument, 'a directory of .apk files');
      indexed[`${directory}/${format === 'v3' ? 'Packages.adb' : 'APKINDEX.tar.gz'}`] = await indexMirror(
        context.config,
        { directory, description: text(context, 'description') ?? '', signWith: signWith(context), format },
      );
    }
    context.printer.result(
      Object.entries(indexed)
        .map(([path, names]) => `${path}: ${names.length} packages`)
        .join('\n'),
      directories.length > 1 ? indexed : Object.values(indexed)[0],
    );
  },
  sign: async (context) => {
    const key = signWith(context);
    if (key === undefined)
      throw new AlprootError('ALP_USAGE_OPTION', 'mirror sign needs --sign-with KEY', {
        hint: 'make a key with `alproot mirror keygen`',
      });
    const written = await signFiles(
      context.args.slice(1).map((file) => pathOf(context, file, 'files')),
      key,
    );
    context.printer.result(written.join('\n'), written);
  },
  keygen: async (context) => {
    const [directory, privateDirectory] = [context.args[1], text(context, 'privateDir')].map((given) =>
      given === undefined ? undefined : pathOf(context, given, 'a directory'),
    );
    const made = await makeSigningKey(context.config, {
      directory,
      privateDirectory,
      owner: text(context, 'name') ?? 'alproot',
    });
    context.printer.result(`${made.publicKey}\n${made.privateKey} (private: keep it secret)`, made);
  },
  serve: async (context) => {
    const directory = pathOf(context, context.args[1], 'a directory');
    const [, host, port] = /^(?:(.*):)?(\d{1,5})$/.exec(text(context, 'listen') ?? '') ?? [];
    const server = await serveDirectory(context.config, {
      directory,
      host,
      port: port === undefined ? undefined : Number(port),
      tls: isOn(context, 'tls'),
    });
    const { url, certificateFile } = server;
    const trust = certificateFile === undefined ? '' : `\nclients need --ca-file ${certificateFile}`;
    context.printer.result(`serving ${directory} at ${url}${trust}`, { url, certificateFile });
    await new Promise<void>((done) => context.config.signal?.addEventListener('abort', () => done(), { once: true }));
    await server.close();
  },
};
