/** `search`, `info` and `policy` in the words of apk, over the indexes of the mirror or the database of a tree. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import type { PackageRecord } from '../../core/package.ts';
import { joinHost, type HostPath, type TreePath } from '../../core/paths.ts';
import { quoteName, showName } from '../../core/redact.ts';
import { formatDependency, formatProvide } from '../../formats/apk/dependency.ts';
import { compileNameGlob } from '../../solve/glob.ts';
import { allPackages } from '../../solve/list.ts';
import { nearestNames } from '../../solve/nearest.ts';
import { findPackageOwner } from '../../solve/owner-query.ts';
import { explainPolicy } from '../../solve/policy.ts';
import { readApk } from '../../solve/read-command.ts';
import type { ReadSystem } from '../../solve/reading.ts';
import { searchPackages } from '../../solve/search.ts';
import { requireDirectory } from '../../system/files/named-file.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase, type Database } from '../../unpack/database.ts';
import { readSystem } from '../apk/apk-queries.ts';
import { chooseMirrors } from '../repository/mirrors.ts';
import { withInstall } from '../repository/install-context.ts';
import { fetchSources } from '../repository/release-indexes.ts';

/** For people, for programs, for the shell. */
export interface Answer {
  readonly text: string;
  readonly value: unknown;
  readonly status: number;
}

export interface PackageQuery {
  readonly command: 'search' | 'info' | 'policy';
  readonly operands: readonly string[];
  /** Long names of apk's options. */
  readonly options: readonly string[];
  /** A tree; its database answers `info`, and `policy` knows what is installed. */
  readonly root: HostPath | undefined;
}

/** Escaped, each on a line of its own. */
export const formatLines = (lines: readonly string[]): string => lines.map((line) => `${showName(line)}\n`).join('');

/**
 * Status 1 when something that was named is not there; what is spelt like it is a warning's hint.
 *
 * @throws ALP_USAGE_OPTION, ALP_FETCH_*, ALP_VERIFY_*, ALP_STALE_*
 */
export async function queryPackages(config: Config, query: PackageQuery): Promise<Answer> {
  const { command, root, options } = query;
  const needsTree = ['contents', 'triggers', 'who-owns', 'installed'].find((name) => options.includes(name));
  if (root === undefined && (needsTree !== undefined || (command === 'info' && query.operands.length === 0))) {
    throw new AlprootError(
      'ALP_USAGE_OPTION',
      needsTree === undefined
        ? 'info needs the name of a package, or a tree'
        : `--${needsTree} is a question about a tree`,
      { hint: 'name one with --root DIR' },
    );
  }
  const { arch } = config;
  if (root !== undefined && command === 'info')
    return withDatabase(root, ({ tree, database }) =>
      answer(config, { query, system: readSystem({ tree, database, repositories: [], arch }), buildable: [] }),
    );
  return withInstall(config, async (session) => {
    const { repositories, buildable } = await fetchSources(session, await chooseMirrors(session));
    if (root !== undefined)
      return withDatabase(root, ({ tree, database }) =>
        answer(config, { query, system: readSystem({ tree, database, repositories, arch }), buildable }),
      );
    const system = {
      ...readSystem({ tree: undefined, database: NOTHING, repositories, arch }),
      requirers: repositories.flatMap(({ index }) => index.packages),
    };
    return answer(config, { query, system, buildable });
  });
}

const NOTHING: Database = { arch: '', world: [], packages: [], scripts: [], triggers: [] };

interface Asked {
  readonly query: PackageQuery;
  readonly system: ReadSystem;
  /** Names that a mirror made from Debian's packages could have: it is filled as it is used. */
  readonly buildable: readonly string[];
}

function answer(config: Config, asked: Asked): Answer {
  const { query, system } = asked;
  const { command, operands, options } = query;
  const { lines = [], status = 0 } =
    readApk([command, ...options.map((name) => `--${name}`), '--', ...operands], system) ?? {};
  const unknown = options.includes('who-owns') || options.includes('installed') ? [] : unknownNames(query, system);
  tellUnknown(config, unknown, asked);
  for (const { text } of lines.filter(({ stream }) => stream === 'stderr'))
    config.emit({ kind: 'warning', message: text.replace(/^(?:ERROR|WARNING): /, '') });
  return {
    text: formatLines(lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)),
    value: valueOf(query, system),
    status: status === 0 && unknown.length === 0 ? 0 : 1,
  };
}

/** What is not there is spelt otherwise, or will be made when it is asked for. */
function tellUnknown(config: Config, unknown: readonly string[], { query, system, buildable }: Asked): void {
  const { sources } = system.catalog;
  const later = buildable.filter((name) => !sources.some(({ byName }) => byName.has(name)));
  const laterFor = (pattern: string): string[] =>
    later.filter(compileNameGlob(query.command === 'search' ? `*${pattern}*` : pattern));
  const coming = [...new Set(query.operands.flatMap(laterFor))];
  if (coming.length > 0)
    config.emit({
      kind: 'note',
      message: `not in this mirror yet, and made from Debian's packages when first installed: ${coming.join(', ')}`,
    });
  const known = {
    sources: [
      ...sources,
      { packages: [...system.installed.map(({ record }) => record), ...later.map((name) => ({ name }))] },
    ],
  };
  for (const name of unknown.filter((pattern) => laterFor(pattern).length === 0)) {
    const near = nearestNames(known, name);
    const where = sources.length === 0 ? 'in this tree' : `in ${sources.map(({ location }) => location).join(', ')}`;
    config.emit({
      kind: 'warning',
      message: `there is no package ${quoteName(name)} ${where}`,
      ...(near.length === 0 ? {} : { hint: `there is ${near.map(quoteName).join(', ')}` }),
    });
  }
}

/** Names that match nothing; a search looks for parts of names. */
function unknownNames({ command, operands, options }: PackageQuery, system: ReadSystem): string[] {
  if (command === 'search') {
    const found = (pattern: string): boolean =>
      searchPackages(system.catalog, [pattern], searchOptions(options)).length > 0;
    return operands.filter((pattern) => !found(pattern));
  }
  const packages = allPackages(system.installed, system.catalog);
  return operands.filter((pattern) => {
    const test = compileNameGlob(pattern);
    return !packages.some(
      ({ record }) => test(record.name) || (command === 'info' && record.provides.some(({ name }) => test(name))),
    );
  });
}

const searchOptions = (options: readonly string[]): Parameters<typeof searchPackages>[2] => ({
  exact: options.includes('exact'),
  description: options.includes('description'),
  all: options.includes('all'),
  origin: options.includes('has-origin'),
});

function valueOf({ command, operands, options }: PackageQuery, system: ReadSystem): unknown {
  if (command === 'search') return searchPackages(system.catalog, operands, searchOptions(options)).map(packageObject);
  if (command === 'policy') return operands.map((name) => ({ name, versions: explainPolicy(system, name) }));
  if (options.includes('who-owns')) return operands.map((path) => ({ path, owner: ownerName(system, path) }));
  const tests = operands.map(compileNameGlob);
  return allPackages(system.installed, system.catalog)
    .filter(
      ({ record }) =>
        tests.length === 0 ||
        tests.some((test) => test(record.name) || record.provides.some(({ name }) => test(name))),
    )
    .map(({ record, isInstalled }) => ({ ...packageObject(record), installed: isInstalled }));
}

const ownerName = ({ installed, follow }: ReadSystem, path: string): string | null =>
  findPackageOwner(installed, path, follow)?.record.name ?? null;

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/** A package for `--json`. */
export const packageObject = (record: PackageRecord): Record<string, unknown> => ({
  name: utf8(record.name),
  version: record.version,
  arch: record.arch,
  description: utf8(record.description),
  url: utf8(record.url),
  license: utf8(record.license),
  origin: utf8(record.origin),
  maintainer: utf8(record.maintainer),
  buildTime: record.buildTime,
  sizeBytes: record.sizeBytes,
  installedSizeBytes: record.installedSizeBytes,
  depends: record.depends.map((item) => formatDependency(item)),
  provides: record.provides.map(formatProvide),
  installIf: record.installIf.map((item) => formatDependency(item)),
});

interface OpenDatabase {
  readonly tree: WorkTree;
  readonly database: Database;
}

const INSTALLED = 'lib/apk/db/installed' as TreePath;

/** @throws ALP_USAGE_ARGUMENT for a directory that is not a tree of packages */
export function withDatabase<T>(root: HostPath, use: (open: OpenDatabase) => T): T {
  requireDirectory(root, 'the directory of an Alpine tree');
  const tree = openWorkTree(root);
  try {
    if (tree.stat(tree.resolve(INSTALLED))?.kind !== 'file')
      throw new AlprootError('ALP_USAGE_ARGUMENT', `${quoteName(root)} has no package database`, {
        hint: `a tree of Alpine's has ${joinHost(root, INSTALLED)}`,
      });
    return use({ tree, database: readDatabase(tree) });
  } finally {
    tree.close();
  }
}
