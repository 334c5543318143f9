/**
 * The stage: verified repositories and a wish become an install plan, or an error that says why not. Pure and
 * deterministic: the same input gives the same plan on every machine.
 */
import { AlprootError } from '../core/errors.ts';
import type { Arch, Dependency, InstallPlan, InstalledPackage, Repository } from '../core/package.ts';
import { formatAlike, formatCatalogSummary } from './advice.ts';
import { createCatalog, type Catalog } from './catalog.ts';
import { nearestNames } from './nearest.ts';
import { planChanges } from './install-plan.ts';
import {
  requestAdd,
  requestDel,
  requestFix,
  requestUpgrade,
  type AddOptions,
  type ApkSystem,
  type DelOptions,
  type FixOptions,
  type Request,
  type UpgradeOptions,
} from './requests.ts';
import { resolve, type NameFlags, type Resolution } from './resolution.ts';
import type { LoosePackage } from './package-shelves.ts';
import { explainUnsatisfiable } from './unsatisfiable.ts';

export interface SolveOptions {
  /** Bits of FLAG for everything that world asks for. */
  readonly flags?: number;
  readonly names?: readonly NameFlags[];
  /** Packages that no repository has: virtual ones, files. */
  readonly loose?: readonly LoosePackage[];
  readonly forceBrokenWorld?: boolean;
  /** Names that could be had although no repository has them yet: for the report of a failure. */
  readonly buildable?: readonly string[];
  /** Columns for the report of a failure. */
  readonly width?: number;
}

export interface SolveInput {
  readonly arch: Arch;
  readonly world: readonly Dependency[];
  /** Or a catalog of them, to be shared by several solves. */
  readonly repositories: readonly Repository[] | Catalog;
  readonly installed: readonly InstalledPackage[];
  readonly options?: SolveOptions;
}

export const asCatalog = (repositories: readonly Repository[] | Catalog): Catalog =>
  'sources' in repositories ? repositories : createCatalog(repositories);

/** Names that nothing provides, with those that are spelt alike. */
function missingNames(resolution: Resolution, catalog: Catalog): Readonly<Record<string, readonly string[]>> {
  const missing: Record<string, readonly string[]> = {};
  const links = [...resolution.state.world, ...resolution.changes.flatMap(({ next }) => next?.depends ?? [])];
  for (const { name, dep } of links) {
    if (!dep.conflict && name.providers.length === 0) missing[name.name] ??= nearestNames(catalog, name.name);
  }
  return missing;
}

/** The error for a world that cannot be had. */
function unsatisfiable(resolution: Resolution, catalog: Catalog, { width, buildable }: SolveOptions): AlprootError {
  const report = explainUnsatisfiable(resolution, width);
  const missing = missingNames(resolution, catalog);
  return new AlprootError(
    'ALP_SOLVE_UNSATISFIABLE',
    `unable to select packages:\n${[...report, formatCatalogSummary(catalog)].join('\n')}`,
    {
      hint: formatAlike(catalog, Object.keys(missing), buildable),
      facts: { report, missing, repositories: catalog.sources.map(({ location }) => location) },
    },
  );
}

/**
 * Solves.
 *
 * @throws ALP_SOLVE_UNSATISFIABLE whose message holds apk's report; facts: `report` (its lines), `missing` (names
 *   that nobody provides, each with the nearest that exist), `repositories` (locations looked at)
 */
export function solve(input: SolveInput): InstallPlan {
  const { options = {} } = input;
  const catalog = asCatalog(input.repositories);
  const resolution = resolve({
    ...options,
    arch: input.arch,
    world: input.world,
    catalog,
    installed: input.installed,
  });
  if (resolution.errors > 0) throw unsatisfiable(resolution, catalog, options);
  return { arch: input.arch, changes: planChanges(resolution), world: resolution.world };
}

/** Solves what one of the `request` functions made. @throws ALP_SOLVE_UNSATISFIABLE */
export function solveRequest(system: ApkSystem, request: Request): InstallPlan {
  const { world, flags, names } = request;
  const loose = [...(system.cached ?? []), ...request.loose];
  return solve({
    arch: system.arch,
    world,
    repositories: system.catalog,
    installed: system.installed,
    options: { flags, names, loose },
  });
}

/**
 * `apk add ARGS`.
 *
 * @param args `name`, `name=1.2`, `name~1.2`, `name@tag`, `!name`, or a key of `options.files`
 * @throws ALP_SOLVE_WORLD for an argument that is none of these, ALP_SOLVE_UNSATISFIABLE
 */
export const planAdd = (system: ApkSystem, args: readonly string[], options?: AddOptions): InstallPlan =>
  solveRequest(system, requestAdd(system, args, options));

/** `apk del ARGS`. @throws ALP_SOLVE_WORLD for an unknown name, ALP_SOLVE_UNSATISFIABLE */
export const planDel = (system: ApkSystem, args: readonly string[], options?: DelOptions): InstallPlan =>
  solveRequest(system, requestDel(system, args, options));

/** `apk upgrade [ARGS]`. @throws ALP_SOLVE_WORLD for an unknown name, ALP_SOLVE_UNSATISFIABLE */
export const planUpgrade = (system: ApkSystem, args: readonly string[] = [], options?: UpgradeOptions): InstallPlan =>
  solveRequest(system, requestUpgrade(system, args, options));

/** `apk fix [ARGS]`. @throws ALP_SOLVE_WORLD for an unknown name, ALP_SOLVE_UNSATISFIABLE */
export const planFix = (system: ApkSystem, args: readonly string[] = [], options?: FixOptions): InstallPlan =>
  solveRequest(system, requestFix(system, args, options));
