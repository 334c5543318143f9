/**
 * What a run did to the files below one directory, call by call, from the output of strace: names, bytes and syncs, so
 * that the states of a disk that lost power meanwhile can be made. Calls under names of a sandbox are not seen.
 */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Inode {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly target: string;
  mode: number;
  /** Changes of what is in it, in order. */
  readonly data: { readonly at: number; readonly change: DataChange }[];
  /** As the run sees it while the trace is read. */
  content: Buffer;
  readonly entries: Map<string, Inode>;
}

type DataChange =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'size'; readonly size: number }
  | { readonly kind: 'sync' };

/** Entries that a call sets, or takes away where there is no inode: all of them happen or none. */
export interface NameChange {
  readonly at: number;
  readonly sets: readonly { readonly directory: Inode; readonly name: string; readonly inode: Inode | undefined }[];
}

export interface Trace {
  readonly root: Inode;
  readonly names: NameChange[];
  /** Syncs of directories and files, in order. */
  readonly syncs: { readonly at: number; readonly inode: Inode }[];
  /** Number of calls. */
  readonly length: number;
}

/** Arguments of strace for `readTrace`. */
export const traceArgs = (log: string): string[] => [
  '-f',
  '-y',
  '-qq',
  '-xx',
  '-s',
  '16777216',
  '-o',
  log,
  '-e',
  'signal=none',
  '-e',
  'trace=openat,open,creat,write,pwrite64,writev,pwritev,/^rename,/^link,/^unlink,rmdir,/^mkdir,/^symlink,/truncate,fsync,fdatasync,copy_file_range,sendfile,/chmod,clone,clone3',
];

export const makeInode = (kind: Inode['kind'], mode: number, target = ''): Inode => ({
  kind,
  mode,
  target,
  data: [],
  content: Buffer.alloc(0),
  entries: new Map(),
});

interface Descriptor {
  readonly inode: Inode;
  position: number;
}

interface Reading {
  readonly place: string;
  readonly trace: Trace & { length: number };
  /** By process, then by number. */
  readonly tables: Map<string, Map<number, Descriptor>>;
}

interface Call {
  readonly pid: string;
  readonly name: string;
  readonly args: string;
  readonly result: string;
}

/**
 * @param log what strace wrote with `traceArgs`;
 * @param place what lay in it before the run is left out, as is what was done to that
 */
export function readTrace(log: string, place: string): Trace {
  const reading: Reading = {
    place,
    trace: { root: makeInode('directory', 0o755), names: [], syncs: [], length: 0 },
    tables: new Map(),
  };
  for (const call of callsOf(log)) {
    reading.trace.length++;
    if (!call.result.startsWith('-1')) executeCall(reading, call);
  }
  return reading.trace;
}

function* linesOf(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(8 * 1024 * 1024);
    let rest = '';
    for (let count = -1; (count = readSync(fd, buffer)) > 0;) {
      const lines = (rest + buffer.toString('latin1', 0, count)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    closeSync(fd);
  }
}

/** Calls in the order in which they ended. */
function* callsOf(log: string): Generator<Call> {
  const open = new Map<string, string>();
  for (const line of linesOf(log)) {
    const space = line.indexOf(' ');
    const pid = line.slice(0, space);
    let text = line.slice(space).trimStart();
    if (text.endsWith('<unfinished ...>')) {
      open.set(pid, text.slice(0, -'<unfinished ...>'.length).trimEnd());
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text);
    if (resumed !== null) text = (open.get(pid) ?? '') + text.slice(resumed[0].length);
    const start = text.indexOf('(');
    const end = text.lastIndexOf(' = ');
    if (start > 0 && end > 0)
      yield { pid, name: text.slice(0, start), args: text.slice(start + 1, end), result: text.slice(end + 3) };
  }
}

const decode = (text: string): string => Buffer.from(text.replaceAll('\\x', ''), 'hex').toString('latin1');
const stringsOf = (args: string): string[] =>
  [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = '']) => text);
const bytesOf = (args: string): Buffer =>
  Buffer.concat(stringsOf(args).map((text) => Buffer.from(text.replaceAll('\\x', ''), 'hex')));
const pathsOf = (args: string): string[] => stringsOf(args).map(decode);
/** Descriptors that are annotated with their path. */
const descriptorsOf = (args: string): { readonly fd: number; readonly path: string }[] =>
  [...args.matchAll(/(?:^|[ ({])(\d+)<((?:\\x[0-9a-f]{2})+)>/g)].map(([, fd, path = '']) => ({
    fd: Number(fd),
    path: decode(path),
  }));
/** Of the last argument. */
const lastNumber = (args: string): number => Number(/(\d+)\)\s*$/.exec(args)?.[1] ?? 0);

function tableOf({ tables }: Reading, pid: string): Map<number, Descriptor> {
  const known = tables.get(pid) ?? new Map<number, Descriptor>();
  tables.set(pid, known);
  return known;
}

interface Spot {
  readonly directory: Inode;
  readonly name: string;
}

/** Where a path leads, without following a link in its last place; undefined outside of the place. */
function spotOf(reading: Reading, pid: string, path: string): Spot | undefined {
  const own = /^\/proc\/(?:self|\d+)\/fd\/(\d+)(?:\/(.*))?$/s.exec(path);
  const start = own === null ? reading.trace.root : tableOf(reading, pid).get(Number(own[1]))?.inode;
  const rest = own === null ? relativeTo(reading.place, path) : own[2];
  if (start === undefined || rest === undefined || rest === '') return undefined;
  const parts = rest.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.pop();
  const directory = parts.reduce<Inode | undefined>((at, part) => at?.entries.get(part), start);
  return name === undefined || directory === undefined ? undefined : { directory, name };
}

function relativeTo(place: string, path: string): string | undefined {
  if (path.startsWith(`${place}/`)) return path.slice(place.length + 1);
  return path.startsWith('/') ? undefined : path;
}

function inodeAt(reading: Reading, pid: string, path: string): Inode | undefined {
  const own = /^\/proc\/(?:self|\d+)\/fd\/(\d+)$/.exec(path);
  if (own !== null) return tableOf(reading, pid).get(Number(own[1]))?.inode;
  if (path === reading.place) return reading.trace.root;
  const spot = spotOf(reading, pid, path);
  return spot?.directory.entries.get(spot.name);
}

function descriptorAt(
  reading: Reading,
  pid: string,
  { fd, path }: { readonly fd: number; readonly path: string },
): Descriptor | undefined {
  const known = tableOf(reading, pid).get(fd);
  if (known !== undefined) return known;
  const inode = inodeAt(reading, pid, path);
  return inode === undefined ? undefined : { inode, position: 0 };
}

/** Applies a change of names to the directories themselves. */
export function applyNames(sets: NameChange['sets']): void {
  for (const { directory, name, inode } of sets) {
    if (inode === undefined) directory.entries.delete(name);
    else directory.entries.set(name, inode);
  }
}

function setNames({ trace }: Reading, sets: NameChange['sets']): void {
  applyNames(sets);
  trace.names.push({ at: trace.length, sets });
}

function changeData({ trace }: Reading, inode: Inode, change: DataChange): void {
  inode.data.push({ at: trace.length, change });
  inode.content = applyChange(inode.content, change);
}

/** What a file holds after one more change. */
export function applyChange(content: Buffer, change: DataChange): Buffer {
  if (change.kind === 'sync') return content;
  const size = change.kind === 'size' ? change.size : Math.max(content.length, change.offset + change.bytes.length);
  const grown =
    size === content.length
      ? content
      : Buffer.concat([content.subarray(0, size), Buffer.alloc(Math.max(0, size - content.length))]);
  if (change.kind === 'write') change.bytes.copy(grown, change.offset);
  return grown;
}

type Handler = (reading: Reading, call: Call) => void;

const written =
  (bytesFrom: (args: string) => Buffer, hasOffset: boolean): Handler =>
  (reading, { pid, args, result }) => {
    const [where] = descriptorsOf(args);
    const descriptor = where === undefined ? undefined : descriptorAt(reading, pid, where);
    if (descriptor === undefined || descriptor.inode.kind !== 'file') return;
    const bytes = bytesFrom(args).subarray(0, Number(result.trim()));
    changeData(reading, descriptor.inode, {
      kind: 'write',
      offset: hasOffset ? lastNumber(args) : descriptor.position,
      bytes,
    });
    if (!hasOffset) descriptor.position += bytes.length;
  };

const opened: Handler = (reading, { pid, name, args, result }) => {
  const [target] = descriptorsOf(` ${result}`);
  if (target === undefined) return;
  const table = tableOf(reading, pid);
  table.delete(target.fd);
  let inode = inodeAt(reading, pid, target.path);
  if (inode === undefined && (args.includes('O_CREAT') || name === 'creat')) {
    const spot = spotOf(reading, pid, target.path);
    if (spot === undefined) return;
    inode = makeInode('file', Number.parseInt(/0[0-7]{2,4}(?=\)?\s*$)/.exec(args.trimEnd())?.[0] ?? '0644', 8));
    setNames(reading, [{ ...spot, inode }]);
  } else if (inode !== undefined && (args.includes('O_TRUNC') || name === 'creat'))
    changeData(reading, inode, { kind: 'size', size: 0 });
  if (inode !== undefined)
    table.set(target.fd, { inode, position: args.includes('O_APPEND') ? inode.content.length : 0 });
};

const copied =
  (from: number, to: number): Handler =>
  (reading, { pid, args, result }) => {
    const both = descriptorsOf(args);
    const [source, target] = [both[from], both[to]].map((one) =>
      one === undefined ? undefined : descriptorAt(reading, pid, one),
    );
    const count = Number(result.trim());
    if (target?.inode.kind !== 'file' || source === undefined) return;
    const start = Number(/\[(\d+)\]/.exec(args)?.[1] ?? source.position);
    changeData(reading, target.inode, {
      kind: 'write',
      offset: target.position,
      bytes: Buffer.from(source.inode.content.subarray(start, start + count)),
    });
    target.position += count;
    if (!args.includes('[')) source.position += count;
  };

const made =
  (kind: 'directory' | 'symlink'): Handler =>
  (reading, { pid, args }) => {
    const paths = pathsOf(args);
    const spot = spotOf(reading, pid, paths.at(-1) ?? '');
    if (spot === undefined) return;
    const mode = kind === 'directory' ? Number.parseInt(/(0\d+)\)\s*$/.exec(args)?.[1] ?? '0755', 8) & 0o7755 : 0o777;
    setNames(reading, [{ ...spot, inode: makeInode(kind, mode, kind === 'symlink' ? paths[0] : '') }]);
  };

const removed: Handler = (reading, { pid, args }) => {
  const spot = spotOf(reading, pid, pathsOf(args)[0] ?? '');
  if (spot !== undefined) setNames(reading, [{ ...spot, inode: undefined }]);
};

const moved: Handler = (reading, { pid, args }) => {
  const [from, to] = pathsOf(args).map((path) => spotOf(reading, pid, path));
  const inode = from?.directory.entries.get(from.name);
  if (from === undefined || to === undefined) return;
  const other = args.includes('RENAME_EXCHANGE') ? to.directory.entries.get(to.name) : undefined;
  setNames(reading, [
    { ...from, inode: other },
    { ...to, inode },
  ]);
};

const linked: Handler = (reading, { pid, args }) => {
  const [source = '', target = ''] = pathsOf(args);
  const inode = inodeAt(reading, pid, source);
  const spot = spotOf(reading, pid, target);
  if (inode !== undefined && spot !== undefined) setNames(reading, [{ ...spot, inode }]);
};

const sized: Handler = (reading, { pid, args }) => {
  const [where] = descriptorsOf(args);
  const inode =
    where === undefined ? inodeAt(reading, pid, pathsOf(args)[0] ?? '') : descriptorAt(reading, pid, where)?.inode;
  if (inode !== undefined) changeData(reading, inode, { kind: 'size', size: lastNumber(args) });
};

const synced: Handler = (reading, { pid, args }) => {
  const [where] = descriptorsOf(args);
  const inode = where === undefined ? undefined : descriptorAt(reading, pid, where)?.inode;
  if (inode === undefined) return;
  if (inode.kind === 'file') changeData(reading, inode, { kind: 'sync' });
  reading.trace.syncs.push({ at: reading.trace.length, inode });
};

/** By its path where the call has one, else by its descriptor. */
function modedInode(reading: Reading, pid: string, args: string): Inode | undefined {
  const [where] = descriptorsOf(args);
  const path = pathsOf(args)[0];
  if (path !== undefined) return inodeAt(reading, pid, path);
  return where === undefined ? undefined : descriptorAt(reading, pid, where)?.inode;
}

/** Modes count from the beginning: they are in the journal before the name is. */
const moded: Handler = (reading, { pid, args }) => {
  const inode = modedInode(reading, pid, args);
  if (inode !== undefined) inode.mode = Number.parseInt(/, (0\d+)/.exec(args)?.[1] ?? '0644', 8);
};

const forked: Handler = ({ tables }, { pid, args, result }) => {
  const child = /^(\d+)/.exec(result)?.[1];
  const own = tables.get(pid);
  if (child !== undefined && own !== undefined) tables.set(child, args.includes('CLONE_FILES') ? own : new Map(own));
};

const HANDLERS: Readonly<Record<string, Handler>> = {
  open: opened,
  openat: opened,
  creat: opened,
  clone: forked,
  clone3: forked,
  write: written(bytesOf, false),
  pwrite64: written(bytesOf, true),
  writev: written(bytesOf, false),
  pwritev: written(bytesOf, true),
  copy_file_range: copied(0, 1),
  sendfile: copied(1, 0),
  mkdir: made('directory'),
  mkdirat: made('directory'),
  symlink: made('symlink'),
  symlinkat: made('symlink'),
  unlink: removed,
  unlinkat: removed,
  rmdir: removed,
  rename: moved,
  renameat: moved,
  renameat2: moved,
  link: linked,
  linkat: linked,
  ftruncate: sized,
  truncate: sized,
  fsync: synced,
  fdatasync: synced,
  chmod: moded,
  fchmod: moded,
  fchmodat: moded,
};

const executeCall = (reading: Reading, call: Call): void => HANDLERS[call.name]?.(reading, call);
