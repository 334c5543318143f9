/**
 * YAML as `latest-releases.yaml` is written: a list of flat maps, two blanks deep, of words and quoted texts of one
 * line. Anything else is left to a reader of all of YAML, whose loading takes ten times as long as this.
 */

const KEY = /^ {2}([a-z0-9_]+): /;
/**
 * What means the same to every reader: a word that begins with a letter, and is not one of the few that mean
 * something.
 */
const WORD = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][\w.+/-]*$/i;
/** What is passed over: numbers, dates, and texts without escapes. */
const OTHER = /^(?:[\w.+/-]+|"[^"\\]*")$/;

/** The words of each map by key; undefined for a text that is written in any other way. */
export function parsePlainList(text: string): readonly Readonly<Record<string, string>>[] | undefined {
  const entries: Record<string, string>[] = [];
  let keys = new Set<string>();
  let inBlock = false;
  for (const [at, line] of text.split('\n').entries()) {
    if (line === '' || (at === 0 && line === '---') || (inBlock && line.startsWith('    '))) continue;
    inBlock = false;
    if (line === '-') {
      entries.push({});
      keys = new Set();
      continue;
    }
    const key = KEY.exec(line)?.[1];
    const entry = entries.at(-1);
    if (key === undefined || entry === undefined || keys.has(key)) return undefined;
    keys.add(key);
    const value = line.slice(key.length + 4);
    if (value === '|') inBlock = true;
    else if (WORD.test(value)) entry[key] = value;
    else if (!OTHER.test(value)) return undefined;
  }
  return entries.length === 0 ? undefined : entries;
}
