/**
 * `.dockerignore`: which files of the context a build may see. The last pattern that matches a path, or one of the
 * directories above it, decides.
 *
 * @see docker's reference, ".dockerignore files"; moby/patternmatcher 0.6
 */
import { limits } from '../../core/limits.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { compileMatchPattern } from './dockerfile-glob.ts';

interface Rule {
  readonly regex: RegExp;
  readonly exception: boolean;
  /** What every path that it matches starts with. */
  readonly prefix: string;
}

export interface IgnoreRules {
  /** Whether a path of the context (no leading slash) is kept out. */
  readonly isIgnored: (path: string) => boolean;
  /** Whether an ignored directory may still hold something that an exception lets in. */
  readonly mayHoldExceptions: (directory: string) => boolean;
}

/** @throws ALP_FORMAT_TEXT for a malformed pattern */
export function parseDockerignore(text: string): IgnoreRules {
  const rules = text
    .slice(0, limits.dockerfile)
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .flatMap(parseRule);
  const matches = (rule: Rule, path: string): boolean => ancestorsAndSelf(path).some((part) => rule.regex.test(part));
  return {
    isIgnored: (path) => rules.findLast((rule) => matches(rule, path))?.exception === false,
    mayHoldExceptions: (directory) =>
      rules.some(
        (rule) =>
          rule.exception &&
          (rule.prefix.startsWith(`${directory}/`) ||
            `${directory}/`.startsWith(rule.prefix) ||
            matches(rule, directory)),
      ),
  };
}

function parseRule(raw: string, index: number): Rule[] {
  if (raw.startsWith('#')) return [];
  const trimmed = raw.trim();
  const exception = trimmed.startsWith('!');
  const pattern = cleanPattern(exception ? trimmed.slice(1).trim() : trimmed);
  if (pattern === '') return [];
  const regex = compileMatchPattern(pattern, { anyDepth: true });
  if (regex === undefined)
    throw new AlprootError('ALP_FORMAT_TEXT', `.dockerignore:${index + 1}: malformed pattern ${quoteName(pattern)}`);
  return [{ regex, exception, prefix: /^[^*?[\\]*/.exec(pattern)?.[0] ?? '' }];
}

/** Go's filepath.Clean, then no leading slash; `.` names nothing. */
export function cleanPattern(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '' && part !== '.' && !(part === '..' && pattern.startsWith('/'))) parts.push(part);
  }
  return parts.join('/');
}

function ancestorsAndSelf(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
