/** `alproot rootfs create|export|audit|sbom DIR`. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { createRootfs } from '../../pipeline/environment/rootfs.ts';
import { auditRootfs, exportRootfs, sbomOf, type AuditRequest } from '../../pipeline/inspect/rootfs-export.ts';
import { chooseVerb, valuesOf, isOn, listOf, type CommandAction, type CommandContext } from '../command.ts';
import { version } from '../program-version.ts';

interface Verb {
  readonly act: (context: CommandContext, directory: HostPath) => Promise<number>;
  /** Its options, as commander keeps their names; a project's packages are always among the values. */
  readonly options: readonly string[];
}

const VERBS: Readonly<Record<string, Verb>> = {
  create: { act: create, options: ['package'] },
  export: { act: exportTree, options: ['package', 'output', 'tag'] },
  audit: { act: audit, options: ['package', 'system', 'backup', 'full', 'checkPermissions', 'packages', 'recursive'] },
  sbom: { act: sbom, options: ['package', 'tag'] },
};

export const rootfs: CommandAction = async (context) => {
  const [verb = '', directory] = context.args;
  const known = chooseVerb('rootfs', VERBS, verb);
  if (directory === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', 'rootfs needs a verb and a directory', {
      hint: 'alproot rootfs create ./alpine -p gcc,musl-dev',
    });
  const foreign = Object.keys(context.values).find(
    (name) =>
      context.values[name] !== undefined &&
      name !== 'quiet' &&
      !name.startsWith('common ') &&
      !known.options.includes(name),
  );
  if (foreign !== undefined)
    throw new AlprootError(
      'ALP_USAGE_OPTION',
      `--${foreign.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is not an option of rootfs ${verb}`,
    );
  return known.act(context, hostPath(resolve(context.environment.cwd, directory)));
};

async function create(context: CommandContext, directory: HostPath): Promise<number> {
  const made = await createRootfs(context.config, { directory, packages: listOf(context, 'package') });
  context.printer.result(
    `${context.args[1] ?? ''}: Alpine ${made.release} ${made.arch}, ${made.packages.length} packages`,
    made,
  );
  return 0;
}

async function exportTree(context: CommandContext, directory: HostPath): Promise<number> {
  const image = await exportRootfs(context.config, {
    directory,
    outputs: valuesOf(context, 'output'),
    tags: valuesOf(context, 'tag'),
    cwd: hostPath(context.environment.cwd),
    writeStandardOutput: (chunk) => void process.stdout.write(chunk),
  });
  const toStandardOutput = valuesOf(context, 'output').some(
    (output) => output === '-' || /(?:^|,)dest=-(?:,|$)/.test(output),
  );
  if (!toStandardOutput) context.printer.result(image?.digest ?? '', { image });
  return 0;
}

function audit(context: CommandContext, directory: HostPath): Promise<number> {
  const modes = (['backup', 'system', 'full'] as const).filter((name) => isOn(context, name));
  if (modes.length > 1)
    throw new AlprootError('ALP_USAGE_OPTION', `${modes.map((name) => `--${name}`).join(' and ')} exclude each other`);
  const request: AuditRequest = {
    directory,
    mode: modes[0] ?? 'packages',
    permissions: isOn(context, 'checkPermissions'),
    recursive: isOn(context, 'recursive'),
    packages: isOn(context, 'packages'),
    quiet: isOn(context, 'quiet'),
  };
  const { text: lines, value, status } = auditRootfs(request);
  context.printer.result(lines, value);
  return Promise.resolve(status);
}

function sbom(context: CommandContext, directory: HostPath): Promise<number> {
  const document = sbomOf({
    directory,
    subject: valuesOf(context, 'tag')[0] ?? directory.slice(directory.lastIndexOf('/') + 1),
    toolVersion: version,
  });
  context.printer.result(document, JSON.parse(document));
  return Promise.resolve(0);
}
