/** Names spelt like one that does not exist. */
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
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    if (Math.min(...row) > limit) return limit + 1;
    before = last;
    last = row;
  }
  return last[b.length] ?? limit + 1;
}

/** What people type for `-dev` and the like of other distributions, taken off. */
const stem = (name: string): string => name.replace(/-(?:devel|dev)$/, '-dev').replace(/^lib(.+)-dev$/, '$1-dev');

/** A score, lower is nearer; undefined when not alike. */
function score(wanted: string, name: string, limit: number): number | undefined {
  const distance = editDistance(wanted, name, limit);
  if (distance <= limit) return distance;
  if (stem(wanted) === stem(name)) return 1;
  return wanted.length >= 4 && name.startsWith(`${wanted}-`) ? limit + 1 + name.length - wanted.length : undefined;
}

/** Up to five package names like `wanted`, the nearest first. */
export function nearestNames(catalog: { readonly sources: readonly { readonly packages: readonly { readonly name: string }[] }[] }, wanted: string, count = 5): string[] {
  const limit = Math.max(1, Math.min(3, Math.floor(wanted.length / 3)));
  const found = new Map<string, number>();
  for (const { packages } of catalog.sources) {
    for (const { name } of packages) {
      const points = found.has(name) ? undefined : score(wanted, name, limit);
      if (points !== undefined) found.set(name, points);
    }
  }
  return [...found].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).slice(0, count).map(([name]) => name);
}
