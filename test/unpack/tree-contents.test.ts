/**
 * What tells a tree's files from those that a power failure left of them; test/e2e/power-loss.test.ts does it to whole
 * stores.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree, type WorkTree } from '../../src/system/tree/work-tree.ts';
import { readDatabase } from '../../src/unpack/database.ts';
import { hasItsContents, ownContents, type OwnContents } from '../../src/unpack/tree-contents.ts';
import { capability } from '../helpers/capabilities.ts';
import { installRaw } from '../helpers/install-raw.ts';
import { treeEntries } from '../helpers/make-apk.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

let key: SigningKey;
let root: string;
let tree: WorkTree;
let own: OwnContents;
const at = (path: string): string => join(root, path);
beforeAll(async () => {
  key = await generateSigningKey('test', 2048);
});

/** A tree with a package below a link, of which a script has changed one file and made another. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'alproot-contents-'));
  mkdirSync(at('usr/lib'), { recursive: true });
  symlinkSync('usr/lib', at('lib'));
  const begun = statSync(root).mtimeMs;
  await installRaw(
    hostPath(root),
    [
      {
        entries: treeEntries({
          'lib/file': 'content',
          'usr/lib/other': 'other content',
          'etc/conf': 'usual',
          'usr/hidden': { content: 'x', mode: 0o111 },
        }),
      },
    ],
    { key },
  );
  writeFileSync(at('etc/conf'), 'changed by a script');
  writeFileSync(at('etc/made'), 'made by a script');
  tree = openWorkTree(hostPath(root));
  own = JSON.parse(JSON.stringify(ownContents(tree, readDatabase(tree), begun))) as OwnContents;
});
afterEach(() => {
  tree.close();
  rmSync(root, { recursive: true, force: true });
});

const zeros = (path: string): void => {
  const { size, atime, mtime } = statSync(at(path));
  writeFileSync(at(path), Buffer.alloc(size));
  utimesSync(at(path), atime, mtime);
};

it('takes digests of what no package has, and of nothing else', () => {
  expect(Object.keys(own).filter((path) => !path.includes('apk/'))).toEqual(['etc/conf', 'etc/made']);
  expect(Object.keys(own)).toContain('usr/lib/apk/db/installed');
});

it('finds a tree whole as it was left', () => {
  expect(hasItsContents(tree, own)).toBe(true);
});

it.each([
  'usr/lib/file',
  'usr/lib/other',
  'usr/hidden',
  'etc/conf',
  'etc/made',
  'usr/lib/apk/db/installed',
  'etc/apk/world',
])('notices zeros in place of %s', (path) => {
  zeros(path);
  expect(hasItsContents(tree, own)).toBe(false);
});

it(
  'takes a file for damaged of which nothing is known, and one that is what the package had, but ' +
    'not what the script made of it',
  () => {
    writeFileSync(at('etc/conf'), 'usual');
    expect(hasItsContents(tree, own)).toBe(false);
    writeFileSync(at('etc/conf'), 'changed by a script');
    expect(hasItsContents(tree, own)).toBe(true);
    writeFileSync(at('etc/stray'), '');
    expect(hasItsContents(tree, own)).toBe(false);
  },
);

const needs = capability('upstream');
it.skipIf(needs.skip)(`finds the minirootfs whole as Alpine made it${needs.reason}`, () => {
  mkdirSync(at('release'));
  execFileSync('tar', [
    '-xzf',
    join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '-C',
    at('release'),
  ]);
  const release = openWorkTree(hostPath(at('release')));
  try {
    const contents = ownContents(release, readDatabase(release), Date.now());
    expect(Object.keys(contents)).not.toContain('bin/busybox');
    expect(hasItsContents(release, contents)).toBe(true);
  } finally {
    release.close();
  }
});
