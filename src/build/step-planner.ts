/** One instruction against the state of its stage: variables put in, paths made absolute, configuration updated. */
import { posix } from 'node:path';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { CopySource, Instruction } from '../formats/dockerfile/dockerfile-instruction.ts';
import { type Directives, heredocText } from '../formats/dockerfile/dockerfile-lines.ts';
import { parseMount } from '../formats/dockerfile/dockerfile-mount.ts';
import { expand } from '../formats/dockerfile/substitution.ts';
import { type ImageConfig, PATH_DEFAULT, SHELL_DEFAULT } from './image-config.ts';
import { parseModeChange } from './copy-apply.ts';
import { planMetadata } from './metadata-planner.ts';
import { argvOf, scopeOf, type StageState } from './planning-state.ts';
import type {
  CopyStep,
  MetadataStep,
  NamedContext,
  PlannedBase,
  PlannedSource,
  RunStep,
  StepPlace,
  WorkdirStep,
} from './build-plan.ts';
import { variablesOf } from './scope.ts';

export interface StepContext {
  readonly state: StageState;
  readonly directives: Directives;
  readonly network: 'host' | 'none';
  readonly hosts: readonly string[];
  readonly proxyEnv: Readonly<Record<string, string>>;
  /** A stage or image named by --from. */
  readonly resolve: (reference: string) => PlannedBase | NamedContext;
  readonly warn: (message: string) => void;
}

export type StepBody =
  | Omit<RunStep, keyof StepPlace>
  | Omit<CopyStep, keyof StepPlace>
  | Omit<WorkdirStep, keyof StepPlace>
  | Omit<MetadataStep, keyof StepPlace>;

/** @throws ALP_FORMAT_DOCKERFILE, ALP_BUILD_INSTRUCTION, ALP_BUILD_UNSUPPORTED without a line: the caller knows it */
export function planInstruction(instruction: Instruction, context: StepContext): StepBody {
  const { state } = context;
  const put = expander(context);
  switch (instruction.kind) {
    case 'RUN':
      return planRun(instruction, context);
    case 'COPY':
    case 'ADD':
      return planCopy(instruction, context);
    case 'WORKDIR': {
      const path = posix.resolve(state.config.workdir, put(instruction.value));
      state.config = { ...state.config, workdir: path };
      return { kind: 'workdir', path, user: state.config.user };
    }
    default:
      planMetadata(instruction, {
        state,
        put,
        warn: context.warn,
        words: (text) => expand(text, variablesOf(scopeOf(state)), context.directives).words,
      });
      return { kind: 'metadata' };
  }
}

const expander =
  ({ state, directives }: StepContext) =>
  (text: string): string =>
    expand(text, variablesOf(scopeOf(state)), directives).text;

/**
 * ARG in a stage: the build's value, else its default, else that of the ARG before FROM, else what the stage below
 * has.
 */
export function declareArg(
  state: StageState,
  instruction: Extract<Instruction, { kind: 'ARG' }>,
  {
    globals,
    buildArgs,
    directives,
  }: {
    globals: ReadonlyMap<string, string | undefined>;
    buildArgs: Readonly<Record<string, string>>;
    directives: Directives;
  },
): void {
  for (const arg of instruction.args) {
    const fallback =
      arg.value === undefined
        ? (globals.get(arg.name) ?? state.args.get(arg.name))
        : expand(arg.value, variablesOf(scopeOf(state)), directives).text;
    state.args.set(arg.name, Object.hasOwn(buildArgs, arg.name) ? buildArgs[arg.name] : fallback);
  }
}

function planRun(instruction: Extract<Instruction, { kind: 'RUN' }>, context: StepContext): StepBody {
  const { state, proxyEnv } = context;
  const put = expander(context);
  if (instruction.security !== undefined && put(instruction.security) !== 'sandbox') {
    throw new AlprootError('ALP_BUILD_UNSUPPORTED', 'RUN --security=insecure is not supported', {
      hint: 'remove the flag: a build here has no privileges to give',
    });
  }
  const { config } = state;
  const network =
    instruction.network === undefined || instruction.network === 'default'
      ? context.network
      : (instruction.network as 'host' | 'none');
  return {
    kind: 'run',
    ...commandOfRun(instruction, config),
    env: { PATH: PATH_DEFAULT, ...Object.fromEntries(variablesOf(scopeOf(state))) },
    proxyEnv,
    user: config.user,
    cwd: config.workdir,
    network: context.network === 'none' ? 'none' : network,
    ...(context.hosts.length === 0 ? {} : { hosts: context.hosts }),
    mounts: instruction.mounts.flatMap((text) => planMount(put(text), context)),
  };
}

/**
 * Heredocs: a lone one is the script itself, or a program when it starts with `#!`; others are the shell's to read.
 */
function commandOfRun(
  { command, heredocs }: Extract<Instruction, { kind: 'RUN' }>,
  config: ImageConfig,
): Pick<RunStep, 'argv' | 'script'> {
  const [first] = heredocs;
  if (first === undefined || command.form === 'exec') return { argv: argvOf(command, config) };
  const lone = heredocs.length === 1 && /^\d*<<-?\s*(['"]?)[^\s'"]+\1$/.test(command.text.trim());
  if (!lone) {
    const text = [
      command.text,
      ...heredocs.map((heredoc) => `${heredoc.body.replaceAll('\r\n', '\n')}${heredoc.name}`),
    ].join('\n');
    return { argv: argvOf({ form: 'shell', text }, config) };
  }
  const text = heredocText(first);
  if (text.startsWith('#!')) return { argv: [...(config.shell ?? SHELL_DEFAULT)], script: { name: first.name, text } };
  return { argv: argvOf({ form: 'shell', text }, config) };
}

function planMount(text: string, { state, resolve, warn }: StepContext): RunStep['mounts'][number][] {
  const mount = parseMount(text);
  if (mount.type === 'ssh') {
    if (mount.required)
      throw new AlprootError(
        'ALP_BUILD_UNSUPPORTED',
        'RUN --mount=type=ssh,required: no agent is handed into builds',
        { hint: 'pass what is needed with --secret' },
      );
    warn('RUN --mount=type=ssh is left out: no agent is handed into builds');
    return [];
  }
  const base = mount.from === undefined || mount.from === '' ? undefined : resolve(mount.from);
  const target = mount.target === undefined ? undefined : posix.resolve(state.config.workdir, mount.target);
  if (target === '/') throw new AlprootError('ALP_BUILD_INSTRUCTION', 'RUN --mount: the target cannot be the root');
  return [{ ...mount, ...(target === undefined ? {} : { target }), ...(base === undefined ? {} : { base }) }];
}

function planCopy(instruction: Extract<Instruction, { kind: 'COPY' | 'ADD' }>, context: StepContext): StepBody {
  const { state, resolve } = context;
  const put = expander(context);
  const { flags } = instruction;
  const written = put(instruction.destination);
  const destination = copyDestination(written, state.config.workdir);
  const sources = instruction.sources.map((source) => planSource(source, context, instruction.kind));
  if (sources.length > 1 && !destination.endsWith('/')) {
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `${instruction.kind} of several sources needs a directory as destination: ` +
        `${quoteName(written)} has no trailing \`/\``,
    );
  }
  const optional = (name: 'chown' | 'chmod' | 'checksum'): Record<string, string> =>
    flags[name] === undefined ? {} : { [name]: put(flags[name]) };
  const chmod = optional('chmod')['chmod'];
  if (chmod !== undefined && parseModeChange(chmod) === undefined)
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `${instruction.kind} --chmod: invalid mode ${quoteName(chmod)}`, {
      hint: 'octal such as 755, or letters such as u=rwx,go=rx',
    });
  return {
    kind: instruction.kind === 'COPY' ? 'copy' : 'add',
    sources,
    destination,
    flags: {
      ...flags,
      ...optional('chown'),
      ...optional('chmod'),
      ...optional('checksum'),
      exclude: flags.exclude.map(put),
    },
    ...(flags.from === undefined ? {} : { from: resolve(put(flags.from)) }),
  };
}

/** Absolute, with a trailing slash where the text means a directory: `x/`, `.`, `x/.`. */
function copyDestination(written: string, workdir: string): string {
  const path = posix.resolve(workdir, written);
  const isDirectory = written === '' || /(?:^|\/)\.{0,2}$/.test(written) || path === '/';
  return isDirectory && path !== '/' ? `${path}/` : path;
}

function planSource(source: CopySource, context: StepContext, kind: 'COPY' | 'ADD'): PlannedSource {
  const put = expander(context);
  if (source.kind === 'inline') {
    const { heredoc } = source;
    const text = heredocText(heredoc);
    const variables = variablesOf(scopeOf(context.state));
    return {
      kind: 'inline',
      name: heredoc.name,
      text: heredoc.expand ? expand(text, variables, { ...context.directives, keepQuotes: true }).text : text,
    };
  }
  const path = put(source.path);
  if (path === '')
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `${kind}: the source ${quoteName(source.path)} is empty`);
  if (kind === 'COPY') return { kind: 'path', path };
  if (/^(?:git@|git:\/\/|ssh:\/\/)/.test(path) || /^https?:\/\/[^?#]*\.git(?:[?#].*)?$/i.test(path))
    return { kind: 'git', url: path };
  return /^https?:\/\//i.test(path) ? { kind: 'url', url: path } : { kind: 'path', path };
}
