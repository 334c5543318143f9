/**
 * The value of `RUN --mount`: a comma-separated record of keys, already expanded.
 *
 * @see BuildKit 0.20 `commands_runmount.go`
 */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';

export interface MountSpec {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly from?: string;
  readonly source?: string;
  /** Absolute, or relative to the working directory. Absent only for secrets and ssh. */
  readonly target?: string;
  readonly id?: string;
  readonly readOnly: boolean;
  readonly required: boolean;
  readonly sharing: 'shared' | 'private' | 'locked';
  /** Permission bits of a fresh cache or of a secret's file. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Secrets: the environment variable that holds it instead of a file. */
  readonly env?: string;
}

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARING = ['shared', 'private', 'locked'] as const;
const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};
const KEYS = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'readwrite',
  'required',
  'size',
  'id',
  'sharing',
  'mode',
  'uid',
  'gid',
  'env',
];

function refuse(why: string): never {
  throw new AlprootError('ALP_FORMAT_DOCKERFILE', `RUN --mount: ${why}`);
}

/** @throws ALP_FORMAT_DOCKERFILE for an unknown key, a bad value, or a key that the type does not take */
export function parseMount(text: string): MountSpec {
  const fields = new Map<string, string | undefined>();
  for (const field of splitCsv(text)) {
    const cut = field.indexOf('=');
    const name = (cut < 0 ? field : field.slice(0, cut)).trim().toLowerCase();
    const key = ALIASES[name] ?? name;
    if (!KEYS.includes(key)) refuse(`unexpected key ${quoteName(key)}`);
    if (cut < 0 && !['readonly', 'readwrite', 'required'].includes(key))
      refuse(`${quoteName(field)} must be a key=value pair`);
    fields.set(key, cut < 0 ? undefined : field.slice(cut + 1));
  }
  const type = oneOf(TYPES, (fields.get('type') ?? 'bind').toLowerCase(), 'type');
  const spec: MountSpec = {
    type,
    ...texts(fields),
    readOnly: readOnlyOf(fields, type),
    required: flag(fields, 'required') ?? false,
    sharing: oneOf(SHARING, (fields.get('sharing') ?? 'shared').toLowerCase(), 'sharing'),
    ...numbers(fields),
  };
  checkKeys(spec, fields);
  return spec;
}

/** One CSV record: a field in double quotes may hold commas. */
function splitCsv(text: string): string[] {
  const fields = text.match(/(?:"(?:[^"]|"")*"|[^,])+/g) ?? [];
  return fields.map((field) => (field.startsWith('"') ? field.replace(/^"|"$/g, '').replaceAll('""', '"') : field));
}

function oneOf<T extends string>(values: readonly T[], value: string, key: string): T {
  return (
    values.find((candidate) => candidate === value) ??
    refuse(`unsupported ${key} ${quoteName(value)}; expected ${values.join(', ')}`)
  );
}

function flag(fields: ReadonlyMap<string, string | undefined>, key: string): boolean | undefined {
  if (!fields.has(key)) return undefined;
  const value = fields.get(key) ?? 'true';
  if (/^(?:1|t|true)$/i.test(value)) return true;
  return /^(?:0|f|false)$/i.test(value) ? false : refuse(`invalid value for ${key}: ${quoteName(value)}`);
}

function readOnlyOf(fields: ReadonlyMap<string, string | undefined>, type: MountSpec['type']): boolean {
  const write = flag(fields, 'readwrite');
  return flag(fields, 'readonly') ?? (write === undefined ? type !== 'cache' && type !== 'tmpfs' : !write);
}

function texts(fields: ReadonlyMap<string, string | undefined>): Partial<MountSpec> {
  const keys = ['from', 'source', 'target', 'id', 'env'] as const;
  return Object.fromEntries(keys.flatMap((key) => (fields.has(key) ? [[key, fields.get(key) ?? '']] : [])));
}

function numbers(fields: ReadonlyMap<string, string | undefined>): Partial<MountSpec> {
  const read = (key: 'mode' | 'uid' | 'gid', pattern: RegExp, base: number): [string, number][] => {
    const value = fields.get(key);
    if (value === undefined) return [];
    return [[key, pattern.test(value) ? parseInt(value, base) : refuse(`invalid ${key} ${quoteName(value)}`)]];
  };
  return Object.fromEntries([
    ...read('mode', /^[0-7]{1,5}$/, 8),
    ...read('uid', /^\d{1,9}$/, 10),
    ...read('gid', /^\d{1,9}$/, 10),
  ]);
}

function checkKeys(spec: MountSpec, fields: ReadonlyMap<string, string | undefined>): void {
  const { type } = spec;
  const owned = type === 'cache' || type === 'secret' || type === 'ssh';
  for (const key of ['mode', 'uid', 'gid']) if (!owned && fields.has(key)) refuse(`${key} is not for type ${type}`);
  if (type !== 'cache' && fields.has('sharing')) refuse(`sharing is not for type ${type}`);
  if (type !== 'tmpfs' && fields.has('size')) refuse(`size is not for type ${type}`);
  if (type !== 'secret' && type !== 'ssh' && fields.has('required')) refuse(`required is not for type ${type}`);
  if (type === 'secret' && fields.has('from')) refuse('a secret has no from');
  if (type === 'secret' && [spec.id, spec.source, spec.target].every((value) => value === undefined))
    refuse('a secret needs an id or a target');
  if (!['secret', 'ssh'].includes(type) && (spec.target ?? '') === '') refuse(`type ${type} needs a target`);
}
