/**
 * JSON that others may have written. Of two equal keys in one object JSON.parse takes the last, other readers the
 * first.
 */

/** Two equal keys in one object. */
export interface DuplicateKey {
  readonly key: string;
  /** Keys and places that lead there: `packages[3].sha256`. */
  readonly where: string;
  /** In characters, of the second. */
  readonly offset: number;
}

/** Of what JSON.parse throws, so that one `catch` does for both. */
export class DuplicateKeyError extends SyntaxError {
  override readonly name = 'DuplicateKeyError';
  readonly duplicate: DuplicateKey;

  constructor(duplicate: DuplicateKey) {
    super(`the key ${JSON.stringify(duplicate.key)} is there twice in one object, at position ${duplicate.offset}`);
    this.duplicate = duplicate;
  }
}

/** @throws SyntaxError, DuplicateKeyError */
export function parseJson(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  // What comes out again as it went in lost no key: so it is with all that alproot wrote for itself.
  const duplicate = JSON.stringify(value) === text.trimEnd() ? undefined : findDuplicateKey(text);
  if (duplicate !== undefined) throw new DuplicateKeyError(duplicate);
  return value;
}

interface Level {
  /** Keys so far; undefined in an array. */
  readonly keys: Set<string> | undefined;
  /** The latest key, or the number of the entry. */
  at: string | number;
}

/** @param text which JSON.parse has accepted */
export function findDuplicateKey(text: string): DuplicateKey | undefined {
  const levels: Level[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const level = levels.at(-1);
    switch (text.charCodeAt(offset)) {
      case 0x7b:
        levels.push({ keys: new Set(), at: '' });
        break; // {
      case 0x5b:
        levels.push({ keys: undefined, at: 0 });
        break; // [
      case 0x7d:
      case 0x5d:
        levels.pop();
        break; // } ]
      case 0x2c:
        if (typeof level?.at === 'number') level.at++;
        break; // ,
      case 0x22: {
        // "
        const end = endOfString(text, offset);
        if (level?.keys !== undefined && isKey(text, end)) {
          const key = memberKey(text.slice(offset, end));
          level.at = key;
          if (level.keys.has(key)) return { key, where: pathOf(levels), offset };
          level.keys.add(key);
        }
        offset = end - 1;
      }
    }
  }
  return undefined;
}

/** After the closing quote. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  // A quote after an odd number of backslashes is part of the string.
  for (let slashes = 0; end > 0; end = text.indexOf('"', end + 1), slashes = 0) {
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) break;
  }
  return end < 0 ? text.length : end + 1;
}

/** Whether a colon comes next. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === 0x3a;
}

/** `"\u0061"` is `"a"`. */
const memberKey = (quoted: string): string =>
  quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);

const pathOf = (levels: readonly Level[]): string =>
  levels.map(({ at }, depth) => (typeof at === 'number' ? `[${at}]` : `${depth === 0 ? '' : '.'}${at}`)).join('');
