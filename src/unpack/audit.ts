/**
 * What of a tree differs from its package database. Beside the three audits of apk one of our own, `packages`:
 * every file that is missing, wherever it was, and every file that differs and is not configuration.
 *
 * @see apk-tools 3.0 src/app_audit.c
 */
import { joinTree, nameOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { isAlprootError } from '../core/errors.ts';
import type { PackageRecord } from '../core/package.ts';
import type { Acl, InstalledFile } from '../formats/apk/installed-db.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import type { Database } from './database.ts';
import { createProtection, isProtecting, protectionLines, type Protection } from './protected-paths.ts';
import { contentChecksum, digestMarked } from './package-removal.ts';
import { hostMode, type OwnerPolicy } from './minirootfs-unpack.ts';

/**
 * apk's letters: added, changed, missing, unreadable; a directory nobody owns; modes or owners of a file, of a
 * directory.
 */
export type AuditReason = 'A' | 'U' | 'X' | 'e' | 'D' | 'd' | 'M' | 'm';

export interface AuditFinding {
  readonly reason: AuditReason;
  /** A directory's ends in a slash. */
  readonly path: string;
  /** Whose file it is. */
  readonly record: PackageRecord | undefined;
}

/** `backup`: edited configuration; `system`: changed system files; `full`: both, and what nobody owns. */
export type AuditMode = 'packages' | 'backup' | 'system' | 'full';

export interface AuditOptions {
  readonly mode: AuditMode;
  /** Whether modes and owners count; 'record': as an ordinary user's tree has them, without owners and set-id bits. */
  readonly permissions?: OwnerPolicy | undefined;
  /** Look into directories that nobody owns. */
  readonly recursive?: boolean;
}

interface OwnedFile {
  readonly file: InstalledFile;
  readonly record: PackageRecord;
  readonly algorithm: 'sha1' | 'sha256';
}

interface Audit {
  readonly tree: WorkTree;
  readonly options: AuditOptions;
  readonly files: ReadonlyMap<TreePath, OwnedFile>;
  readonly directories: ReadonlyMap<TreePath, Acl>;
  readonly protectionOf: (path: TreePath) => Protection;
  readonly findings: AuditFinding[];
}

const FULL_LINES = [
  '+etc',
  '@etc/init.d',
  ...['dev', 'home', 'lib/apk', 'lib/rc/cache', 'proc', 'root', 'run', 'sys', 'tmp', 'var'].map((path) => `-${path}`),
];

/** Findings sorted by path. */
export function auditTree(
  tree: WorkTree,
  { packages }: Pick<Database, 'packages'>,
  options: AuditOptions,
): AuditFinding[] {
  const files = new Map<TreePath, OwnedFile>();
  const directories = new Map<TreePath, Acl>();
  for (const { record, broken, directories: own } of packages) {
    for (const { path, acl, files: inside } of own) {
      if (!directories.has(path)) directories.set(path, acl);
      for (const file of inside)
        files.set(joinTree(path, file.name), { file, record, algorithm: digestMarked(broken) });
    }
  }
  const protectionOf = createProtection(options.mode === 'full' ? FULL_LINES : protectionLines(tree));
  const audit: Audit = { tree, options, files, directories, protectionOf, findings: [] };
  if (options.mode === 'packages') auditPackages(audit);
  else auditWalk(audit);
  return audit.findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function auditPackages(audit: Audit): void {
  const {
    tree,
    files,
    directories,
    findings,
    options: { permissions },
  } = audit;
  for (const [path, acl] of directories) {
    const stat = tree.stat(tree.resolve(path));
    if (path !== TREE_ROOT && stat?.kind === 'directory' && isOtherwise(stat, acl, permissions))
      findings.push({ reason: 'm', path: `${path}/`, record: undefined });
  }
  for (const [path, owned] of files) {
    const reason = fileReason(audit, tree.resolve(path, { followLast: false }), owned);
    if (reason === undefined || (reason === 'U' && isProtecting(audit.protectionOf(path)))) continue;
    findings.push({ reason, path, record: owned.record });
  }
}

/** Walks the tree as apk does: missing files show where their directories are there. */
function auditWalk(audit: Audit): void {
  const {
    tree,
    files,
    options: { mode },
    findings,
  } = audit;
  const walked = new Set<TreePath>([TREE_ROOT]);
  const met = new Set<TreePath>();
  const stack: TreePath[] = [TREE_ROOT];
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    const entries = entriesOf(audit, directory);
    if (entries === undefined) walked.delete(directory);
    for (const path of entries ?? []) {
      const stat = tree.stat(path);
      if (stat === undefined) continue;
      if (stat.kind !== 'directory') {
        met.add(path);
        auditEntry(audit, path, stat);
      } else if (auditDirectory(audit, path, stat)) {
        walked.add(path);
        stack.push(path);
      }
    }
  }
  if (mode === 'backup') return;
  for (const [path, { record }] of files) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/'))) as TreePath;
    if (!met.has(path) && walked.has(parent) && audit.protectionOf(path) !== 'ignored')
      findings.push({ reason: 'X', path, record });
  }
}

/** What lies in a directory; one that may not be looked into is a finding. */
function entriesOf({ tree, findings }: Audit, directory: TreePath): TreePath[] | undefined {
  try {
    return tree.list(directory).map((name) => joinTree(directory, name));
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    findings.push({ reason: 'e', path: `${directory}/`, record: undefined });
    return undefined;
  }
}

/** @returns whether to go on inside */
function auditDirectory(
  { options, directories, protectionOf, findings }: Audit,
  path: TreePath,
  stat: TreeStat,
): boolean {
  const { mode, permissions, recursive = false } = options;
  const acl = directories.get(path);
  if (mode === 'system' && acl === undefined) return false;
  const protection = protectionOf(path);
  if (mode === 'backup' ? !isProtecting(protection) : mode === 'full' && protection !== 'none') return true;
  if (acl === undefined) findings.push({ reason: recursive ? 'd' : 'D', path: `${path}/`, record: undefined });
  else if (isOtherwise(stat, acl, permissions)) findings.push({ reason: 'm', path: `${path}/`, record: undefined });
  return acl !== undefined || recursive;
}

function auditEntry(audit: Audit, path: TreePath, stat: TreeStat): void {
  const {
    files,
    findings,
    options: { mode },
  } = audit;
  const owned = files.get(path);
  const protection = audit.protectionOf(path);
  if (mode === 'system' && (owned === undefined || isProtecting(protection))) return;
  if (mode === 'full' && protection !== 'none' && (protection !== 'symlinks' || stat.kind === 'symlink')) return;
  const always = mode === 'backup' && protection === 'all';
  if (mode === 'backup') {
    if (!isProtecting(protection) || (protection === 'symlinks' && stat.kind !== 'symlink')) return;
    if ((owned === undefined || always) && nameOf(path).endsWith('.apk-new')) return;
  }
  const reason = always || owned === undefined ? 'A' : fileReason(audit, path, owned);
  if (reason !== undefined) findings.push({ reason, path, record: owned?.record });
}

function fileReason(
  { tree, options: { permissions } }: Audit,
  path: TreePath,
  { file, algorithm }: OwnedFile,
): AuditReason | undefined {
  try {
    const stat = tree.stat(path);
    if (stat === undefined) return 'X';
    if (file.checksum === '' ? stat.kind === 'symlink' : contentChecksum(tree, path, algorithm) !== file.checksum)
      return 'U';
    return stat.kind !== 'symlink' && isOtherwise(stat, file.acl, permissions) ? 'M' : undefined;
  } catch (error) {
    if (isAlprootError(error)) return 'e';
    throw error;
  }
}

function isOtherwise(stat: TreeStat, { uid, gid, mode }: Acl, permissions: OwnerPolicy | undefined): boolean {
  if (permissions === undefined) return false;
  return (
    (stat.mode & 0o7777) !== hostMode(mode, permissions) ||
    (permissions === 'apply' && (stat.uid !== uid || stat.gid !== gid))
  );
}

/** `U etc/hosts`, the path alone when quiet; with `packages` the packages concerned, once each. */
export function formatAudit(
  findings: readonly AuditFinding[],
  options: { readonly verbosity: number; readonly packages: boolean },
): string[] {
  if (!options.packages)
    return findings.map(({ reason, path }) => (options.verbosity < 1 ? path : `${reason} ${path}`));
  return [
    ...new Set(
      findings.flatMap(({ record }) =>
        record === undefined ? [] : [options.verbosity < 1 ? record.name : `${record.name}-${record.version}`],
      ),
    ),
  ];
}
