/**
 * Whatever the caller's umask: nothing that alproot makes for itself can be written by anybody else, a private key is
 * read by its owner alone, and trees and images are the same to the bit.
 */
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { picture } from '../helpers/worlds.ts';

const needs = capability('upstream', 'bwrap');
const UMASKS = ['000', '022', '077'] as const;
const DOCKERFILE = `FROM alpine:3.19
RUN apk add app && mkdir /made && echo made >/made/file && chmod 4711 /made/file && mkfifo /made/pipe && umask 027 && touch /made/closed
WORKDIR /made/deeper/still
COPY file copied/in/
COPY --chmod=604 file other
`;

let root: string;
let mirror: ReleaseMirror;
const at = (umask: string, ...parts: string[]): string => join(root, umask, ...parts);

/** Every verb that writes something, under one umask, in a directory of its own. */
async function doAll(umask: string): Promise<void> {
  mkdirSync(at(umask), { mode: 0o755 });
  writeFileSync(at(umask, 'file'), 'content', { mode: 0o644 });
  writeFileSync(at(umask, 'Dockerfile'), DOCKERFILE, { mode: 0o644 });
  const call = async (...args: string[]): Promise<void> => {
    const done = await runCli(args, {
      cwd: at(umask),
      cache: at(umask, 'new', 'cache'),
      env: { SOURCE_DATE_EPOCH: '1700000000' },
      prefix: ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh'],
    });
    expect([args, done]).toEqual([args, expect.objectContaining({ status: 0 })]);
  };
  await call('run', ...mirror.args, '-p', 'app', '--', 'cat', '/opt/app');
  await call('rootfs', 'create', 'new/trees/tree', ...mirror.args, '-p', 'app');
  await call(
    'build',
    '.',
    ...mirror.args,
    '-o',
    'new/out/local',
    '-o',
    'type=oci,dest=new/out/oci,tar=false',
    '-o',
    'type=tar,dest=new/out/tar',
    '--metadata-file',
    'new/out/metadata.json',
  );
  await call('lock', ...mirror.args, '.');
  await call('bundle', 'create', ...mirror.args, '-o', 'new/bundles/air.alproot', '.');
  await call('mirror', 'keygen', 'new/keys', '--private-dir', 'new/keys');
}

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-modes-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'opt/app': 'app' }, modes: { 'opt/app': 0o4755 } },
  ]);
  for (const umask of UMASKS) await doAll(umask);
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

/** What is made for others to use has the modes of the image. */
const TREES = /\/(?:snapshots\/[0-9a-f]+\/tree|trees\/(?:[0-9a-f]+\/)?tree|out\/local)$/;

function* ownFiles(directory: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    yield path;
    if (lstatSync(path).isDirectory() && !TREES.test(path)) yield* ownFiles(path);
  }
}

describe.skipIf(needs.skip)(`modes${needs.reason}`, () => {
  it.each(UMASKS)('under umask %s let nobody else write to what is ours', (umask) => {
    const paths = [...ownFiles(at(umask))];
    expect(paths.length).toBeGreaterThan(30);
    for (const kind of [
      'blobs/sha256',
      'records/',
      'snapshots/',
      'layers/',
      'keys/',
      'alproot.lock',
      'bundles/',
      'out/',
    ])
      expect(paths.some((path) => path.includes(kind))).toBe(true);
    expect(paths.filter((path) => !lstatSync(path).isSymbolicLink() && (lstatSync(path).mode & 0o022) !== 0)).toEqual(
      [],
    );
  });

  it.each(UMASKS)('under umask %s keep a private key to its owner', (umask) => {
    const keys = readdirSync(at(umask, 'new/keys')).filter((name) => name.endsWith('.rsa'));
    expect(keys.map((name) => lstatSync(at(umask, 'new/keys', name)).mode & 0o777)).toEqual([0o600]);
  });

  it.each(['000', '077'] as const)('under umask %s of trees are those under 022', (umask) => {
    for (const tree of ['new/trees/tree', 'new/out/local'])
      expect(picture(at(umask, tree))).toEqual(picture(at('022', tree)));
    expect(lstatSync(at('022', 'new/out/local/made/file')).mode & 0o777).toBe(0o711);
    expect(lstatSync(at('022', 'new/out/local/made/closed')).mode & 0o777).toBe(0o640);
    const snapshots = (which: string): unknown =>
      readdirSync(at(which, 'new/cache/snapshots'))
        .sort()
        .map((key) => [key, picture(at(which, 'new/cache/snapshots', key, 'tree'))]);
    expect(snapshots(umask)).toEqual(snapshots('022'));
  });

  it.each(['000', '077'] as const)(
    'under umask %s of images, locks and bundles are those under 022, byte for byte',
    (umask) => {
      for (const file of ['new/out/oci/index.json', 'new/out/tar', 'alproot.lock', 'new/bundles/air.alproot']) {
        expect([file, readFileSync(at(umask, file)).equals(readFileSync(at('022', file)))]).toEqual([file, true]);
      }
    },
  );
});
