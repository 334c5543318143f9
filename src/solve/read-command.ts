/**
 * `apk info`, `search`, `list`, `policy` and `version`: from a command line and what is known of a tree and its
 * repositories to apk's output and status. For trees without an apk of their own, and for questions that need the
 * repositories, which only the outside can reach.
 *
 * @see apk-tools 3.0 src/app_info.c, app_search.c, app_list.c, app_policy.c, app_version.c
 */
import type { Arch, PackageRecord } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import { scanDependency } from '../formats/dependency.ts';
import type { InstalledEntry } from '../formats/installed-db.ts';
import { isValidVersion } from '../formats/version.ts';
import { compareNames } from '../formats/world.ts';
import { ApkUsageError, parseApkArguments, READING_COMMANDS, type ApkArguments } from './arguments.ts';
import type { Catalog } from './catalog.ts';
import type { OutputLine } from './command.ts';
import { compileGlob } from './glob.ts';
import { ALL_FIELDS, DEFAULT_FIELDS, formatInfo, INSTALLED_FIELDS, type InfoField } from './info.ts';
import { allPackages, formatListed, listPackages } from './list.ts';
import { compareInstalled, formatVersionStates, relate } from './outdated.ts';
import { findOwner } from './owner.ts';
import { explainPolicy, formatPolicy } from './policy.ts';
import { formatSearch, searchPackages } from './search.ts';
import { isMetBy } from './why.ts';

export interface ReadSystem {
  readonly arch: Arch;
  readonly installed: readonly InstalledEntry[];
  readonly catalog: Catalog;
  /** Description lines of the repositories, by location. */
  readonly descriptions: ReadonlyMap<string, string>;
  /** Patterns of a package's trigger. */
  readonly triggersOf: (record: PackageRecord) => readonly string[];
  /** Who may require a package, where there is no tree: all that the repositories have. */
  readonly requirers?: readonly PackageRecord[];
  /** An argument of `info -W` with the tree's links followed. */
  readonly follow: (path: string) => TreePath;
}

export interface ReadOutcome {
  readonly lines: readonly OutputLine[];
  readonly status: number;
}

interface Reading {
  readonly args: ApkArguments;
  readonly system: ReadSystem;
  readonly verbosity: number;
  readonly has: (name: string) => boolean;
  readonly say: (...lines: readonly string[]) => void;
  readonly fail: (text: string) => void;
}

const COMMANDS: Readonly<Record<string, (reading: Reading) => number>> = {
  info: readInfo, search: readSearch, list: readList, policy: readPolicy, version: readVersion,
};

/** Whether the answer needs the repositories. */
export function needsRepositories(argv: readonly string[]): boolean {
  try {
    const { command, operands, options } = parseApkArguments(argv, READING_COMMANDS);
    if (command === 'info') return operands.length > 0 && !['exists', 'installed', 'who-owns'].some((name) => options.has(name));
    if (command === 'list') return !options.has('installed') && !options.has('manifest');
    return command === 'search' || command === 'policy' || (command === 'version' && !options.has('test') && !options.has('check'));
  } catch {
    return false;
  }
}

/** Answers `apk ARGV`; undefined for other commands. */
export function readApk(argv: readonly string[], system: ReadSystem): ReadOutcome | undefined {
  const lines: OutputLine[] = [];
  const fail = (text: string): void => void lines.push({ stream: 'stderr', text: `ERROR: ${text}` });
  try {
    const args = parseApkArguments(argv, READING_COMMANDS);
    const action = args.command === undefined ? undefined : COMMANDS[args.command];
    if (action === undefined) return undefined;
    const count = (name: string): number => args.options.get(name)?.length ?? 0;
    const say = (...texts: readonly string[]): void => void lines.push(...texts.map((text) => ({ stream: 'stdout' as const, text })));
    const status = action({ args, system, verbosity: Math.max(0, 1 + count('verbose') - count('quiet')), has: (name) => count(name) > 0, say, fail });
    return { lines, status: Math.min(status, 99) };
  } catch (error) {
    if (!(error instanceof ApkUsageError)) throw error;
    fail(error.message);
    return { lines, status: 1 };
  }
}

function readInfo(reading: Reading): number {
  const { args, has, say, system, verbosity } = reading;
  if (has('who-owns')) return readOwnersOf(reading);
  if (has('exists') || has('installed')) return readExistence(reading);
  if (args.operands.length === 0) {
    const level = Math.max(1, verbosity);
    const records = system.installed.map(({ record }) => record).sort((a, b) => compareNames(a.name, b.name));
    say(...formatSearch(records, level - 1));
    return 0;
  }
  const asked = ALL_FIELDS.filter((field) => has(field) || has('all'));
  const fields: readonly InfoField[] = asked.length === 0 ? DEFAULT_FIELDS : asked;
  const requirers = system.requirers ?? system.installed.map(({ record }) => record);
  const hidden = system.requirers === undefined ? INSTALLED_FIELDS : [];
  const packages = allPackages(system.installed, system.catalog);
  let missing = 0;
  for (const pattern of args.operands) {
    const test = compileGlob(pattern);
    const found = packages.filter(({ record }) => test(record.name) || record.provides.some(({ name }) => test(name)));
    if (found.length === 0) missing++;
    for (const { record, isInstalled } of found) {
      const entry = isInstalled ? system.installed.find((item) => item.record === record) : undefined;
      const shown = isInstalled ? fields : fields.filter((field) => !hidden.includes(field));
      say(...formatInfo(record, { fields: shown, installed: requirers, entry, triggers: isInstalled ? system.triggersOf(record) : [], verbose: verbosity > 1 }));
    }
  }
  return missing;
}

function readExistence({ args, system, verbosity, say }: Reading): number {
  let missing = 0;
  for (const text of args.operands) {
    const dependency = scanDependency(text, { tag: true });
    if (dependency === undefined) continue;
    const record = system.installed.map((entry) => entry.record).find((item) => isMetBy({ ...dependency, conflict: false }, item));
    if ((record !== undefined) === dependency.conflict) missing++;
    else if (record !== undefined && verbosity >= 1) say(...formatSearch([record], verbosity - 1));
  }
  return missing;
}

function readOwnersOf({ args, system, verbosity, say, fail }: Reading): number {
  const quiet = new Set<string>();
  let missing = 0;
  for (const path of args.operands) {
    const owner = findOwner(system.installed, path, system.follow);
    if (owner === undefined) {
      fail(`${path}: Could not find owner package`);
      missing++;
    } else if (verbosity >= 1) say(`${path} ${owner.isTarget ? 'symlink target ' : ''}is owned by ${owner.record.name}-${owner.record.version}`);
    else quiet.add(owner.record.name);
  }
  if (quiet.size > 0) say([...quiet].join(' '));
  return missing;
}

function readSearch({ args, system, has, say, verbosity }: Reading): number {
  const found = searchPackages(system.catalog, args.operands, { exact: has('exact'), description: has('description'), all: has('all'), origin: has('has-origin') });
  const all = has('rdepends') ? system.catalog.sources.flatMap(({ packages }) => packages) : [];
  for (const record of found) {
    const shown = (item: PackageRecord): PackageRecord => (has('origin') && item.origin !== '' ? { ...item, name: item.origin } : item);
    if (!has('rdepends')) {
      say(...formatSearch([shown(record)], has('origin') ? Math.min(verbosity, 1) : verbosity));
      continue;
    }
    if (verbosity > 0) say(`${record.name}-${record.version} is required by:`);
    say(...formatSearch(all.filter((item) => item !== record && item.depends.some((dependency) => isMetBy(dependency, record))).map(shown), verbosity));
  }
  return 0;
}

function readList({ args, system, has, say, verbosity }: Reading): number {
  const options = {
    installed: has('installed') || has('manifest'), available: has('available'), orphaned: has('orphaned'),
    upgradable: has('upgradable') || has('upgradeable'), origin: has('origin'), providers: has('providers'),
  };
  for (const item of listPackages(allPackages(system.installed, system.catalog), args.operands, options)) {
    say(...(has('manifest') ? [`${item.record.name} ${item.record.version}`] : formatListed(item, verbosity)));
  }
  return 0;
}

function readPolicy({ args, system, say }: Reading): number {
  const tests = args.operands.map(compileGlob);
  const names = new Set(allPackages(system.installed, system.catalog).map(({ record }) => record.name).filter((name) => tests.some((test) => test(name))));
  for (const name of names) say(...formatPolicy(name, explainPolicy(system, name)));
  return 0;
}

function readVersion({ args, system, has, say, verbosity }: Reading): number {
  const { operands, options } = args;
  if (has('test')) {
    const [left, right] = operands;
    if (left === undefined || right === undefined || operands.length > 2) return 1;
    say(relate(left, right));
    return 0;
  }
  if (has('check')) {
    const bad = operands.filter((text) => !isValidVersion(text));
    if (verbosity >= 1) say(...bad);
    return bad.length;
  }
  if (has('indexes')) {
    say(...system.catalog.sources.map(({ location }) => `${system.descriptions.get(location) ?? ''} [${location}]`));
    return 0;
  }
  const limit = options.get('limit')?.at(-1) ?? (operands.length === 0 && verbosity === 1 ? '<' : '');
  const tests = operands.map(compileGlob);
  const states = compareInstalled(system.installed, system.catalog, { allTags: has('all') })
    .filter(({ record, relation }) => (tests.length === 0 || tests.some((test) => test(record.name))) && (limit === '' || limit.includes(relation)));
  say(...formatVersionStates(states, verbosity));
  return 0;
}
