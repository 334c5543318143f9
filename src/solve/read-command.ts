/**
 * `apk info`, `search`, `list`, `policy` and `version`: from a command line and what is known of a tree and its
 * repositories to apk's output and status. For trees without an apk of their own, and for questions that need the
 * repositories, which only the outside can reach.
 *
 * @see apk-tools 3.0 src/app_search.c, app_list.c, app_policy.c, app_version.c
 */
import type { PackageRecord } from '../core/package.ts';
import { withFields } from '../formats/apk/package-fields.ts';
import { isValidVersion } from '../formats/apk/package-version.ts';
import { ApkUsageError, parseApkArguments, READING_COMMANDS } from './arguments.ts';
import type { Catalog } from './catalog.ts';
import type { OutputLine } from './apk-command.ts';
import { compileNameGlob } from './glob.ts';
import { allPackages, formatListed, listPackages } from './list.ts';
import { compareInstalled, formatVersionStates, relate } from './outdated.ts';
import { explainPolicy, formatPolicy } from './policy.ts';
import { readInfo } from './read-info.ts';
import type { Reading, ReadSystem } from './reading.ts';
import { formatSearch, searchPackages } from './search.ts';
import { isMetBy } from './why.ts';

export interface ReadOutcome {
  readonly lines: readonly OutputLine[];
  readonly status: number;
}

const COMMANDS: Readonly<Record<string, (reading: Reading) => number>> = {
  info: readInfo,
  search: readSearch,
  list: readList,
  policy: readPolicy,
  version: readVersion,
};

/** Whether the answer needs the repositories. */
export function needsRepositories(argv: readonly string[]): boolean {
  try {
    const { command, operands, options } = parseApkArguments(argv, READING_COMMANDS);
    if (command === 'info')
      return operands.length > 0 && !['exists', 'installed', 'who-owns'].some((name) => options.has(name));
    if (command === 'list') return !options.has('installed') && !options.has('manifest');
    return (
      command === 'search' ||
      command === 'policy' ||
      (command === 'version' && !options.has('test') && !options.has('check'))
    );
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
    const say = (...texts: readonly string[]): void =>
      void lines.push(...texts.map((text) => ({ stream: 'stdout' as const, text })));
    const status = action({
      args,
      system,
      verbosity: Math.max(0, 1 + count('verbose') - count('quiet')),
      has: (name) => count(name) > 0,
      say,
      fail,
    });
    return { lines, status: Math.min(status, 99) };
  } catch (error) {
    if (!(error instanceof ApkUsageError)) throw error;
    fail(error.message);
    return { lines, status: 1 };
  }
}

function readSearch({ args, system, has, say, verbosity }: Reading): number {
  const found = searchPackages(system.catalog, args.operands, {
    exact: has('exact'),
    description: has('description'),
    all: has('all'),
    origin: has('has-origin'),
  });
  const dependents = has('rdepends') ? dependentsIn(system.catalog) : undefined;
  for (const record of found) {
    const shown = (item: PackageRecord): PackageRecord =>
      has('origin') && item.origin !== '' ? withFields(item, { name: item.origin }) : item;
    if (dependents === undefined) {
      say(...formatSearch([shown(record)], has('origin') ? Math.min(verbosity, 1) : verbosity));
      continue;
    }
    if (verbosity > 0) say(`${record.name}-${record.version} is required by:`);
    say(...formatSearch(dependents(record).map(shown), verbosity));
  }
  return 0;
}

/** Who needs a package, of all that the repositories have, in their order. */
function dependentsIn({ sources }: Catalog): (record: PackageRecord) => PackageRecord[] {
  const all = sources.flatMap(({ packages }) => packages);
  const byName = new Map<string, Set<number>>();
  for (const [position, { depends }] of all.entries()) {
    for (const { name } of depends) byName.set(name, (byName.get(name) ?? new Set()).add(position));
  }
  return (record) => {
    const positions = new Set(
      [record.name, ...record.provides.map(({ name }) => name)].flatMap((name) => [...(byName.get(name) ?? [])]),
    );
    return [...positions]
      .sort((a, b) => a - b)
      .flatMap((position) => all[position] ?? [])
      .filter((item) => item !== record && item.depends.some((dependency) => isMetBy(dependency, record)));
  };
}

function readList({ args, system, has, say, verbosity }: Reading): number {
  const options = {
    installed: has('installed') || has('manifest'),
    available: has('available'),
    orphaned: has('orphaned'),
    upgradable: has('upgradable') || has('upgradeable'),
    origin: has('origin'),
    providers: has('providers'),
  };
  for (const item of listPackages(allPackages(system.installed, system.catalog), args.operands, options)) {
    say(...(has('manifest') ? [`${item.record.name} ${item.record.version}`] : formatListed(item, verbosity)));
  }
  return 0;
}

function readPolicy({ args, system, say }: Reading): number {
  const tests = args.operands.map(compileNameGlob);
  const names = new Set(
    allPackages(system.installed, system.catalog)
      .map(({ record }) => record.name)
      .filter((name) => tests.some((test) => test(name))),
  );
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
  const tests = operands.map(compileNameGlob);
  const states = compareInstalled(system.installed, system.catalog, { allTags: has('all') }).filter(
    ({ record, relation }) =>
      (tests.length === 0 || tests.some((test) => test(record.name))) && (limit === '' || limit.includes(relation)),
  );
  say(...formatVersionStates(states, verbosity));
  return 0;
}
