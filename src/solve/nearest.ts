/** Packages spelt like one that does not exist. */
import { editDistance, spellingLimit } from '../core/spelling.ts';

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
export function nearestNames(
  catalog: { readonly sources: readonly { readonly packages: readonly { readonly name: string }[] }[] },
  wanted: string,
  count = 5,
): string[] {
  const limit = spellingLimit(wanted);
  const found = new Map<string, number>();
  for (const { packages } of catalog.sources) {
    for (const { name } of packages) {
      const points = found.has(name) ? undefined : score(wanted, name, limit);
      if (points !== undefined) found.set(name, points);
    }
  }
  return [...found]
    .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    .slice(0, count)
    .map(([name]) => name);
}
