/** What the real apk of the minirootfs answers to those who only ask, we answer too. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath, treePathFromUser } from '../../src/core/paths.ts';
import { generateSigningKey } from '../../src/mirror/signing.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { readApk } from '../../src/solve/read-command.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { auditTree, formatAudit, type AuditMode } from '../../src/unpack/audit.ts';
import { readDatabase, triggersOf } from '../../src/unpack/database.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { capability } from '../helpers/capabilities.ts';
import { treeEntries, type RawPackage } from '../helpers/make-apk.ts';
import { upstreamRoot } from '../helpers/upstream.ts';
import { makeRepositories, runRealApk, type Arena } from '../helpers/worlds.ts';

const needs = capability('bwrap', 'chroot', 'upstream');
const lib = (pkgver: string): RawPackage => ({
  info: { pkgname: 'lib', pkgver, provides: ['so:lib.so.1=1', 'cmd:lib=1'], pkgdesc: 'A library', origin: 'libs' },
  entries: treeEntries({ 'usr/lib/lib.so': `lib ${pkgver}`, 'etc/lib.conf': 'a=1', 'usr/share/lib/doc': 'doc' }),
});
const PACKAGES: readonly RawPackage[] = [
  lib('1.0-r0'),
  lib('1.1-r0'),
  {
    info: {
      pkgname: 'app',
      pkgver: '2.0-r1',
      depend: ['so:lib.so.1', '!nothing'],
      replaces: ['old'],
      triggers: '/usr/share/lib',
    },
    scripts: { trigger: '#!/bin/sh\n' },
    entries: treeEntries({ 'usr/bin/app': { content: 'app', mode: 0o755 }, 'usr/bin/other': 'other' }),
  },
  { info: { pkgname: 'lib-doc', pkgver: '1.1-r0', install_if: 'lib docs' }, entries: [] },
  { info: { pkgname: 'docs', pkgver: '0-r0', pkgdesc: 'Pulls documentation' }, entries: [] },
];

let directory: string;
let arena: Arena;
let root: string;

beforeAll(async () => {
  if (needs.skip) return;
  directory = mkdtempSync(join(tmpdir(), 'alproot-read-'));
  arena = { directory, key: await generateSigningKey('test', 2048) };
  await makeRepositories({ title: '', repositories: { repo: PACKAGES }, steps: [] }, arena);
  root = join(directory, 'root');
  mkdirSync(root);
  execFileSync('tar', [
    '-xzf',
    join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '-C',
    root,
  ]);
  expect(runRealApk(root, ['-X', '/media/usb/repo', 'add', 'app', 'lib=1.0-r0', 'docs'], arena).status).toBe(0);
  symlinkSync('/usr/bin/app', join(root, 'usr/bin/link'));
});
afterAll(() => {
  if (!needs.skip) rmSync(directory, { recursive: true, force: true });
});

function answer(argv: readonly string[]): { status: number; output: string } {
  const location = '/media/usb/repo';
  const keys = keyring([parseTrustedKey(arena.key.publicPem, arena.key.publicName)]);
  const { index } = verifyIndex(readFileSync(join(directory, 'repo', 'x86_64', 'APKINDEX.tar.gz')), {
    location,
    keys,
  });
  const tree = openWorkTree(hostPath(root));
  try {
    const database = readDatabase(tree);
    const outcome = readApk(argv, {
      arch: 'x86_64',
      installed: database.packages,
      catalog: createCatalog([{ index }]),
      descriptions: new Map([[location, index.description]]),
      triggersOf: (record) => triggersOf(database, record),
      follow: (path) => tree.resolve(treePathFromUser(path)),
    });
    return { status: outcome?.status ?? -1, output: (outcome?.lines ?? []).map(({ text }) => `${text}\n`).join('') };
  } finally {
    tree.close();
  }
}

const QUESTIONS = [
  'info',
  'info -v',
  'info -vv',
  'info -q',
  'info app',
  'info -v app',
  'info lib',
  'info -a lib',
  'info -a app',
  'info -d app -w',
  'info -L app',
  'info -Lv app',
  'info -R app',
  'info -Rv app',
  'info -P lib',
  'info -r lib',
  'info -rv lib',
  'info --replaces app',
  'info --license app',
  'info -t app',
  'info --install-if lib-doc',
  'info --rinstall-if lib',
  'info so:lib.so.1',
  'info nosuch',
  'info -e app',
  'info -e nosuch',
  'info -e app nosuch lib',
  'info -ev app',
  'info -eq app',
  'info -e app>=3',
  'info -e app>1',
  'info -e !app',
  'info -e so:lib.so.1',
  'info -W /usr/bin/app',
  'info -W /usr/bin/link',
  'info -Wq /usr/bin/app /usr/lib/lib.so',
  'info -W /usr/bin/none',
  'info -d --license lib',
  'search',
  'search lib',
  'search -v lib',
  'search -q lib',
  'search -e lib',
  'search -x lib',
  'search -a lib',
  'search -d library',
  'search -vd library',
  'search cmd:',
  'search so:lib.so.1',
  'search l*b',
  'search -o lib',
  'search -r lib',
  'search --has-origin libs',
  'search nosuch',
  'search -r app',
  'list',
  'list -I',
  'list -Iq',
  'list -v app',
  'list -vv app',
  'list -a lib',
  'list -u',
  'list -O lib',
  'list lib*',
  'list -o libs',
  'list nosuch',
  'policy lib',
  'policy lib app',
  'policy nosuch',
  'version',
  'version -v',
  'version lib',
  'version -q',
  'version -l =',
  'version -l <>',
  'version -t 1.0 1.1',
  'version -t 1.1-r1 1.1-r0',
  'version -t 1 1',
  'version -c 1.0 1.2_pre1-r3',
  'version -I',
];

describe.skipIf(needs.skip)(`questions of those who only look${needs.reason}`, () => {
  it.each(QUESTIONS)('apk %s', (query) => {
    const argv = query.split(' ');
    const real = runRealApk(root, ['-X', '/media/usb/repo', ...argv], arena);
    expect(answer(argv)).toEqual(real);
  });

  // Mounts of the sandbox that the real one runs in.
  const apart = (lines: readonly string[]): string[] =>
    lines.filter((line) => line !== '' && !/^. (?:dev|media\/usb|proc)\//.test(line)).sort();

  it('finds in a tree what the audits of apk find', () => {
    const audit = (
      mode: AuditMode,
      options: { readonly recursive?: boolean; readonly permissions?: 'apply' } = {},
    ): string[] => {
      const tree = openWorkTree(hostPath(root));
      try {
        return apart(
          formatAudit(auditTree(tree, readDatabase(tree), { mode, ...options }), { verbosity: 1, packages: false }),
        );
      } finally {
        tree.close();
      }
    };
    const real = (...argv: string[]): string[] =>
      apart(runRealApk(root, ['audit', ...argv], arena).output.split('\n'));
    const compare = (): void => {
      expect(audit('system')).toEqual(real('--system'));
      expect(audit('system', { permissions: 'apply' })).toEqual(real('--system', '--check-permissions'));
      expect(audit('backup')).toEqual(real('--backup'));
      expect(audit('backup', { recursive: true })).toEqual(real('--backup', '--recursive'));
      expect(audit('full')).toEqual(real('--full'));
    };
    compare();
    writeFileSync(join(root, 'usr/bin/app'), 'changed');
    chmodSync(join(root, 'usr/bin/other'), 0o700);
    appendFileSync(join(root, 'etc/lib.conf'), 'b=2');
    rmSync(join(root, 'usr/lib/lib.so'));
    mkdirSync(join(root, 'etc/new/deep'), { recursive: true });
    writeFileSync(join(root, 'etc/new/deep/file'), 'x');
    writeFileSync(join(root, 'etc/a.apk-new'), 'x');
    mkdirSync(join(root, 'usr/local/mine'), { recursive: true });
    rmSync(join(root, 'bin/cat'));
    compare();
    expect(audit('packages')).toEqual(['U usr/bin/app', 'X usr/lib/lib.so']);
    rmSync(join(root, 'usr/share/lib'), { recursive: true });
    rmSync(join(root, 'etc/lib.conf'));
    expect(audit('packages')).toEqual(['U usr/bin/app', 'X etc/lib.conf', 'X usr/lib/lib.so', 'X usr/share/lib/doc']);
    expect(audit('packages', { permissions: 'apply' })).toContain('M usr/bin/other');
  });
});
