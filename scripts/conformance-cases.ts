/**
 * Reads and runs the cases of apk-tools' suite: its file formats are those of the index and the database, unpacked.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve as resolvePath } from 'node:path';
import type { Sha1Hex, Sha256Hex } from '../src/core/digest.ts';
import type { Dependency, InstalledPackage, PackageRecord, Repository, RepositoryIndex } from '../src/core/package.ts';
import type { Verified } from '../src/core/verified.ts';
import { isSoundDependency, scanDependency, splitDependencies } from '../src/formats/apk/dependency.ts';
import { isValidVersion, versionMatches } from '../src/formats/apk/package-version.ts';
import { parseApkArguments } from '../src/solve/arguments.ts';
import { createCatalog } from '../src/solve/catalog.ts';
import { runApk } from '../src/solve/apk-command.ts';
import { formatSummary, totalsAfter } from '../src/solve/plan-lines.ts';
import type { VersionOp } from '../src/core/package.ts';

export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

/** The suite's builds take their machine's architecture; its data names none but `noarch`. */
const ARCH = 'x86_64';

/** Dependencies up to the first that cannot be read, as apk does. */
function readList(text: string): { readonly list: Dependency[]; readonly whole: boolean } {
  const list: Dependency[] = [];
  for (const word of splitDependencies(text)) {
    const dep = scanDependency(word);
    if (dep === undefined) return { list, whole: false };
    list.push(dep);
  }
  return { list, whole: true };
}

type Fields = ReadonlyMap<string, string>;

function readRecord(fields: Fields): PackageRecord {
  const get = (key: string): string => fields.get(key) ?? '';
  const depends = readList(get('D'));
  const installIf = readList(get('i'));
  const strange = [...fields.keys()].some((key) => !/[a-z]/.test(key) && !'PVTUCLADSIFMRZ'.includes(key));
  return {
    name: get('P'),
    version: get('V'),
    arch: get('A'),
    checksum: { algorithm: 'sha1', hex: Buffer.from(get('C').slice(2), 'base64').toString('hex') as Sha1Hex },
    sizeBytes: Number(get('S')),
    installedSizeBytes: Number(get('I')),
    description: get('T'),
    url: get('U'),
    license: get('L'),
    origin: get('o'),
    maintainer: get('m'),
    buildTime: Number(get('t')),
    commit: get('c'),
    providerPriority: Number(get('k')),
    depends: depends.list,
    provides: readList(get('p')).list.map(({ name, version }) => ({ name, version })),
    installIf: installIf.whole ? installIf.list : [],
    replaces: readList(get('r')).list,
    replacesPriority: Number(get('q')),
    ...(depends.whole && !strange ? {} : { uninstallable: true as const }),
  };
}

interface Entry {
  readonly fields: Fields;
  /** Directories and files, as `F:` and `R:` lines give them. */
  readonly paths: readonly string[];
}

function readEntries(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const block of text.split(/\n\n+/)) {
    const fields = new Map<string, string>();
    const paths: string[] = [];
    let directory = '';
    for (const line of block.split('\n')) {
      const key = line.slice(0, 1);
      if (line.length < 2) continue;
      const value = line.slice(2);
      if (key === 'F') paths.push(`${(directory = value)}/`);
      else if (key === 'R') paths.push(`${directory}/${value}`);
      // Lists may be spread over several lines.
      const earlier = 'Dpi'.includes(key) ? fields.get(key) : undefined;
      fields.set(key, earlier === undefined ? value : `${earlier} ${value}`);
    }
    if (fields.has('P')) entries.push({ fields, paths });
  }
  return entries;
}

interface SolverCase {
  readonly args: readonly string[];
  readonly world: string;
  readonly installed: string | undefined;
  readonly cache: string | undefined;
  readonly repositories: readonly { readonly tag: string | undefined; readonly file: string }[];
  readonly expected: readonly string[];
}

function readCase(path: string): SolverCase {
  const lines = readFileSync(path, 'latin1').split('\n');
  const at = lines.indexOf('@EXPECT');
  const head = lines.slice(0, at);
  const values = (key: string): string[] =>
    head.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1).trim());
  const file = (name: string): string => resolvePath(dirname(path), name);
  const [installed] = values('@INSTALLED').map(file);
  const [cache] = values('@CACHE').map(file);
  const repositories = values('@REPO').map((value) => {
    const [first = '', second] = value.split(/\s+/);
    return second === undefined
      ? { tag: undefined, file: file(first) }
      : { tag: first.replace(/^@/, ''), file: file(second) };
  });
  const expected = lines.slice(at + 1);
  while (expected.at(-1) === '') expected.pop();
  return {
    args: values('@ARGS').flatMap((value) => value.split(/\s+/)),
    world: values('@WORLD').join(' '),
    installed,
    cache,
    repositories,
    expected,
  };
}

const readFile = (path: string): Entry[] => readEntries(readFileSync(path, 'latin1'));

/** Trouble that apk warns of once, after everything is loaded. */
interface MirrorFailure {
  unknownField: boolean;
  brokenList: boolean;
  uninstallable: boolean;
}

function noteTrouble(failure: MirrorFailure, fields: Fields): void {
  const isBroken = (key: string): boolean => {
    const { list, whole } = readList(fields.get(key) ?? '');
    return !whole || !list.every(isSoundDependency);
  };
  failure.brokenList ||= ['D', 'p', 'i'].some(isBroken);
  failure.uninstallable ||= isBroken('D');
  for (const key of fields.keys()) {
    if ('PVTUCLADSIpiomtckFMRZrqasfg'.includes(key)) continue;
    failure.unknownField = true;
    failure.uninstallable ||= !/[a-z]/.test(key);
  }
}

function formatTrouble({ unknownField, brokenList, uninstallable }: MirrorFailure): string[] {
  const effect = uninstallable ? 'are not installable' : 'might not function properly';
  return [
    ...(unknownField ? [`WARNING: This apk-tools is OLD! Some packages ${effect}.`] : []),
    ...(brokenList ? [`WARNING: The indexes contain broken packages which ${effect}.`] : []),
  ];
}

interface Reader {
  readonly read: (fields: Fields) => PackageRecord;
  readonly failure: MirrorFailure;
}

/** To apk a checksum is a package: what is loaded later under the same one is the package that it has. */
function createReader(): Reader {
  const known = new Map<string, PackageRecord>();
  const failure: MirrorFailure = { unknownField: false, brokenList: false, uninstallable: false };
  const read = (fields: Fields): PackageRecord => {
    noteTrouble(failure, fields);
    const record = readRecord(fields);
    const identity = record.checksum?.hex ?? '';
    const first = known.get(identity) ?? record;
    known.set(identity, first);
    return first;
  };
  return { read, failure };
}

function readRepository(
  { tag, file }: SolverCase['repositories'][number],
  read: (fields: Fields) => PackageRecord,
  masked: boolean,
): Repository {
  const index: RepositoryIndex = {
    location: file,
    description: '',
    sha256: '' as Sha256Hex,
    sizeBytes: 0,
    packages: readFile(file).map(({ fields }) => read(fields)),
  };
  return {
    index: index as Verified<RepositoryIndex>,
    ...(tag === undefined ? {} : { tag }),
    ...(masked ? { masked: true as const } : {}),
  };
}

/** Unique directories, parents and the root included. */
function countDirectories(paths: readonly string[]): number {
  const found = new Set<string>();
  for (const path of paths) {
    const parts = path
      .slice(0, path.lastIndexOf('/'))
      .split('/')
      .filter((part) => part !== '');
    for (let i = 0; i <= parts.length; i++) found.add(parts.slice(0, i).join('/'));
  }
  return found.size;
}

/** A world file that apk cannot read ends everything; the last trouble in it is named. */
function refuseWorld(text: string): string[] {
  let failure: string | undefined;
  for (const word of splitDependencies(text)) {
    const dep = scanDependency(word, { tag: true });
    if (dep === undefined) failure = 'dependency format is invalid';
    else if (!isSoundDependency(dep)) failure = 'package version is invalid';
    if (dep === undefined) break;
  }
  return failure === undefined
    ? []
    : [`ERROR: Unable to read database: ${failure}`, `ERROR: Failed to open apk database: ${failure}`];
}

/** What apk prints for the case, both streams together. */
function runCase(test: SolverCase): string[] {
  const refusal = refuseWorld(test.world);
  if (refusal.length > 0) return refusal;
  const { options } = parseOptions(test.args);
  const offline = options.get('network')?.at(-1) === 'no';
  const temporary = options.get('root-tmpfs')?.at(-1) === 'yes';
  const database = test.installed === undefined ? [] : readFile(test.installed);
  const { read, failure } = createReader();
  const installed: InstalledPackage[] = database.map(({ fields }) => ({
    record: read(fields),
    ...(fields.has('s') ? { tag: fields.get('s') ?? '' } : {}),
    ...(fields.has('f') ? { broken: fields.get('f') ?? '' } : {}),
  }));
  const cached = (temporary && test.cache !== undefined ? readFile(test.cache) : []).map(({ fields }) => read(fields));
  const self = database.find(({ paths }) => paths.includes('proc/self/exe'))?.fields.get('P');
  // The suite never exports anything.
  const outcome = runApk(['--simulate', ...test.args], {
    arch: ARCH,
    installed,
    catalog: createCatalog(test.repositories.map((repository) => readRepository(repository, read, offline))),
    world: splitDependencies(test.world).flatMap((word) => scanDependency(word, { tag: true }) ?? []),
    cached: cached.map((record) => ({ record, source: { kind: 'cached' } })),
    now: new Date(),
    keepsPackages: () => !temporary || test.cache !== undefined,
    ...(self === undefined ? {} : { self }),
  });
  const lines = [...formatTrouble(failure), ...outcome.lines.map(({ text }) => text)];
  if (outcome.plan === undefined || outcome.verbosity < 1) return lines;
  const bytes = installed.reduce((sum, { record }) => sum + record.installedSizeBytes, 0);
  const paths = database.flatMap((entry) => entry.paths);
  const before = {
    packages: installed.length,
    bytes,
    dirs: countDirectories(paths),
    files: paths.filter((path) => !path.endsWith('/')).length,
  };
  return [
    ...lines,
    formatSummary(totalsAfter(before, outcome.plan.changes), {
      verbose: outcome.verbosity > 1,
      errors: outcome.broken,
    }),
  ];
}

/** Options that decide how the case is set up; a command line that apk refuses has none. */
function parseOptions(args: readonly string[]): { readonly options: ReadonlyMap<string, readonly string[]> } {
  try {
    return parseApkArguments(args);
  } catch {
    return { options: new Map() };
  }
}

/** Runs one `*.test`. */
export function runSolverCase(path: string): CaseResult {
  const test = readCase(path);
  let actual: string[];
  try {
    actual = runCase(test).join('\n').split('\n');
  } catch (error) {
    actual = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
  while (actual.at(-1) === '') actual.pop();
  return { name: path, passed: actual.join('\n') === test.expected.join('\n'), expected: test.expected, actual };
}

/** One line of version.data: `A op B`, `A !op B`, `A` (valid) or `!A` (invalid). */
function holds(line: string): boolean {
  const [left = '', operator, right = ''] = line.split(/\s+/);
  if (operator === undefined) return left.startsWith('!') ? !isValidVersion(left.slice(1)) : isValidVersion(left);
  const negated = operator.startsWith('!');
  return versionMatches(left, operator.replace(/^!/, '') as VersionOp, right) !== negated;
}

/** Runs every line of a `version.data`. */
export function runVersionData(path: string): CaseResult[] {
  const results: CaseResult[] = [];
  readFileSync(path, 'latin1')
    .split('\n')
    .forEach((raw, index) => {
      const line = raw.replace(/#.*/, '').trim();
      if (line === '') return;
      const passed = holds(line);
      results.push({
        name: `${path}:${index + 1}`,
        passed,
        expected: [line],
        actual: passed ? [line] : [`not so: ${line}`],
      });
    });
  return results;
}
