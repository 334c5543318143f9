/**
 * The program as users get it: the packed tarball, installed by npm into an empty prefix. Made once for each state of
 * the sources and kept below node_modules/.cache, so that the files of a run share it and a second run has it at once.
 * `ALPROOT_TEST_PROGRAM` names another command to test, such as `bin/alproot` of this checkout after a build.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './project.ts';

export const TEST_PROGRAM = 'ALPROOT_TEST_PROGRAM';
/** What tests keep between runs. */
export const testCache: string = join(projectRoot, 'node_modules', '.cache', 'alproot');

const DAY_MS = 86_400_000;

/** The command that tests run: `PREFIX/bin/alproot`. Packs and installs it first where that has not been done. */
export function packedCommand(): string {
  return (process.env[TEST_PROGRAM] ??= installed());
}

/** The directory of the package that the command belongs to: it has `dist`, `keys`, `docs`. */
export const packedDirectory = (): string => dirname(dirname(realpathSync(packedCommand())));

function installed(): string {
  const parts = sourceParts();
  const prefix = join(testCache, `program-${digestOf(parts)}`);
  if (!existsSync(prefix)) install(parts, prefix);
  const now = new Date();
  utimesSync(prefix, now, now);
  return join(prefix, 'bin', 'alproot');
}

/** All that the tarball is made from, by the `files` of package.json and the needs of its `prepack`. */
function sourceParts(): string[] {
  const { files } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly files: readonly string[];
  };
  const shipped = files.filter((name) => !name.startsWith('!') && name !== 'dist');
  return ['src', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.types.json', ...shipped]
    .filter((name) => existsSync(join(projectRoot, name)))
    .sort();
}

function digestOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (name: string): void => {
    const path = join(projectRoot, name);
    if (statSync(path).isDirectory()) for (const child of readdirSync(path).sort()) add(`${name}/${child}`);
    else hash.update(`${name}\0`).update(readFileSync(path));
  };
  parts.forEach(add);
  return hash.digest('hex').slice(0, 24);
}

/** Beside its final place, which it takes when it is whole: any number of processes may do the same. */
function install(parts: readonly string[], prefix: string): void {
  mkdirSync(testCache, { recursive: true });
  removeOld();
  const work = mkdtempSync(join(testCache, 'making-'));
  try {
    const tarball = pack(parts, work);
    npm(
      [
        'install',
        '--global',
        '--prefix',
        join(work, 'prefix'),
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        tarball,
      ],
      work,
    );
    renameSync(join(work, 'prefix'), prefix);
  } catch (error) {
    if (!existsSync(prefix)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** From a copy of the sources: a checkout may be read-only, and its own `dist` is nobody's business here. */
function pack(parts: readonly string[], work: string): string {
  const copy = join(work, 'copy');
  for (const name of parts) cpSync(join(projectRoot, name), join(copy, name), { recursive: true });
  symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
  npm(['pack', '--loglevel=error', '--pack-destination', work], copy);
  const [tarball = ''] = readdirSync(work).filter((name) => name.endsWith('.tgz'));
  return join(work, tarball);
}

/** As a user would call it: without what an outer npm says to its scripts. */
export function npm(args: readonly string[], cwd: string): void {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(?!config_(?:registry|cache|userconfig|globalconfig|cafile|https?_proxy|proxy|noproxy)$)/i.test(name),
    ),
  );
  execFileSync('npm', args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
}

function removeOld(): void {
  for (const name of readdirSync(testCache)) {
    const path = join(testCache, name);
    if (/^(?:program|making)-/.test(name) && Date.now() - statSync(path).mtimeMs > DAY_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
