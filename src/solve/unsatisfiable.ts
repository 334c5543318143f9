/**
 * The report of a failed solve, as apk prints it: for each package that is part of the trouble what is wrong
 * with it and who asked for it, for each name that nobody provides who needs it.
 *
 * @see apk-tools 3.0 src/commit.c apk_solver_print_errors
 */
import type { Dependency, VersionOp } from '../core/package.ts';
import { formatDependency, formatProvide, isSoundDependency } from '../formats/apk/dependency.ts';
import { compareVersions, isValidVersion } from '../formats/apk/package-version.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import { createIndentedText, type IndentedText } from './indented.ts';
import { analyze, reverseLinks, type Relation, type ReverseLink } from './match.ts';
import { DEFAULT_PIN, type Link, type NameNode, type PackageNode, type RawChange } from './model.ts';
import { presentNames } from './presence.ts';
import type { Resolution } from './resolution.ts';
import { dependentsOf } from './solver-state.ts';
import { isArchCompatible } from './universe.ts';

/** apk's numbers for operators, by which it sorts. */
const WEIGHT: Readonly<Record<VersionOp, number>> = {
  '=': 1,
  '<': 2,
  '<=': 3,
  '>': 4,
  '>=': 5,
  '><': 6,
  '~': 9,
  '<~': 11,
  '>~': 13,
  any: 15,
};
const weightOf = (dep: Dependency): number => WEIGHT[dep.op] + (dep.conflict ? 16 : 0);

interface Report {
  readonly resolution: Resolution;
  readonly world: readonly Link[];
  readonly chosen: ReadonlySet<PackageNode>;
  readonly told: Set<NameNode>;
  readonly text: IndentedText;
  /** The head of the entry that has no line yet. */
  head: string | undefined;
  entries: number;
}

/** `name-version`. */
export const packageText = (pkg: PackageNode): string => `${pkg.record.name}-${pkg.record.version}`;

function startLabel(report: Report, label: string): void {
  if (report.head !== undefined) {
    report.text.line(`  ${report.head}:`);
    report.head = undefined;
    report.entries++;
  }
  if (!report.text.isOpen()) report.text.group(`    ${label}`);
}

/** A label and its words, when there are any. */
function tell(report: Report, label: string, words: readonly string[]): void {
  for (const word of words) {
    startLabel(report, label);
    report.text.word(word);
  }
  report.text.end();
}

const worldText = (dep: Dependency): string =>
  `world[${formatDependency(dep)}${dep.tag === undefined ? '' : `@${dep.tag}`}]`;

const linkText = ({ pkg, link }: ReverseLink): string => `${packageText(pkg)}[${formatDependency(link.dep)}]`;

const compareLinks = (a: ReverseLink, b: ReverseLink): number =>
  compareNames(a.pkg.record.name, b.pkg.record.name) ||
  compareVersions(a.pkg.record.version, b.pkg.record.version) ||
  weightOf(a.link.dep) - weightOf(b.link.dep);

function tellUninstallable(report: Report, pkg: PackageNode): void {
  if (!pkg.uninstallable) return;
  const { record } = pkg;
  tell(report, 'error:', ['uninstallable']);
  if (!isArchCompatible(record, report.resolution.universe.arch)) tell(report, 'arch:', [record.arch]);
  const broken = (list: readonly Dependency[]): string[] =>
    list.filter((dep) => !isSoundDependency(dep)).map((dep) => formatDependency(dep));
  tell(report, 'depends:', broken(record.depends));
  tell(
    report,
    'provides:',
    record.provides.filter(({ version }) => version !== '' && !isValidVersion(version)).map(formatProvide),
  );
  tell(report, 'install_if:', broken(record.installIf));
}

/** Why the package may not be taken from where it is. */
function tellMasked(report: Report, pkg: PackageNode, tag: number): void {
  const { universe } = report.resolution;
  const { tags } = universe;
  if (pkg.installed !== undefined) return;
  if ((pkg.repos & universe.availableRepos) === 0 && !pkg.cached && pkg.source?.kind !== 'file') {
    tell(report, 'masked in:', ['--no-network']);
  } else if (pkg.repos === 0 && pkg.cached) {
    tell(report, 'masked in:', ['cache']);
  } else if ((pkg.repos & tags.reposOfMask(DEFAULT_PIN | (1 << tag))) === 0) {
    const masking = Array.from({ length: tags.count }, (_, id) => id).filter(
      (id) => (pkg.repos & tags.reposOf(id)) !== 0,
    );
    tell(
      report,
      'masked in:',
      masking.map((id) => (id === 0 ? '' : `@${tags.nameOf(id)}`)),
    );
  }
}

/** Other chosen packages that go by one of its names. */
function tellConflicts(report: Report, pkg: PackageNode): void {
  const words: string[] = [];
  for (const { pkg: other } of pkg.name.providers)
    if (other !== pkg && report.chosen.has(other)) words.push(packageText(other));
  for (const provide of pkg.provides) {
    let own = true;
    for (const { pkg: other, version } of provide.name.providers) {
      if (!report.chosen.has(other) || (provide.version === '' && version === '')) continue;
      if (own && other === pkg && version === provide.version) own = false;
      else
        words.push(`${packageText(other)}[${formatProvide({ name: provide.name.name, version: provide.version })}]`);
    }
  }
  tell(report, 'conflicts:', words);
}

function tellDepends(report: Report, pkg: PackageNode, relation: Relation): void {
  const world = report.world.filter((link) => analyze(undefined, link, pkg) === relation).map(({ dep }) => dep);
  const others = [...reverseLinks(pkg, relation, { accept: (other) => report.chosen.has(other), once: new Set() })];
  tell(report, relation === 'satisfies' ? 'satisfies:' : 'breaks:', [
    ...world.sort((a, b) => weightOf(a) - weightOf(b)).map(worldText),
    ...others.sort(compareLinks).map(linkText),
  ]);
}

function tellPackage(report: Report, pkg: PackageNode, tag: number): void {
  report.head = packageText(pkg);
  tellUninstallable(report, pkg);
  tellMasked(report, pkg, tag);
  tellConflicts(report, pkg);
  tellDepends(report, pkg, 'conflicts');
  if (report.head === undefined) tellDepends(report, pkg, 'satisfies');
}

/** The packages behind a name: by name alone where every package of that name is behind it. */
function providedBy(name: NameNode): string[] {
  const counts = new Map<NameNode, number>();
  for (const { pkg } of name.providers) counts.set(pkg.name, (counts.get(pkg.name) ?? 0) + 1);
  const words: string[] = [];
  for (const { pkg } of name.providers) {
    const count = counts.get(pkg.name) ?? 0;
    if (count === 0) continue;
    const all = count === pkg.name.providers.length;
    words.push(all ? pkg.name.name : packageText(pkg));
    counts.set(pkg.name, all ? 0 : count - 1);
  }
  return words;
}

function requiredBy(report: Report, name: NameNode): string[] {
  const wants = (link: Link): boolean => link.name === name && !link.dep.conflict;
  const words = report.world.filter(wants).map(({ dep }) => worldText(dep));
  const asked = new Set<PackageNode>();
  for (const dependent of dependentsOf(name)) {
    for (const { pkg } of dependent.providers) {
      if (!report.chosen.has(pkg) || asked.has(pkg)) continue;
      asked.add(pkg);
      const link = pkg.depends.find(wants);
      if (link === undefined) continue;
      words.push(linkText({ pkg, link }));
      break;
    }
  }
  return words;
}

function tellMissing(report: Report, links: readonly Link[]): void {
  for (const { name, dep } of links) {
    if (dep.conflict || report.told.has(name)) continue;
    report.told.add(name);
    report.resolution.universe.openNode(name);
    if (name.providers.length > 0) {
      report.head = `${name.name} (virtual)`;
      tell(report, 'note:', "please select one of the 'provided by' packages explicitly".split(' '));
      tell(report, 'provided by:', providedBy(name));
    } else {
      report.head = `${name.name} (no such package)`;
    }
    tell(report, 'required by:', requiredBy(report, name));
  }
}

/**
 * The lines below `ERROR: unable to select packages:`.
 *
 * @param width of the terminal, in columns
 */
export function explainUnsatisfiable(resolution: Resolution, width?: number): readonly string[] {
  const { universe, changes } = resolution;
  const world = resolution.world.map((dep) => universe.link(dep));
  const chosen = new Set(changes.map(({ next }) => next).filter((pkg) => pkg !== undefined));
  const told = new Set(presentNames(world, chosen));
  const report: Report = {
    resolution,
    world,
    chosen,
    told,
    text: createIndentedText(width),
    head: undefined,
    entries: 0,
  };
  tellMissing(report, world);
  for (const { next, nextTag } of changes as readonly RawChange[]) {
    if (next === undefined) continue;
    tellPackage(report, next, nextTag);
    tellMissing(report, next.depends);
  }
  if (report.entries === 0) report.text.line('Huh? Error reporter did not find the broken constraints.');
  return report.text.lines();
}
