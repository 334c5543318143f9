/** What is said beside apk's report of a failed solve: which names are spelt alike, and where was looked. */
import type { Catalog } from './catalog.ts';
import { nearestNames } from './nearest.ts';

/**
 * ``for `gccc` there is `gcc` ``; undefined when nothing is like any of `missing`.
 *
 * @param offered further names that could be had
 */
export function formatAlike(
  { sources }: Catalog,
  missing: readonly string[],
  buildable: readonly string[] = [],
): string | undefined {
  const known = { sources: [...sources, { packages: buildable.map((name) => ({ name })) }] };
  const alike = missing.flatMap((name) => {
    const near = nearestNames(known, name);
    return near.length === 0 ? [] : [`for \`${name}\` there is ${near.map((item) => `\`${item}\``).join(', ')}`];
  });
  return alike.length === 0 ? undefined : alike.join('; ');
}

export function formatCatalogSummary({ sources }: Catalog): string {
  const shown = sources.map(({ location, packages }) => `${location} (${packages.length} packages)`);
  return `looked in ${shown.length === 0 ? 'no repository' : shown.join(', ')}`;
}
