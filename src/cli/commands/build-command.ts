/** `alproot build`. */
import { redactData } from '../../core/redact.ts';
import { hostPath } from '../../core/paths.ts';
import { buildDockerfile, planDockerfile, type BuildOptions } from '../../pipeline/dockerfile/build.ts';
import { checkDockerOptions } from '../docker-options.ts';
import { valuesOf, isOn, listOf, text, type CommandAction, type CommandContext } from '../command.ts';

export const build: CommandAction = async (context) => {
  checkDockerOptions(context);
  const options = optionsOf(context);
  if (isOn(context, 'plan')) {
    const plan = planDockerfile(context.config, options);
    process.stdout.write(`${JSON.stringify(redactData(plan), undefined, 2)}\n`);
    return plan.refusals.length === 0 ? 0 : 8;
  }
  const config = isOn(context, 'pull') ? { ...context.config, refresh: true } : context.config;
  const result = await buildDockerfile(config, options);
  const image = result.image === undefined ? '' : result.image.digest;
  context.printer.result(image, { image: result.image, names: result.names });
  return 0;
};

/** The options of a build, as given; those that a command does not have are absent. */
export function optionsOf(context: CommandContext): BuildOptions {
  const { environment, args } = context;
  return {
    directory: hostPath(environment.cwd),
    context: args[0] ?? '.',
    file: text(context, 'file'),
    outputs: valuesOf(context, 'output').filter((output) => output !== 'type=cacheonly'),
    tags: valuesOf(context, 'tag'),
    target: text(context, 'target'),
    buildArgs: valuesOf(context, 'buildArg'),
    platform: text(context, 'platform'),
    // Commander reads --no-cache as "cache: false".
    noCache: context.values['cache'] === false,
    noCacheFilter: listOf(context, 'noCacheFilter'),
    network: text(context, 'network'),
    secrets: valuesOf(context, 'secret'),
    addHosts: valuesOf(context, 'addHost'),
    buildContexts: valuesOf(context, 'buildContext'),
    labels: valuesOf(context, 'label'),
    annotations: valuesOf(context, 'annotation'),
    metadataFile: text(context, 'metadataFile'),
    idFile: text(context, 'iidfile'),
    env: environment.env,
    writeStandardOutput: (chunk) => void process.stdout.write(chunk),
  };
}
