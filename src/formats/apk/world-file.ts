/** `/etc/apk/world`: what the user asked for, one dependency a line, sorted as apk sorts names. */
import { AlprootError } from '../../core/errors.ts';
import type { Dependency } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { formatDependency, scanDependency, splitDependencies } from './dependency.ts';

/** apk's order of names for eyes: letter case only decides between names that are else equal. */
export function compareNames(left: string, right: string): number {
  const a = foldCase(left);
  const b = foldCase(right);
  if (a !== b) return a < b ? -1 : 1;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** ASCII only, as in the C locale. */
const foldCase = (name: string): string => name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/**
 * The dependencies of a world file in file order. A version that apk cannot compare is kept; the solver leaves
 * such a line out of account, as apk does.
 *
 * @param text one character per byte
 * @throws ALP_FORMAT_TEXT for a word that is not a dependency at all
 */
export function parseWorld(text: string): Dependency[] {
  return splitDependencies(text.replace(/[\t\r]/g, ' ')).map((word) => {
    const dependency = scanDependency(word, { tag: true });
    if (dependency === undefined || dependency.name === '') {
      throw new AlprootError('ALP_FORMAT_TEXT', `${quoteName(word)} in world is not a dependency`, {
        hint: 'write it as name(@tag)([<>~=]version)',
      });
    }
    return dependency;
  });
}

/** World in apk's order; the solver and the file agree on it. Equal names keep their order. */
export const sortWorld = (world: readonly Dependency[]): Dependency[] =>
  [...world].sort((a, b) => compareNames(a.name, b.name));

/** The file's text: sorted, tags written, a newline at the end even when empty. */
export const formatWorld = (world: readonly Dependency[]): string =>
  `${sortWorld(world)
    .map((dependency) => formatDependency(dependency, { tag: true }))
    .join('\n')}\n`;
