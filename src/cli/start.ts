/**
 * The first file of the built program. `--version` needs nothing else; everything else is one large script, whose
 * compiled form is kept beside it (or in the user's cache) so that V8 need not compile it at every start.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { version } from './version.ts';

declare const __filename: string;

const ENGINE = join(dirname(__filename), 'engine.cjs');

function start(): void {
  const { source, places } = readEngine();
  const cachedData = places.map(readCache).find((bytes) => bytes !== undefined);
  const script = new Script(source, { filename: ENGINE, ...(cachedData === undefined ? {} : { cachedData }) });
  if (cachedData === undefined || script.cachedDataRejected === true) process.once('exit', () => keepCache(script, places));
  const module = new Module(ENGINE);
  module.filename = ENGINE;
  const run = script.runInThisContext() as (exports: unknown, require: NodeJS.Require, module: Module, file: string, directory: string) => void;
  run.call(module.exports, module.exports, Module.createRequire(ENGINE), module, ENGINE, dirname(ENGINE));
}

/** The text, and where its compiled form would be: named by all that it depends on, since V8 itself compares little more than lengths. */
function readEngine(): { readonly source: string; readonly places: readonly string[] } {
  const fd = openSync(ENGINE, 'r');
  const { size, mtimeMs, ino } = fstatSync(fd);
  // ASCII, as the build writes it: read as such, it needs no decoding.
  const source = Module.wrap(readFileSync(fd, 'latin1'));
  closeSync(fd);
  const name = `engine-${process.version}-${process.arch}-${size}-${Math.floor(mtimeMs)}-${ino}.cache`;
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return { source, places: [join(dirname(ENGINE), name), join(base, 'alproot-code', name)] };
}

function readCache(path: string): Buffer | undefined {
  try {
    // What V8 runs must be ours: somebody else's file would be somebody else's program.
    return isOwn(statSync(path).uid) ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

const isOwn = (uid: number): boolean => uid === process.getuid?.() || uid === 0 || uid === statSync(ENGINE).uid;

/** In the first place that can be written; after the work, so that what was used is in it. */
function keepCache(script: Script, places: readonly string[]): void {
  const bytes = script.createCachedData();
  for (const path of places) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${process.pid}`;
      writeFileSync(temporary, bytes, { mode: 0o644, flag: 'wx' });
      renameSync(temporary, path);
      removeOthers(path);
      return;
    } catch {
      // A start without it is only slower.
    }
  }
}

/** Those of engines that were replaced. */
function removeOthers(path: string): void {
  const prefix = `engine-${process.version}-${process.arch}-`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix) && name.endsWith('.cache') && name !== basename(path)) rmSync(join(dirname(path), name), { force: true });
  }
}

if (process.argv[2] === '--version' || process.argv[2] === '-V') process.stdout.write(`alproot ${version}\n`);
else start();
