/**
 * Scripts whose compiled form is kept beside them, or in the user's cache, so that V8 need not compile them at every
 * start. A compiled form that is missing, damaged, foreign or of another script is left aside: a start without it is
 * only slower.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';

/**
 * The value of a script.
 *
 * @param path a file of ASCII text, as the build writes it
 * @param use what it is loaded for; a compiled form holds the functions that were used
 */
export function loadCompiled(path: string, use: string): unknown {
  const { source, owner, places } = readScript(path, use);
  const cachedData = firstOf(places, (place) => readOwn(place, owner));
  const script = new Script(source, { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
  if (cachedData === undefined || script.cachedDataRejected === true)
    process.once('exit', (status) => status === 0 && keep(script, places));
  return script.runInThisContext();
}

interface ScriptFile {
  readonly source: string;
  readonly owner: number;
  /**
   * Where its compiled form would be: named by all that it depends on, since V8 itself compares little more than
   * lengths.
   */
  readonly places: readonly string[];
}

function readScript(path: string, use: string): ScriptFile {
  const fd = openSync(path, 'r');
  try {
    const { size, mtimeMs, ino, uid } = fstatSync(fd);
    const name = `${prefixOf(path, use)}${size}-${Math.floor(mtimeMs)}-${ino}.cache`;
    return {
      source: readFileSync(fd, 'latin1'),
      owner: uid,
      places: [join(dirname(path), name), ...userCaches().map((base) => join(base, 'alproot-code', name))],
    };
  } finally {
    closeSync(fd);
  }
}

/** None for a user that no HOME and no list of users knows, as in a container that was started with a bare number. */
function userCaches(): string[] {
  const named = process.env['XDG_CACHE_HOME'];
  if (named !== undefined && isAbsolute(named)) return [named];
  try {
    return [join(homedir(), '.cache')].filter(isAbsolute);
  } catch {
    return [];
  }
}

const prefixOf = (path: string, use: string): string =>
  `${basename(path, '.cjs')}-${process.version}-${process.arch}-${use}-`;

function firstOf<T>(places: readonly string[], read: (place: string) => T | undefined): T | undefined {
  for (const place of places) {
    const found = read(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What V8 runs must be ours, and ours alone to write: somebody else's file would be somebody else's program. */
function readOwn(path: string, owner: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { uid, mode } = fstatSync(fd);
    return (mode & 0o022) === 0 && (uid === process.getuid?.() || uid === 0 || uid === owner)
      ? readFileSync(fd)
      : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** In the first place that can be written; after the work, so that what was used is in it. */
function keep(script: Script, places: readonly string[]): void {
  const bytes = script.createCachedData();
  for (const path of places) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${process.pid}`;
      writeDurably(temporary, bytes);
      renameSync(temporary, path);
      removeOthers(path);
      return;
    } catch {
      // The next place, or none.
    }
  }
}

/** V8 runs what it finds there, and dies of what a power failure turned into zeros: at every start. */
function writeDurably(path: string, bytes: Buffer): void {
  const fd = openSync(path, 'wx', 0o644);
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Those of scripts that were replaced. */
function removeOthers(path: string): void {
  const own = basename(path);
  const prefix = own.replace(/[^-]+-[^-]+-[^-]+$/, '');
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix) && name.endsWith('.cache') && name !== own)
      rmSync(join(dirname(path), name), { force: true });
  }
}
