/**
 * Where everything goes in the root that a command sees, as data. A read-only tree is never touched: directories
 * that lack a mount point are replaced by a tmpfs that shows their entries. In a writable tree missing mount points
 * are made, and removed afterwards. No component of a mount point may be a link.
 */
import { AlprootError } from '../core/errors.ts';
import { insidePath, joinHost, joinTree, TREE_ROOT, type HostPath, type TreePath } from '../core/paths.ts';
import type { RunDescription } from '../core/run-description.ts';
import { quoteName } from '../core/redact.ts';
import { isDirectory } from '../system/files/host-paths.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

/** One step; `at` is absolute, as seen inside. */
export type MountOp =
  | { readonly op: 'tmpfs'; readonly at: string }
  | {
      readonly op: 'bind';
      readonly source: HostPath;
      readonly at: string;
      readonly writable: boolean;
      readonly kind: 'directory' | 'file';
    }
  | { readonly op: 'symlink'; readonly target: string; readonly at: string }
  | { readonly op: 'mkdir'; readonly at: string }
  | { readonly op: 'proc'; readonly at: '/proc' }
  | { readonly op: 'dev'; readonly at: '/dev' };

export interface MountPlan {
  readonly ops: readonly MountOp[];
  /** Entries made in a writable tree as mount points, deepest last. */
  readonly made: readonly TreePath[];
  /** Those that an overlay of the tree has to have, deepest last. */
  readonly missing: readonly Target[];
}

const path = (text: string): TreePath => text as TreePath;

/** A mount point, and what is mounted there. */
export interface Target {
  readonly at: TreePath;
  readonly kind: 'directory' | 'file';
}

/** @throws ALP_RUN_MOUNT for a mount point that passes a link or a file */
export function planMounts(description: RunDescription, tree: WorkTree): MountPlan {
  // A writable tree has the /tmp of its own, or none.
  const standard = (description.writable ? ['dev', 'proc'] : STANDARD).map((at): Target => ({
    at: path(at),
    kind: 'directory',
  }));
  const targets = description.mounts.map((mount): Target => ({
    at: mount.target,
    kind: mount.kind === 'tmpfs' || isDirectory(mount.source) ? 'directory' : 'file',
  }));
  const gaps = findGaps([...standard, ...targets], tree);
  const made = description.writable && description.changes === undefined ? fillGaps(gaps, tree) : [];
  const ops: MountOp[] = [];
  if (description.writable || !gaps.some(({ parent }) => parent === TREE_ROOT)) {
    ops.push({ op: 'bind', source: description.tree, at: '/', writable: description.writable, kind: 'directory' });
  }
  if (!description.writable) {
    for (const parent of [...new Set(gaps.map((gap) => gap.parent))].sort())
      ops.push(...expansion(parent, description, tree));
    for (const { at, kind } of gaps) if (kind === 'directory') ops.push({ op: 'mkdir', at: insidePath(at) });
  }
  ops.push({ op: 'dev', at: '/dev' }, { op: 'proc', at: '/proc' });
  if (!description.writable) ops.push({ op: 'tmpfs', at: '/tmp' });
  for (const [index, mount] of description.mounts.entries()) {
    const at = insidePath(mount.target);
    const kind = targets[index]?.kind ?? 'directory';
    // Under /tmp, or under an earlier mount, the tree's own entries do not show: the directory is made on the spot.
    if (kind === 'directory' && !description.writable && at.startsWith('/tmp/')) ops.push({ op: 'mkdir', at });
    ops.push(
      mount.kind === 'tmpfs'
        ? { op: 'tmpfs', at }
        : { op: 'bind', source: mount.source, at, writable: mount.writable, kind },
    );
  }
  return { ops, made, missing: description.changes === undefined ? [] : gaps };
}

const STANDARD = ['dev', 'proc', 'tmp'];

interface Gap extends Target {
  /** The deepest directory of the tree above it. */
  readonly parent: TreePath;
}

/** Mount points, and directories above them, that the tree does not have, shallow first. */
function findGaps(targets: readonly Target[], tree: WorkTree): Gap[] {
  const gaps: Gap[] = [];
  const covered: TreePath[] = [];
  for (const { at, kind } of targets) {
    if (!covered.some((mount) => at.startsWith(`${mount}/`))) gaps.push(...gapsOf({ at, kind }, tree));
    covered.push(at);
  }
  const seen = new Set<TreePath>();
  return gaps.filter((gap) => !seen.has(gap.at) && seen.add(gap.at)).sort((a, b) => (a.at < b.at ? -1 : 1));
}

function gapsOf({ at, kind }: Target, tree: WorkTree): Gap[] {
  const gaps: Gap[] = [];
  const parts = at.split('/');
  let parent = TREE_ROOT;
  for (let depth = 1; depth <= parts.length; depth++) {
    const step = path(parts.slice(0, depth).join('/'));
    const last = depth === parts.length;
    const found = gaps.length > 0 ? undefined : tree.stat(step)?.kind;
    const refuse = (why: string): never => {
      throw new AlprootError(
        'ALP_RUN_MOUNT',
        `cannot mount on ${quoteName(`/${at}`)}: ${quoteName(`/${step}`)} ${why}`,
      );
    };
    if (found === undefined) gaps.push({ at: step, kind: last ? kind : 'directory', parent });
    else if (found === 'symlink') refuse('is a link of the tree');
    else if ((found === 'directory') !== (last ? kind === 'directory' : true)) refuse(`is a ${found}`);
    else parent = step;
  }
  return gaps;
}

function fillGaps(gaps: readonly Gap[], tree: WorkTree): TreePath[] {
  return gaps.map(({ at, kind }) => {
    if (kind === 'directory') tree.makeDirectory(at, 0o755);
    else tree.writeFile(at, new Uint8Array(0), 0o644);
    return at;
  });
}

/** A tmpfs in place of a directory of the tree, with the directory's entries shown in it. */
function expansion(directory: TreePath, description: RunDescription, tree: WorkTree): MountOp[] {
  const ops: MountOp[] = [{ op: 'tmpfs', at: insidePath(directory) }];
  for (const name of tree.list(directory)) {
    const entry = joinTree(directory, name);
    const kind = tree.stat(entry)?.kind;
    const at = insidePath(entry);
    if (kind === 'symlink')
      ops.push({ op: 'symlink', target: Buffer.from(tree.readLink(entry), 'latin1').toString('utf8'), at });
    else if (kind === 'directory' || kind === 'file')
      ops.push({ op: 'bind', source: joinHost(description.tree, at.slice(1)), at, writable: false, kind });
  }
  return ops;
}

/** Removes entries made to mount on, as far as they are still empty. @param made deepest last */
export function removeMountPoints(tree: WorkTree, made: readonly TreePath[]): void {
  for (const at of [...made].reverse()) {
    const found = tree.stat(at);
    if (found?.kind === 'file' && found.sizeBytes === 0) tree.remove(at);
    else if (found?.kind === 'directory' && tree.list(at).length === 0) tree.remove(at);
  }
}
