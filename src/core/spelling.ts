/** Words spelt like one that does not exist. */

/** Optimal string alignment distance: insert, drop, replace, swap neighbours; `limit` + 1 when above `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    if (Math.min(...row) > limit) return limit + 1;
    before = last;
    last = row;
  }
  return last[b.length] ?? limit + 1;
}

/** A third of its letters may be wrong, one of a short word. */
export const spellingLimit = (word: string): number => Math.max(1, Math.min(3, Math.floor(word.length / 3)));

/** The word of `known` that `wanted` is most like; undefined when it is like none. */
export function nearestWord(wanted: string, known: Iterable<string>): string | undefined {
  const limit = spellingLimit(wanted);
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const word of known) {
    const distance = editDistance(wanted, word, limit);
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { word, distance };
  }
  return best?.word;
}

/** ``did you mean `X`?``, or else what there is. */
export function spellingHint(wanted: string, known: readonly string[]): string {
  const near = nearestWord(wanted, known);
  return near === undefined ? `one of ${known.join(', ')}` : `did you mean \`${near}\`?`;
}
