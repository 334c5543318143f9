/** Instructions that change the image's configuration and nothing else. */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { Instruction } from '../formats/dockerfile/dockerfile-instruction.ts';
import { SHELL_DEFAULT } from './image-config.ts';
import type { StageState } from './step-planner.ts';

interface MetadataContext {
  readonly state: StageState;
  readonly put: (text: string) => string;
  /** Expansion that also splits: `EXPOSE $PORTS`. */
  readonly words: (text: string) => readonly string[];
  readonly warn: (message: string) => void;
}

/** @throws ALP_BUILD_INSTRUCTION for a bad port, signal or variable name */
export function planMetadata(instruction: Instruction, { state, put, words, warn }: MetadataContext): void {
  const { config } = state;
  switch (instruction.kind) {
    case 'ENV':
    case 'LABEL': {
      // One line sees only values from before it, so all are expanded before any is set.
      const pairs = instruction.pairs.map(({ name, value }) => [put(name), put(value)] as const);
      if (pairs.some(([name]) => name === ''))
        throw new AlprootError('ALP_BUILD_INSTRUCTION', `${instruction.kind} names cannot be blank`);
      const key = instruction.kind === 'ENV' ? 'env' : 'labels';
      state.config = { ...config, [key]: { ...config[key], ...Object.fromEntries(pairs) } };
      return;
    }
    case 'CMD':
      state.cmdSet = true;
      state.config = { ...config, cmd: shellArgv(instruction, state) };
      return;
    case 'ENTRYPOINT': {
      const { cmd, ...rest } = config;
      state.config = {
        ...rest,
        ...(state.cmdSet && cmd !== undefined ? { cmd } : {}),
        entrypoint: shellArgv(instruction, state),
      };
      return;
    }
    case 'USER': {
      const user = put(instruction.value);
      if (user === '')
        throw new AlprootError('ALP_BUILD_INSTRUCTION', `USER ${quoteName(instruction.value)} is empty`, {
          hint: 'give the variable a value with ARG, ENV or --build-arg',
        });
      state.config = { ...config, user };
      return;
    }
    case 'EXPOSE':
      state.config = {
        ...config,
        exposed: union(
          config.exposed,
          instruction.values.flatMap(words).flatMap((text) => parsePort(text, warn)),
        ),
      };
      return;
    case 'VOLUME': {
      const volumes = instruction.values.map(put);
      if (volumes.includes(''))
        throw new AlprootError('ALP_BUILD_INSTRUCTION', 'VOLUME needs a path: one is empty', {
          hint: 'give the variable a value with ARG, ENV or --build-arg',
        });
      state.config = { ...config, volumes: union(config.volumes, volumes) };
      return;
    }
    case 'STOPSIGNAL':
      state.config = { ...config, stopSignal: parseSignal(put(instruction.value)) };
      return;
    case 'SHELL':
      state.config = { ...config, shell: instruction.argv };
      return;
    case 'HEALTHCHECK':
      state.config = { ...config, healthcheck: instruction.check };
      return;
    case 'ONBUILD':
      state.config = { ...config, onBuild: [...config.onBuild, instruction.expression] };
      return;
    case 'MAINTAINER':
      state.config = { ...config, author: instruction.value };
      return;
    default:
      throw new Error(`no metadata instruction: ${instruction.kind}`);
  }
}

function shellArgv(
  { command }: Extract<Instruction, { kind: 'CMD' | 'ENTRYPOINT' }>,
  { config }: StageState,
): readonly string[] {
  return command.form === 'exec' ? command.argv : [...(config.shell ?? SHELL_DEFAULT), command.text];
}

const union = (left: readonly string[], right: readonly string[]): string[] => [...new Set([...left, ...right])];

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
  if (!/^(?:\d{1,2}|(?:SIG)?[A-Z][A-Z0-9+-]*)$/i.test(text))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `STOPSIGNAL: invalid signal ${quoteName(text)}`);
  return text;
}
