/**
 * The arguments of one logical line, by docker's rules for each keyword.
 *
 * @see BuildKit 0.20 `frontend/dockerfile/instructions/parse.go`
 */
import { quoteName } from '../../core/redact.ts';
import { spellingHint } from '../../core/spelling.ts';
import { parseDuration, parseHealthFlags } from './dockerfile-health.ts';
import type { Command, CopyFlags, CopySource, InstructionBody } from './dockerfile-instruction.ts';
import { type Heredoc, parseOpener, syntaxError } from './dockerfile-lines.ts';
import {
  type Flag,
  parseJsonList,
  parsePairs,
  splitBlanks,
  splitFlags,
  splitKeyword,
  splitDockerfileWords,
} from './dockerfile-words.ts';

interface Line {
  readonly keyword: string;
  readonly rest: string;
  readonly flags: Flags;
  readonly heredocs: readonly Heredoc[];
  readonly escape: string;
  readonly line: number;
  /** The whole logical line. */
  readonly text: string;
}

type Flags = ReturnType<typeof createFlags>;

/**
 * @param text a logical line
 * @throws ALP_FORMAT_DOCKERFILE with `facts.line`
 */
export function parseInstruction(
  text: string,
  { heredocs, escape, line }: { heredocs: readonly Heredoc[]; escape: string; line: number },
): InstructionBody {
  const { keyword, rest } = splitKeyword(text);
  const parse = Object.hasOwn(PARSERS, keyword) ? PARSERS[keyword] : undefined;
  if (parse === undefined)
    syntaxError(line, `unknown instruction ${quoteName(keyword)}`, spellingHint(keyword, Object.keys(PARSERS)));
  const split = splitFlags(rest);
  const flags = createFlags(split.flags, { keyword, line });
  const body = parse({ keyword, rest: split.rest, flags, heredocs, escape, line, text });
  flags.done();
  return body;
}

/** Takes flags by name; what is left at the end is unknown to the instruction. */
function createFlags(flags: readonly Flag[], { keyword, line }: { keyword: string; line: number }) {
  const left = [...flags];
  // Whatever is asked for is a flag that the instruction has.
  const known = new Set<string>();
  const all = (name: string): string[] => {
    known.add(name);
    const found = left.filter((flag) => flag.name === name);
    for (const flag of found) left.splice(left.indexOf(flag), 1);
    return found.map((flag) => flag.value ?? syntaxError(line, `${keyword} --${name} needs a value`));
  };
  const text = (name: string): string | undefined => {
    const values = all(name);
    if (values.length > 1) syntaxError(line, `${keyword} --${name} is given twice`);
    return values[0];
  };
  const bool = (name: string): boolean | undefined => {
    known.add(name);
    const flag = left.find((candidate) => candidate.name === name);
    if (flag === undefined) return undefined;
    left.splice(left.indexOf(flag), 1);
    if (flag.value !== undefined && !/^(?:true|false)$/i.test(flag.value))
      syntaxError(line, `${keyword} --${name}: expected true or false, got ${quoteName(flag.value)}`);
    return flag.value?.toLowerCase() !== 'false';
  };
  const done = (): void => {
    const [flag] = left;
    if (flag === undefined) return;
    const names = [...known].map((name) => `--${name}`);
    syntaxError(
      line,
      `${keyword} has no flag ${quoteName(`--${flag.name}`)}`,
      names.length === 0 ? `${keyword} takes no flags` : spellingHint(`--${flag.name}`, names),
    );
  };
  return { all, text, bool, done };
}

const PARSERS: Readonly<Record<string, (line: Line) => InstructionBody>> = {
  FROM: parseFrom,
  ARG: parseArg,
  ENV: (line) => ({ kind: 'ENV', pairs: pairsOf(line) }),
  LABEL: (line) => ({ kind: 'LABEL', pairs: pairsOf(line) }),
  RUN: parseRun,
  COPY: (line) => parseCopy(line, 'COPY'),
  ADD: (line) => parseCopy(line, 'ADD'),
  CMD: (line) => ({ kind: 'CMD', command: commandOf(line) }),
  ENTRYPOINT: (line) => ({ kind: 'ENTRYPOINT', command: commandOf(line) }),
  WORKDIR: (line) => ({ kind: 'WORKDIR', value: oneOf(line) }),
  USER: (line) => ({ kind: 'USER', value: oneOf(line) }),
  STOPSIGNAL: (line) => ({ kind: 'STOPSIGNAL', value: oneOf(line) }),
  MAINTAINER: (line) => ({ kind: 'MAINTAINER', value: oneOf(line) }),
  EXPOSE: (line) => ({ kind: 'EXPOSE', values: splitBlanks(oneOf(line)) }),
  VOLUME: parseVolume,
  SHELL: parseShell,
  HEALTHCHECK: parseHealthcheck,
  ONBUILD: parseOnbuild,
};

function oneOf({ rest, keyword, line }: Line): string {
  return rest === '' ? syntaxError(line, `${keyword} needs an argument`) : rest;
}

function pairsOf(line: Line) {
  const parsed = parsePairs(oneOf(line), line.escape);
  if ('wrong' in parsed)
    return syntaxError(line.line, `${line.keyword}: expected name=value, got ${quoteName(parsed.wrong)}`);
  return parsed.pairs;
}

/** JSON lists are the exec form; whatever is not valid JSON is a shell's. */
function commandOf({ rest, keyword, line }: Line): Command {
  const list = parseJsonList(rest);
  if (list === 'not-strings') syntaxError(line, `${keyword}: a JSON list must hold strings only`);
  return list === undefined ? { form: 'shell', text: rest } : { form: 'exec', argv: list };
}

function parseFrom(line: Line): InstructionBody {
  const words = splitBlanks(line.rest);
  const platform = line.flags.text('platform');
  const [image = '', as, name] = words;
  if (words.length !== 1 && !(words.length === 3 && as?.toLowerCase() === 'as')) {
    syntaxError(
      line.line,
      'FROM needs an image, or an image AS a name',
      words.length === 0 ? 'an image name that is a variable without a value needs --build-arg' : undefined,
    );
  }
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/i.test(name)) {
    syntaxError(
      line.line,
      `invalid stage name ${quoteName(name)}: expected a letter, then letters, digits, \`-\`, \`_\`, \`.\``,
    );
  }
  return {
    kind: 'FROM',
    image,
    ...(name === undefined ? {} : { name: name.toLowerCase() }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function parseArg(line: Line): InstructionBody {
  const args = splitDockerfileWords(oneOf(line), line.escape).map((word) => {
    const cut = word.indexOf('=');
    const name = cut < 0 ? word : word.slice(0, cut);
    if (name === '') syntaxError(line.line, 'ARG names cannot be blank');
    return cut < 0 ? { name } : { name, value: word.slice(cut + 1) };
  });
  return { kind: 'ARG', args };
}

function parseRun(line: Line): InstructionBody {
  const mounts = line.flags.all('mount');
  const network = line.flags.text('network');
  const security = line.flags.text('security');
  if (network !== undefined && !['default', 'none', 'host'].includes(network)) {
    syntaxError(line.line, `RUN --network: expected default, none or host, got ${quoteName(network)}`);
  }
  oneOf(line);
  return {
    kind: 'RUN',
    command: commandOf(line),
    heredocs: line.heredocs,
    mounts,
    ...(network === undefined ? {} : { network }),
    ...(security === undefined ? {} : { security }),
  };
}

function parseCopy(line: Line, kind: 'COPY' | 'ADD'): InstructionBody {
  const list = parseJsonList(line.rest);
  if (list === 'not-strings') syntaxError(line.line, `${kind}: a JSON list must hold strings only`);
  const words = list ?? splitBlanks(line.rest);
  const destination = words.at(-1) ?? '';
  if (words.length < 2) syntaxError(line.line, `${kind} needs a source and a destination`);
  if (parseOpener(destination, line.escape) !== undefined)
    syntaxError(line.line, `${kind}: a heredoc cannot be the destination`);
  const sources = words.slice(0, -1).map((word): CopySource => {
    const opener = parseOpener(word, line.escape);
    const heredoc = line.heredocs.find((candidate) => candidate.name === opener?.name);
    return opener === undefined || heredoc === undefined ? { kind: 'path', path: word } : { kind: 'inline', heredoc };
  });
  return { kind, sources, destination, flags: copyFlags(line, kind) };
}

function copyFlags({ flags }: Line, kind: 'COPY' | 'ADD'): CopyFlags {
  const optional = {
    from: kind === 'COPY' ? flags.text('from') : undefined,
    chown: flags.text('chown'),
    chmod: flags.text('chmod'),
    checksum: kind === 'ADD' ? flags.text('checksum') : undefined,
    unpack: kind === 'ADD' ? flags.bool('unpack') : undefined,
  };
  return {
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<CopyFlags>),
    link: flags.bool('link') ?? false,
    parents: kind === 'COPY' ? (flags.bool('parents') ?? false) : false,
    exclude: flags.all('exclude'),
    keepGitDir: kind === 'ADD' ? (flags.bool('keep-git-dir') ?? false) : false,
  };
}

function parseVolume(line: Line): InstructionBody {
  const list = parseJsonList(oneOf(line));
  if (list === 'not-strings') syntaxError(line.line, 'VOLUME: a JSON list must hold strings only');
  const values = list ?? splitBlanks(line.rest);
  if (values.length === 0 || values.includes('')) syntaxError(line.line, 'VOLUME needs a path');
  return { kind: 'VOLUME', values };
}

function parseShell(line: Line): InstructionBody {
  const list = parseJsonList(oneOf(line));
  if (list === undefined || list === 'not-strings' || list.length === 0)
    syntaxError(line.line, 'SHELL needs a JSON list: SHELL ["executable", "parameter"]');
  return { kind: 'SHELL', argv: list };
}

/** Of docker's health checks. */
const LEAST_NANOSECONDS = 1_000_000;

function parseHealthcheck(line: Line): InstructionBody {
  const { keyword: type, rest } = splitKeyword(oneOf(line));
  if (type === 'NONE') {
    if (rest !== '') syntaxError(line.line, 'HEALTHCHECK NONE takes no arguments');
    return { kind: 'HEALTHCHECK', check: { test: ['NONE'] } };
  }
  if (type !== 'CMD') syntaxError(line.line, `HEALTHCHECK: expected CMD or NONE, got ${quoteName(type)}`);
  if (rest === '') syntaxError(line.line, 'HEALTHCHECK CMD needs a command');
  const command = commandOf({ ...line, rest });
  const times = parseHealthFlags((name) => {
    const value = line.flags.text(name);
    if (value === undefined) return value;
    if (name === 'retries')
      return /^\d{1,9}$/.test(value)
        ? Number(value)
        : syntaxError(line.line, `HEALTHCHECK --retries: expected a number, got ${quoteName(value)}`);
    const duration = parseDuration(value);
    if (duration === undefined)
      syntaxError(line.line, `HEALTHCHECK --${name}: expected a duration such as 30s, got ${quoteName(value)}`);
    if (duration > 0 && duration < LEAST_NANOSECONDS)
      syntaxError(line.line, `HEALTHCHECK --${name}: ${quoteName(value)} is less than 1ms`);
    return duration;
  });
  return {
    kind: 'HEALTHCHECK',
    check: { test: command.form === 'exec' ? ['CMD', ...command.argv] : ['CMD-SHELL', command.text], ...times },
  };
}

function parseOnbuild(line: Line): InstructionBody {
  const expression = oneOf({ ...line, rest: line.text.trim().replace(/^ONBUILD\s*/i, '') });
  const trigger = parseInstruction(expression, line);
  if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(trigger.kind))
    syntaxError(line.line, `ONBUILD cannot trigger ${trigger.kind}`);
  const bodies = line.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`).join('');
  return { kind: 'ONBUILD', expression: expression + bodies, trigger };
}
