/** What the real apk is not asked for in test/oracle: choices of ours, and what it takes to answer. */
import { describe, expect, it } from 'vitest';
import type { PackageRecord } from '../../src/core/package.ts';
import { treePathFromUser, type TreePath } from '../../src/core/paths.ts';
import { DIRECTORY_ACL, FILE_ACL, type InstalledEntry } from '../../src/formats/apk/installed-db.ts';
import { parseApkArguments, READING_COMMANDS } from '../../src/solve/arguments.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { allPackages, formatListed, listPackages } from '../../src/solve/list.ts';
import { compareInstalled, formatVersionStates, relate } from '../../src/solve/outdated.ts';
import { findPackageOwner } from '../../src/solve/owner-query.ts';
import { needsRepositories, readApk } from '../../src/solve/read-command.ts';
import type { ReadSystem } from '../../src/solve/reading.ts';
import { pkg, repo } from '../helpers/packages.ts';

const entry = (record: PackageRecord, files: Readonly<Record<string, readonly string[]>> = {}): InstalledEntry => ({
  record,
  directories: Object.entries(files).map(([path, names]) => ({
    path: path as TreePath,
    acl: DIRECTORY_ACL,
    files: names.map((name) => ({ name, acl: FILE_ACL, checksum: '' })),
  })),
});
const app = pkg('app-1-r0', { depends: 'lib' });
const lib = pkg('lib-1-r0', { provides: 'so:lib=1' });
const installed = [entry(app, { 'usr/bin': ['app'] }), entry(lib, { '': ['top'], 'usr/lib': ['lib.so'] })];
const catalog = createCatalog([
  repo([lib, pkg('lib-2-r0'), pkg('extra-1-r0')]),
  repo([pkg('app-3-r0')], { location: 'https://example.org/edge', tag: 'edge' }),
]);
const system: ReadSystem = {
  arch: 'x86_64',
  installed,
  catalog,
  descriptions: new Map(),
  triggersOf: () => [],
  follow: (path) => treePathFromUser(path.replace('/bin/', '/usr/bin/')),
};
const ask = (line: string, options: Partial<ReadSystem> = {}): string[] =>
  readApk(line.split(' '), { ...system, ...options })?.lines.map(({ text }) => text) ?? ['not answered'];

describe('questions', () => {
  it('need the repositories only when the answer does', () => {
    for (const line of ['search x', 'policy x', 'list', 'list -u', 'version', 'info x', 'info -a x'])
      expect(needsRepositories(line.split(' ')), line).toBe(true);
    for (const line of [
      'info',
      'info -v',
      'info -e x',
      'info -W /x',
      'list -I',
      'list --installed x',
      'version -t 1 2',
      'version -c 1',
      'audit',
      'add x',
      'info --nothing x',
    ])
      expect(needsRepositories(line.split(' ')), line).toBe(false);
  });

  it('are told from commands that change something', () => {
    expect(parseApkArguments(['add', 'info'], READING_COMMANDS).command).toBeUndefined();
    expect(parseApkArguments(['info', 'add']).command).toBeUndefined();
    expect(parseApkArguments(['--repository', 'list', 'search', '-ev', 'x'], READING_COMMANDS)).toMatchObject({
      command: 'search',
      operands: ['x'],
    });
    expect(readApk(['add', 'x'], system)).toBeUndefined();
  });

  it('with options that apk does not have are refused in its words', () => {
    expect(readApk(['info', '--nothing'], system)).toEqual({
      status: 1,
      lines: [{ stream: 'stderr', text: "ERROR: command line: unrecognized option 'nothing'" }],
    });
  });

  it('about who needs what are about the repositories where there is no tree', () => {
    expect(ask('info -r lib', { installed: [], requirers: [app] })).toEqual([
      'lib-1-r0 is required by:',
      'app-1-r0',
      '',
      'lib-2-r0 is required by:',
      'app-1-r0',
      '',
    ]);
    expect(ask('info -r extra')).toEqual([]);
  });
});

describe('lists', () => {
  const names = (options: Parameters<typeof listPackages>[2], ...patterns: string[]): string[] =>
    listPackages(allPackages(installed, catalog), patterns, options).map(
      ({ record }) => `${record.name}-${record.version}`,
    );

  it('show each package once, with what is known of it', () => {
    expect(names({})).toEqual(['app-1-r0', 'app-3-r0', 'extra-1-r0', 'lib-1-r0', 'lib-2-r0']);
    expect(names({ installed: true })).toEqual(['app-1-r0', 'lib-1-r0']);
    expect(names({ upgradable: true }, 'l*')).toEqual(['lib-2-r0']);
    expect(names({ providers: true }, 'so:lib')).toEqual(['lib-1-r0']);
    expect(ask('list -v lib')).toEqual([
      'lib-1-r0 x86_64 {lib} (MIT) [installed]',
      '  ',
      '',
      'lib-2-r0 x86_64 {lib} (MIT) [upgradable from: lib-1-r0]',
      '  ',
      '',
    ]);
    expect(formatListed({ record: lib, isInstalled: true, isAvailable: true, upgradableFrom: undefined }, 0)).toEqual([
      'lib',
    ]);
  });
});

describe('versions', () => {
  it('of other tags count only when asked for', () => {
    const latest = (options?: { readonly allTags: boolean }): string[] =>
      compareInstalled(installed, catalog, options).map(
        ({ latest: version, relation, tag }) => `${relation} ${version} ${tag ?? ''}`,
      );
    expect(latest()).toEqual(['= 1-r0 ', '< 2-r0 ']);
    expect(latest({ allTags: true })).toEqual(['< 3-r0 edge', '< 2-r0 ']);
    expect(formatVersionStates(compareInstalled(installed, catalog), 0)).toEqual(['app', 'lib']);
  });

  it('are related as their grammar says', () => {
    expect([
      relate('1', '1_p1'),
      relate('2_rc1', '2'),
      relate('1.0', '1.0'),
      relate('1', '0.9'),
      relate('x', '1'),
    ]).toEqual(['<', '<', '=', '>', '?']);
  });
});

describe('owners', () => {
  it('are found by a path, and by what its links lead to', () => {
    const owner = (path: string): string | undefined => {
      const found = findPackageOwner(installed, path, system.follow);
      return found === undefined ? undefined : `${found.record.name}${found.isTarget ? ' by link' : ''}`;
    };
    expect([
      owner('/usr/bin/app'),
      owner('usr//lib/lib.so'),
      owner('/top'),
      owner('/bin/app'),
      owner('/usr/bin'),
      owner('/usr/bin/ap'),
    ]).toEqual(['app', 'lib', 'lib', 'app by link', undefined, undefined]);
  });
});
