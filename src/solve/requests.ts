/**
 * What a user asks of apk, turned into a task for the solver: `add`, `del`, `upgrade` and `fix` make a new world
 * and flags for the names that were mentioned.
 *
 * @see apk-tools 3.0 src/app_add.c, app_del.c, app_upgrade.c, app_fix.c
 */
import { sha1Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import type { Arch, Dependency, InstalledPackage, PackageRecord } from '../core/package.ts';
import { formatDependencies, isSoundDependency, scanDependency } from '../formats/apk/dependency.ts';
import { versionMatches } from '../formats/apk/package-version.ts';
import type { Catalog } from './catalog.ts';
import { compileNameGlob, isNameGlob } from './glob.ts';
import { FLAG } from './model.ts';
import type { NameFlags } from './resolution.ts';
import type { LoosePackage } from './package-shelves.ts';

/** The tree and the repositories that a request is about. */
export interface ApkSystem {
  readonly arch: Arch;
  readonly world: readonly Dependency[];
  readonly catalog: Catalog;
  readonly installed: readonly InstalledPackage[];
  /** Packages that only apk's cache list names. */
  readonly cached?: readonly LoosePackage[];
}

/** The solver's task, beside the system. */
export interface Request {
  readonly world: readonly Dependency[];
  readonly flags: number;
  readonly names: readonly NameFlags[];
  readonly loose: readonly LoosePackage[];
  readonly warnings: readonly string[];
}

/** @throws ALP_SOLVE_WORLD with apk's own words and, where it is not the usual one, its status */
const refuse = (message: string, status?: number): never => {
  throw new AlprootError('ALP_SOLVE_WORLD', message, {
    facts: { apk: message, ...(status === undefined ? {} : { status }) },
  });
};

const withDependency = (list: readonly Dependency[], dep: Dependency): Dependency[] =>
  list.some(({ name }) => name === dep.name)
    ? list.map((item) => (item.name === dep.name ? dep : item))
    : [...list, dep];

/** Every name that is spoken of anywhere. */
function spokenNames(system: ApkSystem): Set<string> {
  const names = new Set(system.world.map(({ name }) => name));
  const records = [
    system.installed.map(({ record }) => record),
    ...system.catalog.sources.map(({ packages }) => packages),
  ];
  for (const record of records.flat()) {
    names.add(record.name);
    for (const list of [record.provides, record.depends, record.installIf])
      for (const { name } of list) names.add(name);
  }
  return names;
}

/** The names that arguments mean; a plain argument that no package speaks of is refused. */
function matchNames(system: ApkSystem, args: readonly string[], unknown: (arg: string) => string): string[] {
  const spoken = spokenNames(system);
  if (args.some(isNameGlob)) {
    const tests = args.map(compileNameGlob);
    return [...spoken].filter((name) => tests.some((test) => test(name)));
  }
  const missing = args.filter((arg) => !spoken.has(arg));
  if (missing.length > 0) refuse(missing.map(unknown).join('\n'), missing.length);
  return [...args];
}

const flagAll = (names: readonly string[], flags: number, inheritable: number): NameFlags[] =>
  names.map((name) => ({ name, flags, inheritable }));

export interface AddOptions {
  readonly latest?: boolean;
  readonly upgrade?: boolean;
  /** `name` or `name=version` of a package that stands for the arguments. */
  readonly virtual?: string;
  /** Time for the version of a virtual package that has none. */
  readonly now?: Date;
  /** Whether packages that no repository has may be added; apk refuses where they would be lost. */
  readonly allowNonRepository?: boolean;
  /** Package files among the arguments. */
  readonly files?: ReadonlyMap<string, PackageRecord>;
}

const NOT_KEPT =
  'You tried to add a non-repository package to system, but it would be lost on next reboot. Enable ' +
  'package caching (apk cache --help) or use --force-non-repository if you know what you are doing.';

/** `20190603.131426`. */
const versionFromTime = (now: Date): string => now.toISOString().replace(/[-:]/g, '').replace('T', '.').slice(0, 15);

function parseVirtual(text: string, options: AddOptions): Dependency {
  const dep = scanDependency(text, { tag: true });
  const bad = (): never => refuse(`${text}: bad package specifier`);
  if (dep === undefined || dep.name === '' || dep.conflict || !isSoundDependency(dep)) return bad();
  if (!dep.name.startsWith('.') && options.allowNonRepository === false) refuse(NOT_KEPT);
  if (dep.op === 'any') return { ...dep, op: '=', version: versionFromTime(options.now ?? new Date(0)) };
  return dep.op === '=' ? dep : bad();
}

/** A package without files whose dependencies are what was asked for. */
function virtualPackage(dep: Dependency, depends: readonly Dependency[]): LoosePackage {
  const identity = Buffer.from(`${formatDependencies(depends)}\0${dep.name}\0${dep.version}`, 'latin1');
  return {
    source: { kind: 'virtual' },
    record: {
      name: dep.name,
      version: dep.version,
      arch: 'noarch',
      checksum: { algorithm: 'sha1', hex: sha1Hex(identity) },
      sizeBytes: 0,
      installedSizeBytes: 0,
      description: 'virtual meta package',
      url: '',
      license: '',
      origin: '',
      maintainer: '',
      buildTime: 0,
      commit: '',
      providerPriority: 0,
      depends,
      provides: [],
      installIf: [],
      replaces: [],
      replacesPriority: 0,
    },
  };
}

function parseArgument(arg: string, options: AddOptions): Dependency {
  const virtual = options.virtual !== undefined;
  const dep = scanDependency(arg, { tag: !virtual });
  if (dep === undefined || /[ \n]/.test(arg) || !isSoundDependency(dep)) {
    return refuse(
      `'${arg}' is not a valid ${virtual ? 'package' : 'world'} dependency, format is ` +
        `name${virtual ? '' : '(@tag)'}([<>~=]version)`,
    );
  }
  return dep;
}

/** A dependency on exactly this package file. */
function pinToFile(record: PackageRecord): Dependency {
  const digest = Buffer.from((record.checksum?.hex ?? '').slice(0, 40), 'hex').toString('base64');
  return { name: record.name, op: '><', version: `Q1${digest}`, conflict: false };
}

/** `apk add`. @throws ALP_SOLVE_WORLD for an argument that is not a dependency */
export function requestAdd(system: ApkSystem, args: readonly string[], options: AddOptions = {}): Request {
  const flags = (options.latest === true ? FLAG.latest : 0) | (options.upgrade === true ? FLAG.upgrade : 0);
  const virtual = options.virtual === undefined ? undefined : parseVirtual(options.virtual, options);
  const loose: LoosePackage[] = [];
  let wanted: Dependency[] = [];
  for (const arg of args) {
    const file = options.files?.get(arg);
    if (file !== undefined && options.allowNonRepository === false) refuse(NOT_KEPT);
    if (file !== undefined) loose.push({ record: file, source: { kind: 'file', path: arg } });
    wanted = withDependency(wanted, file === undefined ? parseArgument(arg, options) : pinToFile(file));
  }
  if (virtual !== undefined) {
    loose.push(virtualPackage(virtual, wanted));
    wanted = [virtual];
  }
  return {
    world: wanted.reduce(withDependency, [...system.world]),
    flags: 0,
    loose,
    names: flagAll(
      wanted.map(({ name }) => name),
      flags,
      flags,
    ),
    warnings: virtual !== undefined && args.length === 0 ? ['creating empty virtual package'] : [],
  };
}

export interface DelOptions {
  /** Also whatever depends on the packages. */
  readonly rdepends?: boolean;
}

/** Whether one of the record's dependencies is met by `by`. */
function leansOn(record: PackageRecord, by: PackageRecord): boolean {
  return record.depends.some((dep) => {
    const provided = dep.name === by.name ? by : by.provides.find(({ name }) => name === dep.name);
    return provided !== undefined && versionMatches(provided.version, dep.op, dep.version) !== dep.conflict;
  });
}

/** The installed packages that go with `names`, dependents included where asked. */
function collectRemoved(system: ApkSystem, names: readonly string[], rdepends: boolean): PackageRecord[] {
  const removed = system.installed.map(({ record }) => record).filter(({ name }) => names.includes(name));
  if (!rdepends) return removed;
  const found = new Set(removed);
  for (const gone of found) for (const { record } of system.installed) if (leansOn(record, gone)) found.add(record);
  return [...found];
}

/** `apk del`. @throws ALP_SOLVE_WORLD for a name that nothing speaks of */
export function requestDel(system: ApkSystem, args: readonly string[], options: DelOptions = {}): Request {
  const names = args.length === 0 ? [] : matchNames(system, args, (arg) => `No such package: ${arg}`);
  const removed = collectRemoved(system, names, options.rdepends === true);
  const dropped = new Set([...names, ...removed.map(({ name }) => name)]);
  if (options.rdepends === true)
    for (const { provides } of removed) for (const { name } of provides) dropped.add(name);
  return {
    world: system.world.filter(({ name }) => !dropped.has(name)),
    flags: 0,
    loose: [],
    warnings: [],
    names: flagAll(
      removed.map(({ name }) => name),
      FLAG.remove,
      0,
    ),
  };
}

export interface UpgradeOptions {
  /** Only what repositories have: reset versions that they do not. */
  readonly available?: boolean;
  readonly latest?: boolean;
  /** Drop from world what no repository has. */
  readonly prune?: boolean;
  /** Upgrade everything but the arguments. */
  readonly ignore?: boolean;
}

/** Whether a repository that may be used has a package of that name. */
const isBuildable = (system: ApkSystem, name: string): boolean =>
  system.catalog.sources.some(({ masked, byName }) => !masked && byName.has(name));

/** `apk upgrade`, after any preupgrade. @throws ALP_SOLVE_WORLD for a name that nothing speaks of */
export function requestUpgrade(system: ApkSystem, args: readonly string[], options: UpgradeOptions = {}): Request {
  const { available = false, latest = false, prune = false, ignore = false } = options;
  let flags = FLAG.upgrade | (available ? FLAG.available : 0) | (latest ? FLAG.latest : 0);
  let world = [...system.world];
  if (available)
    world = world.map((dep) => (dep.op === '><' && !dep.conflict ? { ...dep, op: 'any', version: '' } : dep));
  if (prune) world = world.filter(({ name }) => isBuildable(system, name));
  if (args.length > 0 && !ignore) flags &= ~FLAG.upgrade;
  const names = args.length === 0 ? [] : matchNames(system, args, (arg) => `Package '${arg}' not found`);
  return { world, flags, loose: [], warnings: [], names: flagAll(names, ignore ? FLAG.installed : FLAG.upgrade, 0) };
}

export interface FixOptions {
  readonly depends?: boolean;
  readonly reinstall?: boolean;
  readonly upgrade?: boolean;
  readonly xattr?: boolean;
}

/** `apk fix`: the arguments, else what the database calls broken. @throws ALP_SOLVE_WORLD for an unknown name */
export function requestFix(system: ApkSystem, args: readonly string[], options: FixOptions = {}): Request {
  const { depends = false, reinstall = false, upgrade = false, xattr = false } = options;
  const asked = (reinstall ? FLAG.reinstall : 0) | (upgrade ? FLAG.upgrade : 0);
  const flags = asked === 0 ? FLAG.reinstall : asked;
  const broken = xattr ? /[fsx]/ : /[fs]/;
  const names =
    args.length > 0
      ? matchNames(system, args, (arg) => `Package '${arg}' not found`)
      : system.installed.filter((item) => broken.test(item.broken ?? '')).map(({ record }) => record.name);
  return { world: system.world, flags: 0, loose: [], warnings: [], names: flagAll(names, flags, depends ? flags : 0) };
}
