/**
 * `apk fetch`: packages as files into a directory of the tree, or on standard output. Verified like those that are
 * installed; what is installed plays no part.
 *
 * @see apk-tools 2.14 src/app_fetch.c
 */
import { findPasswdEntry } from '../../build/passwd-entry.ts';
import type { ApkAnswer, ApkRequest } from '../../build/host.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch, PackageRecord, PlannedPackage } from '../../core/package.ts';
import { joinTree, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { scanDependency } from '../../formats/apk/dependency.ts';
import { compareVersions } from '../../formats/apk/package-version.ts';
import { ApkUsageError, type ApkArguments } from '../../solve/arguments.ts';
import { createCatalog, type Catalog } from '../../solve/catalog.ts';
import { runApk } from '../../solve/apk-command.ts';
import { isMetBy } from '../../solve/why.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import type { OwnerPolicy } from '../../unpack/minirootfs-unpack.ts';
import { pathIn } from '../repository/local-packages.ts';
import type { TreeRepositories } from '../repository/tree-repositories.ts';
import type { FetchedPackages } from '../repository/package-files.ts';

export interface FetchCall {
  readonly args: ApkArguments;
  readonly request: Pick<ApkRequest, 'cwd' | 'uid' | 'owners'>;
  readonly tree: WorkTree;
  readonly arch: Arch;
  readonly owners: OwnerPolicy;
  readonly opened: TreeRepositories;
  /** Downloads and verifies; opens each. */
  readonly fetch: (planned: readonly PlannedPackage[]) => Promise<FetchedPackages>;
}

/** @throws ALP_FETCH_*, ALP_VERIFY_*, ALP_UNPACK_WRITE, ApkUsageError */
export async function fetchFiles(call: FetchCall): Promise<ApkAnswer> {
  const {
    args: { operands, options },
    arch,
    opened,
  } = call;
  if (operands.length === 0) throw new ApkUsageError('fetch: no package is named');
  const catalog = createCatalog(opened.repositories);
  const chosen = options.has('recursive')
    ? chooseRecursively(catalog, operands, arch)
    : operands.map((operand) => chooseOne(catalog, operand));
  const missing = chosen.filter((item) => typeof item === 'string');
  const planned = chosen.filter((item) => typeof item !== 'string');
  const stderr = [
    ...opened.warnings.map((text) => `WARNING: ${text}\n`),
    ...missing.map((text) => `ERROR: ${text}\n`),
  ].join('');
  if (missing.length > 0) return { kind: 'done', status: missing.length, stdout: '', stderr };
  if (options.has('simulate')) return { kind: 'done', status: 0, stdout: linesFor(planned, call), stderr };
  const fetched = await call.fetch(planned);
  try {
    const shown: Buffer[] = [];
    for (const item of planned) {
      const file = await fetched.open(item);
      if (options.has('stdout')) shown.push(readWhole(file));
      else putFile(file, item.record, call);
    }
    return {
      kind: 'done',
      status: 0,
      stdout: options.has('stdout') ? Buffer.concat(shown) : linesFor(planned, call),
      stderr,
    };
  } finally {
    await fetched.close();
  }
}

const linesFor = (planned: readonly PlannedPackage[], { args: { options } }: FetchCall): string =>
  options.has('quiet') || options.has('stdout')
    ? ''
    : planned.map(({ record }) => `Downloading ${record.name}-${record.version}\n`).join('');

/** The newest package that an operand means; a text is apk's complaint. */
function chooseOne({ sources }: Catalog, operand: string): PlannedPackage | string {
  const wanted = scanDependency(operand, { tag: true });
  if (wanted === undefined) return `'${operand}' is not a valid package name`;
  const found = sources.flatMap(({ byName, packages, tags, location }) => {
    if (wanted.tag !== undefined && !tags.includes(wanted.tag)) return [];
    return byName
      .of(wanted.name)
      .flatMap((position) => packages[position] ?? [])
      .filter((record) => isMetBy({ ...wanted, conflict: false }, record))
      .map((record) => ({ record, location }));
  });
  const [best] = found.sort(
    (a, b) =>
      Number(b.record.name === wanted.name) - Number(a.record.name === wanted.name) ||
      compareVersions(b.record.version, a.record.version),
  );
  return best === undefined
    ? `${operand}: unable to select package (or its dependencies)`
    : { record: best.record, source: { kind: 'repository', location: best.location }, because: ['world'] };
}

/** With all that they need, as into an empty root. */
function chooseRecursively(catalog: Catalog, operands: readonly string[], arch: Arch): (PlannedPackage | string)[] {
  const outcome = runApk(['add', ...operands], {
    arch,
    catalog,
    world: [],
    installed: [],
    now: new Date(0),
    keepsPackages: () => true,
  });
  if (outcome.plan === undefined)
    return outcome.lines.filter(({ stream }) => stream === 'stderr').map(({ text }) => text.replace(/^ERROR: /, ''));
  return outcome.plan.changes.flatMap((change) =>
    'next' in change && change.next.source.kind === 'repository' ? [change.next] : [],
  );
}

function readWhole({ source, close }: OpenedPackageFile): Buffer {
  try {
    const bytes = Buffer.alloc(source.sizeBytes);
    for (let at = 0; at < bytes.length;) {
      const count = source.read(bytes.subarray(at), at);
      if (count === 0) throw new AlprootError('ALP_STORE_DAMAGED', `${source.name} became shorter while it was read`);
      at += count;
    }
    return bytes;
  } finally {
    close();
  }
}

function putFile(
  file: OpenedPackageFile,
  { name, version }: PackageRecord,
  { args: { options }, request, tree, owners }: FetchCall,
): void {
  const directory = tree.resolve(pathIn(request.cwd, options.get('output')?.at(-1) ?? '.'));
  if (tree.stat(directory)?.kind !== 'directory')
    throw new AlprootError('ALP_UNPACK_WRITE', `${quoteName(`/${directory}`)} is not a directory to fetch into`);
  const place = joinTree(directory, `${name}-${version}.apk`);
  tree.remove(place);
  tree.writeFile(place, readWhole(file), 0o644);
  giveTo(place, { request, tree, owners });
}

function giveTo(place: TreePath, { request, tree, owners }: Pick<FetchCall, 'request' | 'tree' | 'owners'>): void {
  const { uid, gid } = findPasswdEntry(tree, String(request.uid), 'USER');
  if (owners === 'apply') tree.setOwner(place, { uid, gid });
  else if (uid !== 0 || gid !== 0) request.owners.set(place, { uid, gid });
  else request.owners.delete(place);
}
