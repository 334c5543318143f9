/** The upgrade of apk itself, and of what the user named, ahead of everything else. */
import type { Dependency, PackageRecord } from '../core/package.ts';
import { scanDependency, splitDependencies } from '../formats/apk/dependency.ts';
import { compareVersions, versionMatches } from '../formats/apk/package-version.ts';
import { FLAG } from './model.ts';
import type { ApkSystem, Request } from './requests.ts';

export interface PreupgradeOptions {
  /** Flags of the upgrade that follows. */
  readonly flags: number;
  /** The package that owns the running apk, if the tree has one. */
  readonly self?: string | undefined;
  /** Values of --preupgrade-depends. */
  readonly depends?: readonly string[] | undefined;
}

/** Later mentions of a name replace earlier ones; a text is read up to its first bad word. */
function collect(options: PreupgradeOptions): { readonly wanted: readonly Dependency[]; readonly warnings: string[] } {
  const wanted = new Map<string, Dependency>();
  const warnings: string[] = [];
  if (options.self !== undefined)
    wanted.set(options.self, { name: options.self, op: 'any', version: '', conflict: false });
  for (const text of options.depends ?? []) {
    for (const word of splitDependencies(text)) {
      const dep = scanDependency(word);
      if (dep === undefined) {
        warnings.push(`Ignored invalid preupgrade dependencies from: ${text}`);
        break;
      }
      wanted.set(dep.name, dep);
    }
  }
  return { wanted: [...wanted.values()], warnings };
}

/** Versions under which repositories, or the tree, offer a name. */
function* offers(system: ApkSystem, name: string): Generator<string> {
  for (const { packages, byName } of system.catalog.sources) {
    for (const position of byName.of(name)) {
      const record = packages[position];
      if (record !== undefined) yield record.version;
    }
  }
}

function isMet(dep: Dependency, record: PackageRecord | undefined): boolean {
  if (record === undefined) return dep.conflict;
  return versionMatches(record.version, dep.op, dep.version) !== dep.conflict;
}

/**
 * The task, or undefined when nothing that counts has a newer version.
 *
 * @see apk-tools 3.0 src/app_upgrade.c apk_do_preupgrade
 */
export function requestPreupgrade(
  system: ApkSystem,
  options: PreupgradeOptions,
): Request | { readonly warnings: readonly string[] } {
  const { wanted, warnings } = collect(options);
  const names = wanted.filter((dep) => {
    const record = system.installed.find((item) => item.record.name === dep.name)?.record;
    if (record === undefined || !isMet(dep, record)) return false;
    return [...offers(system, dep.name)].some((version) => compareVersions(version, record.version) > 0);
  });
  if (names.length === 0) return { warnings };
  return {
    world: system.world,
    flags: 0,
    loose: [],
    warnings,
    names: names.map(({ name }) => ({ name, flags: options.flags | FLAG.upgrade, inheritable: 0 })),
  };
}
