/** Code found in a source whatever its line breaks and indentation are: a formatter may lay it out anew. */

/** Text without what a formatter adds or takes away, and where each of its characters stood. */
function bare(text: string): { readonly text: string; readonly at: readonly number[] } {
  const kept: string[] = [];
  const at: number[] = [];
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (/\s/.test(char) || (char === ',' && /^,\s*[)\]}]/.test(text.slice(index)))) continue;
    kept.push(char);
    at.push(index);
  }
  return { text: kept.join(''), at };
}

/** @returns the only place where `code` stands, as offsets of `source`; undefined when there is none, or several */
export function spanOf(source: string, code: string): { readonly start: number; readonly end: number } | undefined {
  const { text, at } = bare(source);
  const wanted = bare(code).text;
  const first = text.indexOf(wanted);
  if (first < 0 || text.includes(wanted, first + 1)) return undefined;
  const start = at[first];
  const last = at[first + wanted.length - 1];
  return start === undefined || last === undefined ? undefined : { start, end: last + 1 };
}
