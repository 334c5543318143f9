/**
 * From the names that are wanted to the packages that will be made: which recipe, which Debian packages each takes,
 * which Alpine packages each needs. Pure, but for asking apt what there is.
 */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import type { Apt } from './apt.ts';
import { apkVersionOf, type DebianPackage } from './debian-control.ts';
import type { Recipe } from './recipe.ts';

export interface PlannedRepack {
  readonly recipe: Recipe;
  readonly version: string;
  /** Debian packages whose files it is made of, the one that gives the version first. */
  readonly sources: readonly DebianPackage[];
  /** Alpine names. */
  readonly depends: readonly string[];
}

export interface PlanInput {
  /** Alpine names. */
  readonly wanted: readonly string[];
  readonly recipes: readonly Recipe[];
  readonly apt: Pick<Apt, 'show'>;
  /** Version of packages that hold nothing of Debian's. */
  readonly ownVersion: string;
}

/**
 * @throws ALP_SOLVE_UNSATISFIABLE for a name without recipe, or a Debian package that the archive lacks
 */
export async function planRepacks({ wanted, recipes, apt, ownVersion }: PlanInput): Promise<PlannedRepack[]> {
  const byName = new Map(recipes.map((recipe) => [recipe.name, recipe]));
  const chosen = new Map<string, Recipe>();
  const choose = (name: string): void => {
    const recipe = byName.get(name);
    if (recipe === undefined) {
      throw new AlprootError('ALP_SOLVE_UNSATISFIABLE', `no recipe makes ${quoteName(name)} from Debian's packages`, {
        hint: 'use an Alpine mirror for it; docs/mirrors.md lists what can be made from Debian',
      });
    }
    if (chosen.has(name)) return;
    chosen.set(name, recipe);
    for (const other of recipe.depends ?? []) choose(other);
  };
  for (const name of wanted) choose(name);
  const closure = new Map<string, DebianPackage>();
  for (;;) {
    const before = chosen.size;
    await extendClosure(closure, [...chosen.values()], { apt, recipes });
    for (const name of closure.keys()) {
      const owner = ownerOf(name, recipes);
      if (owner !== undefined) choose(owner.name);
    }
    if (chosen.size === before) break;
  }
  const planned = [...chosen.values()].map((recipe) => planRecipe(recipe, { closure, recipes, ownVersion }));
  const libraries = [...closure.values()].filter(({ name }) => ownerOf(name, recipes) === undefined);
  return [...planned, ...libraries.map((library) => planLibrary(library, { closure, recipes, ownVersion }))].sort(
    (a, b) => (a.recipe.name < b.recipe.name ? -1 : 1),
  );
}

/** The first recipe that takes the files of a Debian package. */
const ownerOf = (debian: string, recipes: readonly Recipe[]): Recipe | undefined =>
  recipes.find((recipe) => recipe.roots.includes(debian) || recipe.absorbs?.test(debian) === true);

/** Debian's own machinery, of no use in an Alpine tree, whoever depends on it. */
const MACHINERY =
  /^(gcc-\d+-base|dpkg|debconf|debconf-2\.0|cdebconf|install-info|debianutils|base-files|init-system-helpers)$/;

const isIgnored = (from: string, dependency: string, recipes: readonly Recipe[]): boolean =>
  MACHINERY.test(dependency) ||
  recipes.some(
    (recipe) =>
      recipe.ignores?.test(dependency) === true &&
      (recipe.roots.includes(from) || recipe.absorbs?.test(from) === true),
  );

async function extendClosure(
  closure: Map<string, DebianPackage>,
  chosen: readonly Recipe[],
  { apt, recipes }: Pick<PlanInput, 'apt' | 'recipes'>,
): Promise<void> {
  let groups: (readonly string[])[] = chosen.flatMap(({ roots }) => roots.map((root) => [root]));
  while (groups.length > 0) {
    const open = groups.filter((group) => !group.some((name) => closure.has(name)));
    const shown = new Map((await apt.show([...new Set(open.flat())])).map((stanza) => [stanza.name, stanza]));
    const next: (readonly string[])[] = [];
    for (const group of open) {
      if (group.some((name) => closure.has(name))) continue;
      const found = group.map((name) => shown.get(name)).find((stanza) => stanza !== undefined);
      if (found === undefined) throw missing(group);
      closure.set(found.name, found);
      next.push(
        ...found.depends.filter((alternatives) => !alternatives.some((name) => isIgnored(found.name, name, recipes))),
      );
    }
    groups = next;
  }
}

function missing(group: readonly string[]): AlprootError {
  return new AlprootError(
    'ALP_SOLVE_UNSATISFIABLE',
    `the Debian archive has no ${group.map((name) => quoteName(name)).join(' or ')}`,
    {
      hint:
        'on Ubuntu, musl and busybox-static are in the component `universe`: see that the apt sources ' +
        'name it, then run `apt-get update`',
    },
  );
}

interface Scene {
  readonly closure: ReadonlyMap<string, DebianPackage>;
  readonly recipes: readonly Recipe[];
  readonly ownVersion: string;
}

function planRecipe(recipe: Recipe, scene: Scene): PlannedRepack {
  const members = [...scene.closure.values()].filter(
    ({ name }) => recipe.roots.includes(name) || ownerOf(name, scene.recipes) === recipe,
  );
  const first =
    members.find(({ name }) => recipe.versionFrom?.test(name) === true) ??
    members.find(({ name }) => name === recipe.roots[0]);
  const sources = first === undefined ? [] : [first, ...members.filter((member) => member !== first)];
  const fromDebian = sources.flatMap((source) => alpineDepends(source, scene)).filter((name) => name !== recipe.name);
  const ownFiles = recipe.keeps?.source === '^$' ? [] : fromDebian;
  return {
    recipe,
    sources,
    version: first === undefined ? scene.ownVersion : apkVersionOf(first.version),
    depends: [...new Set([...(recipe.depends ?? []), ...ownFiles])].sort(),
  };
}

function planLibrary(library: DebianPackage, scene: Scene): PlannedRepack {
  const recipe: Recipe = {
    name: `debian-${library.name}`,
    description: `${library.summary}, for the programs that come from Debian`,
    roots: [library.name],
    drops: /^etc\/|^usr\/include\//,
  };
  return {
    recipe,
    sources: [library],
    version: apkVersionOf(library.version),
    depends: [...new Set(alpineDepends(library, scene))].filter((name) => name !== recipe.name).sort(),
  };
}

function alpineDepends(source: DebianPackage, { closure, recipes }: Scene): string[] {
  return source.depends.flatMap((group) => {
    const name = group.find((alternative) => closure.has(alternative));
    if (name === undefined || isIgnored(source.name, name, recipes)) return [];
    return [ownerOf(name, recipes)?.name ?? `debian-${name}`];
  });
}
