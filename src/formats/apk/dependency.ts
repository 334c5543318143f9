/**
 * The text of dependencies: `name`, `name=1.2`, `!name<2`, `name@tag`, and lists of them parted by blanks. All
 * text holds one character per byte; parsing and formatting are inverse but for the spellings of an operator.
 */
import { AlprootError } from '../../core/errors.ts';
import type { Dependency, Provide, VersionOp } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { isValidVersion } from './package-version.ts';

const LESS = 1;
const EQUAL = 2;
const GREATER = 4;
const FUZZY = 8;

/** Operators by the set of their characters; `~` says `=` too. Those that accept everything are 'any'. */
const OPERATORS: readonly (VersionOp | undefined)[] = [
  undefined,
  '<',
  '=',
  '<=',
  '>',
  '><',
  '>=',
  'any',
  undefined,
  undefined,
  '~',
  '<~',
  undefined,
  undefined,
  '>~',
  'any',
];

/** undefined when `text` is not made of `<`, `=`, `>` and `~`. */
function parseOperator(text: string): VersionOp | undefined {
  let mask = 0;
  for (const char of text) {
    if (char === '<') mask |= LESS;
    else if (char === '>') mask |= GREATER;
    else if (char === '=') mask |= EQUAL;
    else mask |= FUZZY | EQUAL;
  }
  return OPERATORS[mask];
}

const SHAPE = /^(!?)([^<=>~]*)(?:([<=>~]+)(.+))?$/s;

/**
 * What apk reads from one word, or undefined where it reads nothing.
 *
 * @param text one word
 * @param options.tag whether `name@tag` is allowed, as it is in world
 */
export function scanDependency(text: string, options: { readonly tag?: boolean } = {}): Dependency | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, mark, label = '', operator, version = ''] = match;
  const op = operator === undefined ? 'any' : parseOperator(operator);
  if (op === undefined) return undefined;
  const cut = label.indexOf('@');
  if (cut >= 0 && options.tag !== true) return undefined;
  const name = cut < 0 ? label : label.slice(0, cut);
  const plain = { name, op, version: op === 'any' ? '' : version, conflict: mark === '!' };
  return cut < 0 ? plain : { ...plain, tag: label.slice(cut + 1) };
}

/** Whether its version is one that apk can compare; a dependency that is not can never be met. */
export const isSoundDependency = (dependency: Dependency): boolean =>
  dependency.op === 'any' || dependency.op === '><' || isValidVersion(dependency.version);

/**
 * One dependency.
 *
 * @param options.tag whether `name@tag` is allowed
 * @throws ALP_FORMAT_TEXT for what apk refuses: no name, an operator without version, a version out of grammar
 */
export function parseDependency(text: string, options: { readonly tag?: boolean } = {}): Dependency {
  const dependency = scanDependency(text, options);
  if (dependency === undefined || dependency.name === '' || !isSoundDependency(dependency)) {
    throw new AlprootError('ALP_FORMAT_TEXT', `${quoteName(text)} is not a dependency`, {
      hint: `write it as name${options.tag === true ? '(@tag)' : ''}([<>~=]version)`,
    });
  }
  return dependency;
}

/** The words of a list. */
export function splitDependencies(text: string): readonly string[] {
  const words = text.split(text.includes('\n') ? /[ \n]/ : ' ');
  return words.includes('') ? words.filter((word) => word !== '') : words;
}

/**
 * A blank-separated list, as in `D:`, `i:`, `r:` and `depend = `.
 *
 * @throws ALP_FORMAT_TEXT
 */
export const parseDependencies = (text: string): Dependency[] =>
  splitDependencies(text).map((word) => parseDependency(word));

/**
 * A blank-separated list of `name` and `name=version`, as in `p:`. apk takes any operator here for `=`.
 *
 * @throws ALP_FORMAT_TEXT
 */
export const parseProvides = (text: string): Provide[] =>
  parseDependencies(text).map(({ name, version }) => ({ name, version }));

/** As apk writes it, without the tag unless `options.tag` says so. */
export function formatDependency(dependency: Dependency, options: { readonly tag?: boolean } = {}): string {
  const { name, op, version, conflict, tag } = dependency;
  const pin = options.tag === true && tag !== undefined ? `@${tag}` : '';
  return `${conflict ? '!' : ''}${name}${pin}${op === 'any' ? '' : `${op}${version}`}`;
}

export const formatDependencies = (list: readonly Dependency[]): string =>
  list.map((item) => formatDependency(item)).join(' ');

export const formatProvide = ({ name, version }: Provide): string => (version === '' ? name : `${name}=${version}`);

export const formatProvides = (list: readonly Provide[]): string => list.map(formatProvide).join(' ');
