/** Strict reading of JSON that others may have written: known keys only, each of its one kind, none forgotten. */
import { AlprootError } from '../../core/errors.ts';
import { DuplicateKeyError, parseJson } from '../../core/json.ts';
import { quoteName, showName } from '../../core/redact.ts';

/** A JSON object whose values are asked for one by one; `where` names it in messages (`packages[3]`). */
export interface StrictFields {
  readonly where: string;
  readonly text: (key: string, grammar: RegExp) => string;
  readonly optionalText: (key: string, grammar: RegExp) => string | undefined;
  /** A whole number from 0; 0 when absent and `optional`. */
  readonly count: (key: string, maximum: number, options?: { readonly optional: boolean }) => number;
  readonly texts: (key: string, grammar: RegExp) => string[];
  readonly objects: (key: string, keys: readonly string[]) => StrictFields[];
  readonly object: (key: string, keys: readonly string[]) => StrictFields;
  readonly fail: (key: string, why: string) => never;
}

const MAX_ITEMS = 100_000;

/**
 * The JSON in `text`.
 *
 * @throws ALP_FORMAT_LOCK with the line where it stops being JSON, where a key is there again in the same object, or
 * where
 *   a merge left its marks
 */
export function parseStrictJson(what: string, text: string): unknown {
  const lines = text.split('\n');
  const marks = lines.findIndex((line) => /^(?:<{7}|={7}|>{7}|\|{7})(?: |\r?$)/.test(line));
  if (marks >= 0)
    throw new AlprootError('ALP_FORMAT_LOCK', `${what}, line ${marks + 1}: marks of an unfinished merge`, {
      hint: 'take one side, then run `alproot lock`',
      facts: { line: marks + 1 },
    });
  try {
    return parseJson(text.replace(/^\ufeff/, ''));
  } catch (error) {
    if (error instanceof DuplicateKeyError) throw twice(what, text, error);
    const position = Number(/position (\d+)/.exec((error as Error).message)?.[1] ?? text.length);
    const line = text.slice(0, position).split('\n').length;
    throw new AlprootError('ALP_FORMAT_LOCK', `${what}, line ${line}: not JSON`, { cause: error, facts: { line } });
  }
}

/** Who reads the first and who reads the last would be told different things. */
function twice(what: string, text: string, error: DuplicateKeyError): AlprootError {
  const { key, where, offset } = error.duplicate;
  const line = text.slice(0, offset).split('\n').length;
  return new AlprootError(
    'ALP_FORMAT_LOCK',
    `${what}, line ${line}: the key ${quoteName(key)} is there twice in one object (${quoteName(where)})`,
    {
      cause: error,
      facts: { line, field: where },
      hint: 'remove one of them; alproot itself never writes such a file',
    },
  );
}

/** @throws ALP_FORMAT_LOCK when `value` is not an object, or has a key that is not in `keys` */
export function strictFields(value: unknown, where: string, keys: readonly string[]): StrictFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'expected an object');
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw wrong(where, `unknown key \`${showName(key).slice(0, 80)}\``);
  }
  const get = (key: string): unknown =>
    Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  const fail = (key: string, why: string): never => {
    throw wrong(`${where}.${key}`, why);
  };
  const grammatical = (key: string, found: unknown, grammar: RegExp): string => {
    if (typeof found !== 'string') return fail(key, found === undefined ? 'missing' : 'expected text');
    return grammar.test(found) ? found : fail(key, `\`${showName(found).slice(0, 80)}\` is not allowed`);
  };
  const list = (key: string): unknown[] => {
    const found = get(key) ?? [];
    if (!Array.isArray(found)) return fail(key, 'expected a list');
    return found.length > MAX_ITEMS ? fail(key, `more than ${MAX_ITEMS} entries`) : (found as unknown[]);
  };
  return {
    where,
    fail,
    text: (key, grammar) => grammatical(key, get(key), grammar),
    optionalText: (key, grammar) => (get(key) === undefined ? undefined : grammatical(key, get(key), grammar)),
    count: (key, maximum, options) => {
      const found = get(key) ?? (options?.optional === true ? 0 : undefined);
      if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 0)
        return fail(key, 'expected a whole number');
      return found > maximum ? fail(key, `more than ${maximum}`) : found;
    },
    texts: (key, grammar) => list(key).map((entry, at) => grammatical(`${key}[${at}]`, entry, grammar)),
    objects: (key, inner) => list(key).map((entry, at) => strictFields(entry, `${where}.${key}[${at}]`, inner)),
    object: (key, inner) => strictFields(get(key), `${where}.${key}`, inner),
  };
}

const wrong = (where: string, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_LOCK', `${where}: ${why}`, { facts: { field: where } });
