import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PackageRecord } from '../../src/core/package.ts';
import { formatRecordLines } from '../../src/formats/package-fields.ts';
import { formatWorld, parseWorld } from '../../src/formats/world.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { runApk } from '../../src/solve/command.ts';
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
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

const describeAll = (records: readonly PackageRecord[]): string => records.map((record) => `${formatRecordLines(record)}\n`).join('');

function randomCase(random: Random): Case {
  const packages = randomPackages(random);
  let world = random.chance(0.5) ? randomNames(random, 2).join(' ') : '';
  const start = runApk(['add'], { arch, world: parseWorld(world), catalog: createCatalog([repo(packages)]), installed: [], now: new Date(0), keepsPackages: () => true });
  const installed = (start.plan?.changes ?? []).flatMap((change) => (change.kind === 'install' ? [change.next.record] : []));
  if (start.plan === undefined) world = '';
  installed.sort((a, b) => (a.name < b.name ? -1 : 1));
  const some = installed.length > 0 ? random.pick(installed).name : undefined;
  const add = ['add', ...randomDependencies(random, 3), ...(random.chance(0.1) ? ['--latest'] : random.chance(0.1) ? ['--upgrade'] : [])];
  const others = some === undefined ? [] : [['del', some], ['upgrade'], ['upgrade', '-a'], ['fix', '--upgrade', some], ['upgrade', '--latest']];
  return { packages, world, installed, argv: random.chance(0.5) || others.length === 0 ? add : random.pick(others) };
}

function writeCase(directory: string, { packages, world, installed, argv }: Case): void {
  for (const path of ['repo/x86_64', 'root/lib/apk/db', 'root/etc/apk']) mkdirSync(join(directory, path), { recursive: true });
  const index = Buffer.concat([tarEntry('APKINDEX', Buffer.from(describeAll(packages))), Buffer.alloc(1024)]);
  writeFileSync(join(directory, 'repo/x86_64/APKINDEX.tar.gz'), gzipSync(index));
  writeFileSync(join(directory, 'root/lib/apk/db/installed'), describeAll(installed));
  for (const path of ['root/lib/apk/db/triggers', 'root/lib/apk/db/scripts.tar', 'root/etc/apk/repositories']) writeFileSync(join(directory, path), '');
  writeFileSync(join(directory, 'root/etc/apk/world'), formatWorld(parseWorld(world)));
  writeFileSync(join(directory, 'root/etc/apk/arch'), `${arch}\n`);
  writeFileSync(join(directory, 'arguments'), argv.map((word) => `'${word}'`).join(' '));
}

/** The changes of an output, or that there was an error. */
function outcome(lines: readonly string[]): string {
  if (lines.some((line) => line.startsWith('ERROR'))) return 'error';
  return lines.filter((line) => /^\(\s*\d+\/\d+\) /.test(line)).join('\n');
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
    cases.forEach((item, i) => writeCase(join(directory, 'cases', String(i)), item));
    writeFileSync(join(directory, 'run.sh'), [
      'for d in /cases/*; do eval "set -- $(cat $d/arguments)"; c=$1; shift',
      'apk $c --root $d/root --no-cache -X $d/repo --allow-untrusted -s "$@" >$d/out 2>&1; done; exit 0',
    ].join('\n'));
    const run = spawnSync('bwrap', ['--bind', directory, '/', '--dev', '/dev', '--proc', '/proc', '--unshare-all', '--new-session', 'sh', '/run.sh']);
    expect(run.status).toBe(0);
    const different = cases.flatMap(({ argv, world, installed, packages }, i) => {
      const theirs = outcome(readFileSync(join(directory, 'cases', String(i), 'out'), 'latin1').split('\n'));
      const ours = outcome(runApk(argv, {
        arch, world: parseWorld(world), catalog: createCatalog([repo(packages)]), installed: installed.map((record) => ({ record })),
        now: new Date(0), keepsPackages: () => true,
      }).lines.map(({ text }) => text));
      return theirs === ours ? [] : [{ seed: 7000 + i, argv: argv.join(' '), theirs, ours }];
    });
    expect(different.length, JSON.stringify(different, null, 1)).toBeLessThanOrEqual(CASES * 0.03);
  });
});
