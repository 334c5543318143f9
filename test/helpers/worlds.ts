/**
 * Two trees from one minirootfs, one changed by the real apk and one by us, step by step, with the same packages
 * and the same edits between the steps; and a picture of a tree that shows every difference that counts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bufferSource } from '../../src/core/bytes.ts';
import { silent } from '../../src/core/events.ts';
import type { Repository } from '../../src/core/package.ts';
import { hostPath } from '../../src/core/paths.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import type { SigningKey } from '../../src/mirror/signing.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { runApk } from '../../src/solve/apk-command.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import { readDatabase } from '../../src/unpack/database.ts';
import type { OpenedPackageFile, RunScript } from '../../src/unpack/opened.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { makeApk, type RawPackage } from './make-apk.ts';

export interface World {
  readonly title: string;
  /** Packages by repository. */
  readonly repositories: Readonly<Record<string, readonly RawPackage[]>>;
  readonly steps: readonly Step[];
}

/**
 * A command of apk's with the repositories that it sees (all, unless given; `@tag NAME` with a tag), or a change of
 * both trees by hand.
 */
export type Step =
  { readonly apk: readonly string[]; readonly use?: readonly string[] } | { readonly edit: (root: string) => void };

export interface Arena {
  readonly directory: string;
  readonly key: SigningKey;
}

const MINIROOTFS_REPOSITORIES = 'media/usb';

export async function makeRepositories({ repositories }: World, { directory, key }: Arena): Promise<void> {
  mkdirSync(join(directory, 'keys'), { recursive: true });
  writeFileSync(join(directory, 'keys', key.publicName), key.publicPem);
  for (const [name, packages] of Object.entries(repositories)) {
    const path = join(directory, name, 'x86_64');
    mkdirSync(path, { recursive: true });
    for (const raw of packages) {
      const { pkgname = 'a', pkgver = '1.0-r0' } = raw.info ?? {};
      writeFileSync(join(path, `${String(pkgname)}-${String(pkgver)}.apk`), makeApk(raw, key));
    }
    await indexDirectory({ directory: hostPath(path), description: name, time: 1_700_000_000, key, arch: 'x86_64' });
  }
}

const boxed = (root: string, directory: string): string[] => [
  '--bind',
  root,
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--bind',
  directory,
  `/${MINIROOTFS_REPOSITORIES}`,
  '--cap-add',
  'ALL',
  '--chdir',
  '/',
  '--clearenv',
  '--setenv',
  'PATH',
  '/usr/sbin:/usr/bin:/sbin:/bin',
];

export interface Outcome {
  readonly status: number;
  readonly output: string;
}

/** Status of the real apk, and what it said. */
export function runRealApk(root: string, args: readonly string[], { directory }: Arena): Outcome {
  const result = spawnSync(
    'bwrap',
    [
      ...boxed(root, directory),
      'apk',
      '--keys-dir',
      `/${MINIROOTFS_REPOSITORIES}/keys`,
      '--repositories-file',
      '/dev/null',
      '--no-network',
      '--no-cache',
      ...args,
    ],
    { encoding: 'latin1' },
  );
  // An audit meets processes that end meanwhile.
  return { status: result.status ?? 255, output: `${result.stdout}${result.stderr}`.replace(/^. proc\/.*\n/gm, '') };
}

export const useOf = (step: { readonly use?: readonly string[] }, world: World): readonly string[] =>
  step.use ?? Object.keys(world.repositories);

/** `-X` arguments. */
export const realArguments = (use: readonly string[]): string[] =>
  use
    .map(taggedName)
    .flatMap(({ tag, name }) => ['-X', `${tag === undefined ? '' : `@${tag} `}/${MINIROOTFS_REPOSITORIES}/${name}`]);

/** `@edge r2` or `r2`. */
const taggedName = (item: string): { readonly tag: string | undefined; readonly name: string } => {
  const [, tag, name = item] = /^@(\S+) (.+)$/.exec(item) ?? [];
  return { tag, name };
};

const script =
  (root: string, directory: string): RunScript =>
  async ({ path, args, env }) => {
    const variables = Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
    const result = spawnSync('bwrap', [...boxed(root, directory), ...variables, path, ...args], {
      encoding: 'latin1',
    });
    return { status: result.status ?? 255, signal: undefined };
  };

interface OwnOptions {
  readonly use: readonly string[];
  readonly now: Date;
  readonly owners?: 'apply' | 'record';
}

/** The same by us. @throws what planning or applying throws */
export async function runOwnApk(
  root: string,
  args: readonly string[],
  { directory, key }: Arena,
  { use, now, owners = 'apply' }: OwnOptions,
): Promise<Outcome> {
  const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
  const repositories = use.map(taggedName).map(({ tag, name }): Repository => {
    const location = join(directory, name);
    return {
      index: verifyIndex(readFileSync(join(location, 'x86_64', 'APKINDEX.tar.gz')), { location, keys }).index,
      ...(tag === undefined ? {} : { tag }),
    };
  });
  const tree = openWorkTree(hostPath(root));
  try {
    const { packages, world } = readDatabase(tree);
    const outcome = runApk(args, {
      arch: 'x86_64',
      world,
      installed: packages,
      catalog: createCatalog(repositories),
      now,
      keepsPackages: () => true,
      self: 'apk-tools',
    });
    const lines = outcome.lines.map(({ text }) => text).join('\n');
    if (outcome.plan === undefined || outcome.simulate) return { status: outcome.status, output: lines };
    const open = (planned: {
      readonly record: { readonly name: string; readonly version: string };
      readonly source: { readonly kind: string; readonly location?: string };
    }): OpenedPackageFile => {
      const name = `${planned.record.name}-${planned.record.version}.apk`;
      const source = bufferSource(name, readFileSync(join(planned.source.location ?? '', 'x86_64', name)));
      const expected = repositories.flatMap(({ index }) => index.packages).find((record) => record === planned.record);
      return { source, contents: verifyPackage(source, { keys, expected }).package, close: () => undefined };
    };
    const purge = args.includes('--purge');
    const { brokenPackages } = await applyPlan({
      tree,
      plan: outcome.plan,
      open,
      runScript: script(root, directory),
      owners,
      emit: silent,
      purge,
      resetDirectories: args.includes('--directory-permissions'),
    });
    return { status: outcome.broken + brokenPackages, output: lines };
  } finally {
    tree.close();
  }
}

const IGNORED = /^(?:lib\/apk\/db\/(?:lock|installed)|var\/cache\/apk\/.*|dev\/.*)$/;
/** What scripts write has the time of the run. */
const STARTED = Date.now();
const UNTIMED = /^(?:lib\/apk\/db\/.*|etc\/apk\/(?:world|arch)|tmp\/.*)$/;

/** One line for each entry: type, mode, owner, size or target, content, times, and which names are one file. */
export function picture(root: string): Record<string, string> {
  const lines: Record<string, string> = {};
  const first = new Map<number, string>();
  const walk = (relative: string): void => {
    for (const name of readdirSync(join(root, relative), { encoding: 'latin1' }).sort()) {
      const path = relative === '' ? name : `${relative}/${name}`;
      if (IGNORED.test(path)) continue;
      const absolute = Buffer.from(join(root, path), 'latin1');
      const stat = lstatSync(absolute);
      const owner = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
      if (stat.isSymbolicLink())
        lines[path] = `link ${stat.uid}:${stat.gid} -> ${readlinkSync(absolute, { encoding: 'latin1' })}`;
      else if (stat.isDirectory()) {
        lines[path] = `directory ${owner}`;
        walk(path);
      } else if (!stat.isFile()) lines[path] = `special ${owner}`;
      else {
        const duplicate = stat.nlink > 1 ? first.get(stat.ino) : undefined;
        first.set(stat.ino, path);
        const time = UNTIMED.test(path) || stat.mtimeMs > STARTED ? '' : stat.mtimeMs / 1000;
        const digest = createHash('sha1').update(readFileSync(absolute)).digest('hex');
        lines[path] = `file ${owner} ${time} ${digest}${duplicate === undefined ? '' : ` = ${duplicate}`}`;
      }
    }
  };
  walk('');
  return lines;
}

/** The package database as text, for readable differences. */
export function databaseText(root: string): Record<string, string> {
  const read = (path: string): string => readFileSync(join(root, path), 'latin1');
  const scripts = execFileSync('tar', ['-tvf', join(root, 'lib/apk/db/scripts.tar')], {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // The identity of a virtual package comes from the clock and the process.
  return {
    installed: read('lib/apk/db/installed').replace(/^C:.*\n(?=P:\.)/gm, ''),
    triggers: read('lib/apk/db/triggers'),
    world: read('etc/apk/world'),
    scripts,
  };
}

/** When the last virtual package of a tree was made, by its version. */
export function virtualTime(root: string): Date | undefined {
  const versions = [
    ...(databaseText(root)['installed'] ?? '').matchAll(/^V:(\d{4})(\d\d)(\d\d)\.(\d\d)(\d\d)(\d\d)$/gm),
  ];
  const match = versions.sort(([left], [right]) => (left < right ? -1 : 1)).at(-1);
  if (match === undefined) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
