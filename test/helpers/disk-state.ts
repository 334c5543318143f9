/**
 * What a disk may hold after the power failed in a run that was traced. Harsher than journals are: a sync of a file
 * says nothing of its name, and the names of each directory may end at another moment; what was not synced of a file
 * may be missing, cut at any block, or of full length with blocks of zeros.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { applyNames, type Inode, makeInode, type NameChange, type Trace } from './disk-trace.ts';
import { type Choose, oneOf } from './random.ts';

const BLOCK = 4096;

export interface Loss {
  /** Calls that were made when the power failed. */
  readonly at: number;
  /**
   * `journal`: what happened to names is kept up to one moment, and a sync keeps all before it. `directories`: of each
   * directory up to another.
   */
  readonly names: 'journal' | 'directories';
  /**
   * What may be left of what was not synced: `zeros`, full length with some blocks of zeros; `blank`, full length and
   * nothing but zeros.
   */
  readonly data: readonly ('all' | 'none' | 'torn' | 'zeros' | 'blank')[];
  /** Where data is lost; everywhere, unless given. */
  readonly only?: RegExp | undefined;
  readonly pick: Choose;
}

/** Without any loss. */
export const whole = ({ length }: Trace): Loss => ({
  at: length,
  names: 'journal',
  data: ['all'],
  pick: (count) => count - 1,
});

export interface Rewriting {
  /** In names and in files: what told the machine's start. Same length. */
  readonly replace: readonly (readonly [from: string, to: string])[];
}

/** Makes the state in `place`, which is empty or has what was there before the run. */
export function makeState(trace: Trace, loss: Loss, place: string, { replace }: Rewriting): void {
  const entries = keptNames(trace, loss);
  const first = new Map<Inode, string>();
  const rewrite = (text: string): string => replace.reduce((value, [from, to]) => value.replaceAll(from, to), text);
  const visit = (inode: Inode, path: string): void => {
    for (const [name, child] of entries.get(inode) ?? []) {
      const target = join(path, rewrite(name));
      const known = first.get(child);
      first.set(child, target);
      if (child.kind === 'symlink') symlinkSync(Buffer.from(child.target, 'latin1'), Buffer.from(target, 'latin1'));
      else if (known !== undefined && child.kind === 'file') linkSync(known, target);
      else if (child.kind === 'file')
        writeFileSync(
          target,
          keptData(child, loss.only?.test(target) === false ? { ...loss, data: ['all'] } : loss, rewrite),
        );
      else if (known === undefined) {
        mkdirSync(target, { recursive: true });
        visit(child, target);
      }
      if (child.kind !== 'symlink' && existsSync(target)) chmodSync(target, child.mode & 0o7777);
    }
  };
  visit(trace.root, place);
}

/** The entries of each directory as they came to the disk. */
function keptNames({ names, syncs }: Trace, { at, names: order, pick }: Loss): Map<Inode, Map<string, Inode>> {
  const done = syncs.filter((sync) => sync.at <= at);
  const between = (lowest: number): number => (pick(2) === 0 ? at : lowest + pick(Math.floor(at - lowest) + 1));
  const last = between(done.at(-1)?.at ?? 0);
  const ends = new Map<Inode, number>();
  const endOf = (directory: Inode): number => {
    if (order === 'journal') return last;
    const known = ends.get(directory) ?? between(done.findLast(({ inode }) => inode === directory)?.at ?? 0);
    ends.set(directory, known);
    return known;
  };
  const entries = new Map<Inode, Map<string, Inode>>();
  for (const { at: when, sets } of names) {
    if (sets.some(({ directory }) => when > endOf(directory))) continue;
    for (const { directory, name, inode } of sets) {
      const own = entries.get(directory) ?? new Map<string, Inode>();
      entries.set(directory, own);
      if (inode === undefined) own.delete(name);
      else own.set(name, inode);
    }
  }
  return entries;
}

function keptData(inode: Inode, { at, data, pick }: Loss, rewrite: (text: string) => string): Buffer {
  const full = contentAt(inode, at);
  const synced = contentAt(inode, inode.data.findLast((one) => one.at <= at && one.change.kind === 'sync')?.at ?? -1);
  const kept = lose({ full, synced }, oneOf(pick, data), pick);
  return kept.length > 65_536 ? kept : Buffer.from(rewrite(kept.toString('latin1')), 'latin1');
}

function lose(
  { full, synced }: { readonly full: Buffer; readonly synced: Buffer },
  how: Loss['data'][number],
  pick: Choose,
): Buffer {
  if (how === 'all' || full.equals(synced)) return full;
  if (how === 'none') return synced;
  if (how === 'torn')
    return full.subarray(0, synced.length + BLOCK * pick(Math.ceil((full.length - synced.length) / BLOCK) + 1));
  const zeroed = Buffer.from(full);
  for (let block = 0; block < full.length; block += BLOCK) {
    if (how === 'zeros' && pick(3) > 0) continue;
    const end = Math.min(full.length, block + BLOCK);
    zeroed.fill(0, block, end);
    synced.copy(zeroed, block, Math.min(block, synced.length), Math.min(end, synced.length));
  }
  return zeroed;
}

/** The bytes that a file has at least, once the change is made. */
function sizeAfter(change: Inode['data'][number]['change']): number {
  if (change.kind === 'write') return change.offset + change.bytes.length;
  return change.kind === 'size' ? change.size : 0;
}

function contentAt(inode: Inode, at: number): Buffer {
  const changes = inode.data.filter((one) => one.at <= at).map(({ change }) => change);
  let size = 0;
  const content = Buffer.alloc(changes.reduce((most, change) => Math.max(most, sizeAfter(change)), 0));
  for (const change of changes) {
    if (change.kind === 'write') {
      change.bytes.copy(content, change.offset);
      size = Math.max(size, change.offset + change.bytes.length);
    } else if (change.kind === 'size') {
      content.fill(0, change.size);
      size = change.size;
    }
  }
  return content.subarray(0, size);
}

/**
 * Enters into the trace what it has not seen, from the disk as it is at the end: work of processes in a sandbox, as if
 * it had been done, unsynced, just before the directory around it was moved to where it is.
 *
 * @returns how many entries
 */
export function enterUnseen(trace: Trace, place: string): number {
  const moved = new Map(
    trace.names.filter(({ sets }) => sets.length === 2).map(({ at, sets }) => [sets[1]?.inode, at]),
  );
  const unseen: NameChange[] = [];
  const visit = (directory: Inode, path: string, before: number): void => {
    const onDisk = existsSync(path) ? readdirSync(path, { encoding: 'latin1' }) : [];
    for (const name of directory.entries.keys())
      if (!onDisk.includes(name)) unseen.push({ at: before, sets: [{ directory, name, inode: undefined }] });
    for (const name of onDisk) {
      const known = directory.entries.get(name);
      const end = Math.min(before, (moved.get(known) ?? Infinity) - 0.5);
      const now = matching(known, Buffer.from(join(path, name), 'latin1'), end);
      if (now !== known) unseen.push({ at: before, sets: [{ directory, name, inode: now }] });
      if (now.kind === 'directory') visit(now, join(path, name), end);
    }
  };
  visit(trace.root, place, trace.length);
  for (const { sets } of unseen) applyNames(sets);
  trace.names.push(...unseen);
  trace.names.sort((a, b) => a.at - b.at);
  return unseen.length;
}

function kindOf(stat: Stats): Inode['kind'] {
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'file';
}

/** The inode that the trace knows, with what is on the disk now; another one where it is something else. */
function matching(known: Inode | undefined, path: Buffer, at: number): Inode {
  const stat = lstatSync(path);
  const kind = kindOf(stat);
  const target = kind === 'symlink' ? readlinkSync(path, { encoding: 'latin1' }) : '';
  const inode = known?.kind === kind && known.target === target ? known : makeInode(kind, stat.mode, target);
  inode.mode = stat.mode;
  if (kind !== 'file') return inode;
  const bytes = readFileSync(path);
  if (!bytes.equals(contentAt(inode, Infinity)))
    inode.data.push({ at, change: { kind: 'size', size: 0 } }, { at, change: { kind: 'write', offset: 0, bytes } });
  return inode;
}
