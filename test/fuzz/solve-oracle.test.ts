import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PackageRecord } from '../../src/core/package.ts';
import { parseIndex } from '../../src/formats/apk/apkindex.ts';
import { formatRecordLines } from '../../src/formats/apk/package-fields.ts';
import { formatWorld, parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog, type Catalog } from '../../src/solve/catalog.ts';
import { runApk } from '../../src/solve/apk-command.ts';
import { capability, SHARED } from '../helpers/capabilities.ts';
import { repo } from '../helpers/packages.ts';
import { createRandom, randomDependencies, randomNames, randomPackages, type Random } from '../helpers/random-repo.ts';

const oracle = capability('upstream', 'bwrap');
const arch = 'x86_64';
const CASES = 400;

interface Case {
  readonly argv: readonly string[];
  readonly world: string;
  readonly packages: readonly PackageRecord[];
  readonly installed: readonly PackageRecord[];
}

/** One file as a tar record. */
function tarEntry(name: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  for (const at of [100, 108, 116]) header.write('0000644\0', at);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124);
  header.write('ustar\x00', 257);
  header.write('00', 263);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

const describeAll = (records: readonly PackageRecord[]): string =>
  records.map((record) => `${formatRecordLines(record)}\n`).join('');

function randomOptions(random: Random): string[] {
  if (random.chance(0.1)) return ['--latest'];
  return random.chance(0.1) ? ['--upgrade'] : [];
}

function randomCase(random: Random): Case {
  const packages = randomPackages(random);
  let world = random.chance(0.5) ? randomNames(random, 2).join(' ') : '';
  const installed = installFrom(createCatalog([repo(packages)]), world);
  if (installed === undefined) world = '';
  const some = installed !== undefined && installed.length > 0 ? random.pick(installed).name : undefined;
  const add = ['add', ...randomDependencies(random, 3), ...randomOptions(random)];
  const others =
    some === undefined
      ? []
      : [['del', some], ['upgrade'], ['upgrade', '-a'], ['fix', '--upgrade', some], ['upgrade', '--latest']];
  return {
    packages,
    world,
    installed: installed ?? [],
    argv: random.chance(0.5) || others.length === 0 ? add : random.pick(others),
  };
}

function writeRepository(directory: string, packages: readonly PackageRecord[]): void {
  mkdirSync(join(directory, arch), { recursive: true });
  const index = Buffer.concat([
    tarEntry('APKINDEX', Buffer.from(describeAll(packages), 'latin1')),
    Buffer.alloc(1024),
  ]);
  writeFileSync(join(directory, arch, 'APKINDEX.tar.gz'), gzipSync(index));
}

function writeTree(directory: string, { world, installed, argv }: Case): void {
  for (const path of ['root/lib/apk/db', 'root/etc/apk']) mkdirSync(join(directory, path), { recursive: true });
  writeFileSync(join(directory, 'root/lib/apk/db/installed'), describeAll(installed), 'latin1');
  for (const path of ['root/lib/apk/db/triggers', 'root/lib/apk/db/scripts.tar', 'root/etc/apk/repositories'])
    writeFileSync(join(directory, path), '');
  writeFileSync(join(directory, 'root/etc/apk/world'), formatWorld(parseWorld(world)));
  writeFileSync(join(directory, 'root/etc/apk/arch'), `${arch}\n`);
  writeFileSync(join(directory, 'arguments'), argv.map((word) => `'${word}'`).join(' '));
}

/** The changes of an output, or that there was an error. apk 2 does not align the counter. */
function outcome(lines: readonly string[]): string {
  if (lines.some((line) => line.startsWith('ERROR'))) return 'error';
  return lines
    .filter((line) => /^\(\s*\d+\/\d+\) /.test(line))
    .map((line) => line.replace(/^\(\s+/, '('))
    .join('\n');
}

const plan = ({ argv, world, installed }: Case, catalog: Catalog): string =>
  outcome(
    runApk(argv, {
      arch,
      world: parseWorld(world),
      catalog,
      installed: installed.map((record) => ({ record })),
      now: new Date(0),
      keepsPackages: () => true,
    }).lines.map(({ text }) => text),
  );

/** Installs `world` from nothing. */
function installFrom(catalog: Catalog, world: string): PackageRecord[] | undefined {
  const { plan: made } = runApk(['add'], {
    arch,
    world: parseWorld(world),
    catalog,
    installed: [],
    now: new Date(0),
    keepsPackages: () => true,
  });
  const records = made?.changes.flatMap((change) => (change.kind === 'install' ? [change.next.record] : []));
  return records?.sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Difference {
  readonly index: number;
  readonly argv: string;
  readonly theirs: string;
  readonly ours: string;
}

/** Runs the real apk on every case below `directory`, where the minirootfs lies; gives those on which it differs. */
function compare(
  directory: string,
  cases: readonly Case[],
  options: { readonly repository: string; readonly catalogOf: (item: Case) => Catalog },
): Difference[] {
  rmSync(join(directory, 'cases'), { recursive: true, force: true });
  cases.forEach((item, i) => writeTree(join(directory, 'cases', String(i)), item));
  if (options.repository === '$d/repo')
    cases.forEach(({ packages }, i) => writeRepository(join(directory, 'cases', String(i), 'repo'), packages));
  writeFileSync(
    join(directory, 'run.sh'),
    [
      'for d in /cases/*; do eval "set -- $(cat $d/arguments)"; c=$1; shift',
      `apk $c --root $d/root --no-cache -X ${options.repository} --allow-untrusted -s "$@" >$d/out 2>&1; done; exit 0`,
    ].join('\n'),
  );
  const run = spawnSync('bwrap', [
    '--bind',
    directory,
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--unshare-all',
    '--new-session',
    'sh',
    '/run.sh',
  ]);
  expect(run.status).toBe(0);
  return cases.flatMap((item, index) => {
    const theirs = outcome(readFileSync(join(directory, 'cases', String(index), 'out'), 'latin1').split('\n'));
    const ours = plan(item, options.catalogOf(item));
    return theirs === ours ? [] : [{ index, argv: item.argv.join(' '), theirs, ours }];
  });
}

/** The packages of a real index file. */
function readRealIndex(): readonly PackageRecord[] {
  const tar = gunzipSync(readFileSync(join(SHARED, 'upstream/apkindex/v3.16-main-x86_64.APKINDEX.tar.gz'))).toString(
    'latin1',
  );
  const at = tar.indexOf('APKINDEX\0');
  return parseIndex(tar.slice(at + 512, at + 512 + Number.parseInt(tar.slice(at + 124, at + 136), 8))).packages;
}

function realCase(random: Random, packages: readonly PackageRecord[], catalog: Catalog): Case {
  const names = (count: number): string[] => Array.from({ length: count }, () => random.pick(packages).name);
  const world = random.chance(0.5) ? [...new Set(['alpine-base', 'busybox', ...names(2)])].join(' ') : '';
  const installed = installFrom(catalog, world);
  if (installed === undefined || world === '' || random.chance(0.6)) {
    const argv = ['add', 'busybox', ...names(1 + random.below(5)), ...(random.chance(0.2) ? ['docs'] : [])];
    return { argv, packages: [], world: installed === undefined ? '' : world, installed: installed ?? [] };
  }
  return { argv: ['del', random.pick(world.split(' '))], packages: [], world, installed };
}

describe.skipIf(oracle.skip)(`the apk of the minirootfs${oracle.reason}`, () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'alproot-oracle-'));
    const archive = join(SHARED, 'upstream/minirootfs/alpine-minirootfs-3.19.4-x86_64.tar.gz');
    expect(spawnSync('tar', ['-xzf', archive, '-C', directory]).status).toBe(0);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('agrees on nearly every random command; what differs is what apk 3 decides otherwise', () => {
    const cases = Array.from({ length: CASES }, (_, i) => randomCase(createRandom(7000 + i)));
    const different = compare(directory, cases, {
      repository: '$d/repo',
      catalogOf: ({ packages }) => createCatalog([repo(packages)]),
    });
    expect(different.length, JSON.stringify(different, null, 1)).toBeLessThanOrEqual(CASES * 0.03);
  });

  it('makes the same plans from a real index, line for line', () => {
    const packages = readRealIndex();
    const catalog = createCatalog([repo(packages)]);
    writeRepository(join(directory, 'main'), packages);
    const cases = Array.from({ length: 60 }, (_, i) => realCase(createRandom(9000 + i), packages, catalog));
    expect(compare(directory, cases, { repository: '/main', catalogOf: () => catalog })).toEqual([]);
  });
});
