/** Files put into a stage's tree as COPY and ADD say: owners, modes, links and what lies there already. */
import { AlprootError } from '../core/errors.ts';
import { joinTree, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { CopyItem } from './copy-selection.ts';
import type { OwnedTree } from './layer.ts';
import { diskMode, forgetOwners, isBeyondDisk, ownedMode, type OwnerRecord } from './owners.ts';

/** `--chmod`: octal, or a symbolic change of the mode that the file has. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

export interface PutOptions {
  /** Undefined: the source's own, for files of a stage; 0:0 for the context. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly chmod: ModeChange | undefined;
  /** Whether the source's owners count (COPY --from) or all is root's (the context). */
  readonly keepOwners: boolean;
}

/**
 * Makes a directory and those above it with mode 755, as root's or the owner's of --chown; links on the way are
 * followed inside the tree. Returns where it is.
 */
export function makeParents(
  target: OwnedTree,
  path: TreePath,
  owner: { uid: number; gid: number } = { uid: 0, gid: 0 },
): TreePath {
  const resolved = target.tree.resolve(path);
  const found = target.tree.stat(resolved);
  if (resolved === TREE_ROOT || found?.kind === 'directory') return resolved;
  if (found !== undefined)
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `${quoteName(`/${resolved}`)} is in the way: not a directory`);
  makeParents(target, parentOf(resolved), owner);
  target.tree.makeDirectory(resolved, 0o755);
  setOwner(target, resolved, owner);
  return resolved;
}

/** Copies one selected entry below `directory`, or to `directory` itself when the item has no name of its own. */
export function putItem(
  source: OwnedTree,
  item: CopyItem,
  { target, directory, options }: { target: OwnedTree; directory: TreePath; options: PutOptions },
): void {
  const wanted = item.to === TREE_ROOT ? directory : joinTree(directory, item.to);
  const place = joinPlace(target, wanted);
  const from = ownedMode(item.from, item.stat, source);
  const isDirectory = item.stat.kind === 'directory';
  const mode = options.chmod?.(from.mode, isDirectory) ?? from.mode;
  const found = target.tree.stat(place);
  if (isDirectory) {
    const existing = target.tree.resolve(place);
    if (target.tree.stat(existing)?.kind === 'directory') {
      if (item.to === TREE_ROOT) return;
      applyOwner(target, existing, { ...from, mode }, options);
      return;
    }
    if (found !== undefined) refuseOverwrite(place, 'a directory', 'something else');
    target.tree.makeDirectory(place, mode & 0o1777);
  } else {
    if (found?.kind === 'directory') refuseOverwrite(place, 'a file', 'a directory');
    target.tree.remove(place);
    forgetOwners(target.owners, place);
    if (item.stat.kind === 'symlink') target.tree.makeSymlink(place, source.tree.readLink(item.from));
    else target.tree.copyFile(place, { tree: source.tree, path: item.from, mode: mode & 0o1777 });
    target.tree.setTime(place, item.stat.mtime);
  }
  const keep = options.keepOwners && !(item.isTop && isDirectory);
  applyOwner(
    target,
    place,
    { ...from, mode, ...(keep ? {} : { uid: 0, gid: 0 }), xattrs: options.keepOwners ? from.xattrs : {} },
    options,
  );
}

function refuseOverwrite(path: TreePath, what: string, over: string): never {
  throw new AlprootError('ALP_BUILD_INSTRUCTION', `cannot copy ${what} over ${over}: ${quoteName(`/${path}`)}`);
}

/** The parent is resolved inside the tree, the last name is taken as it is. */
const joinPlace = (target: OwnedTree, path: TreePath): TreePath => target.tree.resolve(path, { followLast: false });

function applyOwner(target: OwnedTree, path: TreePath, from: Required<OwnerRecord>, { owner }: PutOptions): void {
  setOwner(target, path, {
    uid: owner?.uid ?? from.uid,
    gid: owner?.gid ?? from.gid,
    mode: from.mode,
    xattrs: from.xattrs,
  });
}

/** Records an owner, and sets it on disk for root. */
export function setOwner({ tree, owners, real }: OwnedTree, path: TreePath, record: OwnerRecord): void {
  const kind = tree.stat(path)?.kind ?? 'other';
  const special = record.mode !== undefined && kind !== 'symlink' && isBeyondDisk(record.mode, kind);
  if (real) tree.setOwner(path, record);
  if (record.mode !== undefined) tree.setMode(path, real ? record.mode : diskMode(record.mode, kind));
  const xattrs = Object.keys(record.xattrs ?? {}).length > 0 ? { xattrs: record.xattrs ?? {} } : {};
  const plain = real || (record.uid === 0 && record.gid === 0 && !special);
  if (plain && !('xattrs' in xattrs)) owners.delete(path);
  else
    owners.set(path, {
      uid: record.uid,
      gid: record.gid,
      ...(special && !real ? { mode: record.mode ?? 0 } : {}),
      ...xattrs,
    });
}

/** `755`, `u+x,go-w`, `a=rX`; undefined when it is neither. @see chmod(1) */
export function parseModeChange(text: string): ModeChange | undefined {
  if (/^[0-7]{1,5}$/.test(text)) return () => parseInt(text, 8);
  const clauses = text.split(',').map((clause) => /^([ugoa]*)([+=-])([rwxXst]*)$/.exec(clause));
  if (clauses.some((clause) => clause === null)) return undefined;
  return (mode, isDirectory) =>
    clauses.reduce((current, clause) => {
      const [, who = '', operator = '', what = ''] = clause ?? [];
      return applyClause(current, { who: who === '' || who.includes('a') ? 'ugo' : who, operator, what, isDirectory });
    }, mode);
}

function applyClause(
  mode: number,
  { who, operator, what, isDirectory }: { who: string; operator: string; what: string; isDirectory: boolean },
): number {
  const bits =
    (what.includes('r') ? 4 : 0) |
    (what.includes('w') ? 2 : 0) |
    (what.includes('x') || (what.includes('X') && (isDirectory || (mode & 0o111) !== 0)) ? 1 : 0);
  let change =
    (what.includes('t') ? 0o1000 : 0) |
    (what.includes('s') && who.includes('u') ? 0o4000 : 0) |
    (what.includes('s') && who.includes('g') ? 0o2000 : 0);
  let mask = 0;
  for (const [name, shift] of [
    ['u', 6],
    ['g', 3],
    ['o', 0],
  ] as const) {
    if (!who.includes(name)) continue;
    change |= bits << shift;
    mask |= 7 << shift;
  }
  if (operator === '+') return mode | change;
  return operator === '-' ? mode & ~change : (mode & ~mask) | change;
}
