/** Instructions that change the image's configuration and nothing else. */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { Instruction } from '../formats/dockerfile/dockerfile-instruction.ts';
import type { ImageConfig } from './image-config.ts';
import { argvOf, type StageState } from './planning-state.ts';
import { isSignal } from './stop-signal.ts';

interface MetadataContext {
  readonly state: StageState;
  readonly put: (text: string) => string;
  /** Expansion that also splits: `EXPOSE $PORTS`. */
  readonly words: (text: string) => readonly string[];
  readonly warn: (message: string) => void;
}

/** The shape that instructions of a kind have; some kinds share one. */
type Of<Kind, Shape = Instruction> = Shape extends { readonly kind: infer Kinds }
  ? Kind extends Kinds
    ? Shape
    : never
  : never;
type MetadataPlanner<Kind> = (instruction: Of<Kind>, context: MetadataContext) => ImageConfig;

const PLANNERS = {
  ENV: (instruction, context) => {
    const { config, args } = context.state;
    const added = expandPairs(instruction, context);
    for (const name of Object.keys(added)) args.delete(name);
    return { ...config, env: { ...config.env, ...added } };
  },
  LABEL: (instruction, context) => {
    const { config } = context.state;
    return { ...config, labels: { ...config.labels, ...expandPairs(instruction, context) } };
  },
  CMD: ({ command }, { state }) => {
    state.cmdSet = true;
    return { ...state.config, cmd: argvOf(command, state.config) };
  },
  ENTRYPOINT: ({ command }, { state }) => {
    const { cmd, ...rest } = state.config;
    const ownCmd = state.cmdSet && cmd !== undefined ? { cmd } : {};
    return { ...rest, ...ownCmd, entrypoint: argvOf(command, state.config) };
  },
  USER: ({ value }, { state, put }) => {
    const user = put(value);
    if (user === '') throw emptyError(`USER ${quoteName(value)} is empty`);
    return { ...state.config, user };
  },
  EXPOSE: ({ values }, { state: { config }, words, warn }) => {
    const ports = values.flatMap(words).flatMap((text) => parsePort(text, warn));
    return { ...config, exposed: mergeUnique(config.exposed, ports) };
  },
  VOLUME: ({ values }, { state: { config }, put }) => {
    const volumes = values.map(put);
    if (volumes.includes('')) throw emptyError('VOLUME needs a path: one is empty');
    return { ...config, volumes: mergeUnique(config.volumes, volumes) };
  },
  STOPSIGNAL: ({ value }, { state, put }) => ({ ...state.config, stopSignal: parseSignal(put(value)) }),
  SHELL: ({ argv }, { state }) => ({ ...state.config, shell: argv }),
  HEALTHCHECK: ({ check }, { state }) => ({ ...state.config, healthcheck: check }),
  ONBUILD: ({ expression }, { state: { config } }) => ({ ...config, onBuild: [...config.onBuild, expression] }),
  MAINTAINER: ({ value }, { state }) => ({ ...state.config, author: value }),
} satisfies { readonly [Kind in Instruction['kind']]?: MetadataPlanner<Kind> };

/** @throws ALP_BUILD_INSTRUCTION for a bad port, signal or variable name */
export function planMetadata(instruction: Instruction, context: MetadataContext): void {
  const plan = (PLANNERS as Readonly<Partial<Record<Instruction['kind'], MetadataPlanner<never>>>>)[instruction.kind];
  if (plan === undefined) throw new Error(`not an instruction of metadata: ${instruction.kind}`);
  context.state.config = plan(instruction as never, context);
}

function expandPairs({ kind, pairs }: Of<'ENV'>, { put }: MetadataContext): Record<string, string> {
  // One line sees only values from before it, so all are expanded before any is set.
  const expanded = pairs.map(({ name, value }) => [put(name), put(value)] as const);
  if (expanded.some(([name]) => name === ''))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `${kind} names cannot be blank`);
  return Object.fromEntries(expanded);
}

const emptyError = (message: string): AlprootError =>
  new AlprootError('ALP_BUILD_INSTRUCTION', message, {
    hint: 'give the variable a value with ARG, ENV or --build-arg',
  });

const mergeUnique = (left: readonly string[], right: readonly string[]): string[] => [...new Set([...left, ...right])];

const HOST_PART = /^(?:(?:[\d.]*|\[[\da-f:]*\]):)?(?:\d{1,5}(?:-\d{1,5})?)?:(?=\d)/i;

/**
 * `80`, `53/udp`, `8000-8002`, as `PORT/protocol`. What `docker run -p` would take before the port is left out, as
 * docker does.
 */
function parsePort(text: string, warn: (message: string) => void): string[] {
  const port = text.replace(HOST_PART, '');
  if (port !== text) warn(`EXPOSE ${quoteName(text)}: only the port inside counts, ${port}`);
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(port);
  const first = Number(match?.[1]);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  if (match === null || first > 65535 || last > 65535 || last < first)
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `EXPOSE: invalid port ${quoteName(text)}`);
  return Array.from(
    { length: last - first + 1 },
    (_, index) => `${first + index}/${match[3]?.toLowerCase() ?? 'tcp'}`,
  );
}

function parseSignal(text: string): string {
  if (!isSignal(text))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `STOPSIGNAL: invalid signal ${quoteName(text)}`);
  return text;
}
