/** `alproot.yaml`: defaults of a project, below flags and variables. Unknown keys are refused, never ignored. */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { isArch } from '../../core/arch.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';

export interface ProjectMirror {
  readonly url: string;
  readonly keys: readonly string[];
}

/** Paths are as written: relative to the file's directory. */
export interface ProjectFile {
  readonly release?: string;
  readonly arch?: Arch;
  readonly backend?: string;
  readonly mirrors?: readonly ProjectMirror[];
  readonly packages?: readonly string[];
  /** A project may ask for more isolation; `false` is refused. */
  readonly requireIsolation?: true;
  /** Where a key stands, from 1. */
  readonly lines: Readonly<Record<string, number>>;
}

const KEYS = ['release', 'arch', 'backend', 'require-isolation', 'mirrors', 'packages'];

/**
 * @throws ALP_USAGE_CONFIG naming the line and the key that is wrong
 * @see docs/alproot.schema.json
 */
export function parseProjectFile(text: string): ProjectFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, schema: 'failsafe', lineCounter });
  const [problem] = document.errors;
  if (problem !== undefined) throw wrong(problem.message.split('\n')[0] ?? 'not YAML');
  const fields = objectOf(valueOf(document), 'alproot.yaml', KEYS);
  const arch = optionalText(fields, 'arch');
  if (arch !== undefined && !isArch(arch)) throw wrong(`arch: ${quoteName(arch)} is not an architecture of Alpine`);
  const release = optionalText(fields, 'release');
  const backend = optionalText(fields, 'backend');
  if (fields['require-isolation'] !== undefined && fields['require-isolation'] !== 'true') {
    throw wrong('require-isolation can only be true: a project may ask for more isolation, never for less');
  }
  return {
    lines: linesOf(document, lineCounter),
    ...(fields['require-isolation'] === undefined ? {} : { requireIsolation: true }),
    ...(release === undefined ? {} : { release }),
    ...(arch === undefined ? {} : { arch }),
    ...(backend === undefined ? {} : { backend }),
    ...(fields['mirrors'] === undefined ? {} : { mirrors: textList(fields['mirrors'], 'mirrors').map(mirrorOf) }),
    ...(fields['packages'] === undefined
      ? {}
      : { packages: textList(fields['packages'], 'packages').map((entry) => textOf(entry, 'packages')) }),
  };
}

/** Every scalar is text (so that 3.20 stays 3.20); aliases are not followed. */
function valueOf(document: ReturnType<typeof parseDocument>): unknown {
  if (document.contents === null) return {};
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : 'not YAML');
  }
}

function linesOf({ contents }: ReturnType<typeof parseDocument>, counter: LineCounter): Record<string, number> {
  const keys = isMap(contents) ? contents.items.map(({ key }) => key) : [];
  return Object.fromEntries(
    keys.flatMap((key) =>
      isScalar(key) && key.range != null ? [[String(key.value), counter.linePos(key.range[0]).line]] : [],
    ),
  );
}

function mirrorOf(entry: unknown): ProjectMirror {
  if (typeof entry === 'string') return { url: entry, keys: [] };
  const fields = objectOf(entry, 'mirrors', ['url', 'keys']);
  return {
    url: textOf(fields['url'], 'mirrors.url'),
    keys:
      fields['keys'] === undefined
        ? []
        : textList(fields['keys'], 'mirrors.keys').map((key) => textOf(key, 'mirrors.keys')),
  };
}

const wrong = (what: string): AlprootError =>
  new AlprootError('ALP_USAGE_CONFIG', `alproot.yaml: ${what}`, {
    hint: 'docs/alproot.schema.json lists what may stand there',
  });

function objectOf(value: unknown, where: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} must be a mapping`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw wrong(`unknown key ${quoteName(key)} in ${where}`);
  }
  return value as Record<string, unknown>;
}

function textList(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(`${where} must be a list`);
  return value as unknown[];
}

function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(`${where} must be text`);
  return value;
}

const optionalText = (fields: Record<string, unknown>, key: string): string | undefined =>
  fields[key] === undefined ? undefined : textOf(fields[key], key);
