/**
 * Two mirrors of one release, each served from this machine: what one has wrong, lacks or is slow with comes from the
 * other.
 */
import { mirrorAt } from '../../../src/core/mirror.ts';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import type { AlpEvent } from '../../../src/core/events.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { indexDirectory } from '../../../src/mirror/repository.ts';
import { createRootfs } from '../../../src/pipeline/environment/rootfs.ts';
import { capability } from '../../helpers/capabilities.ts';
import { startServer, type TestServer, type Visit } from '../../helpers/https-mirror.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../../helpers/release-mirror.ts';

const needs = capability('upstream');
let root: string;
let work: string;
let mirror: ReleaseMirror;
let events: AlpEvent[];
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-failover-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'app', version: '1-r0', depends: ['lib'], files: { 'usr/share/app': 'app' } },
    { name: 'lib', version: '1-r0', files: { 'usr/share/lib': 'lib' } },
  ]);
  await makeReleaseMirror(
    join(root, 'other'),
    [{ name: 'extra', version: '1-r0', files: { 'usr/share/extra': 'extra' } }],
    mirror.key,
  );
  // A second section with a package of its own, and an empty one.
  for (const [name, packages] of [
    ['community', 1],
    ['nothing', 0],
  ] as const) {
    const directory = join(root, name);
    mkdirSync(directory);
    if (packages > 0) cpSync(join(root, 'other/v3.19/main/x86_64/extra-1-r0.apk'), join(directory, 'extra-1-r0.apk'));
    await indexDirectory({
      directory: hostPath(directory),
      description: name,
      time: 1_700_000_000,
      key: mirror.key,
      arch: 'x86_64',
    });
  }
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-failover-'));
  events = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(work, { recursive: true, force: true });
});

type Answer = (visit: Visit, give: (from?: string) => void) => boolean;

/** @param instead answers by itself when it returns true */
async function serve(instead: Answer = () => false): Promise<TestServer> {
  const server = await startServer((visit) => {
    const path = visit.request.url ?? '';
    const give = (file = join(mirror.directory, path)): void =>
      void (existsSync(file) ? visit.response.end(readFileSync(file)) : visit.response.writeHead(404).end());
    if (!instead(visit, give)) give();
  });
  cleanups.push(server.close);
  return server;
}

const install = (bases: readonly string[], packages: readonly string[] = ['app']): ReturnType<typeof createRootfs> => {
  const config: Config = testConfig({
    cache: hostPath(join(work, 'cache')),
    mirrors: bases.map((base) => mirrorAt(base, { keys: [hostPath(mirror.keyFile)] })),
    emit: (event) => void events.push(event),
  });
  return createRootfs(config, { directory: hostPath(join(work, 'tree')), packages });
};
const warnings = (): string[] => events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
const asks = (visit: Visit, end: string): boolean => visit.request.url?.endsWith(end) === true;
const installed = (name: string): boolean => existsSync(join(work, 'tree/usr/share', name));
const flipped = (path: string): Buffer => {
  const bytes = Buffer.from(readFileSync(path));
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
};

describe.skipIf(needs.skip)(`of two mirrors${needs.reason}`, () => {
  const wrong: readonly [string, string, (path: string) => Buffer][] = [
    ['a package whose data differs', 'app-1-r0.apk', flipped],
    ['a package that is something else', 'app-1-r0.apk', () => Buffer.from('something else')],
    ['another package of that name', 'app-1-r0.apk', (path) => readFileSync(path.replace('app', 'lib'))],
    [
      'a package that is larger than the index says',
      'app-1-r0.apk',
      (path) => Buffer.concat([readFileSync(path), Buffer.alloc(9)]),
    ],
    ['an index whose signature does not fit', 'main/x86_64/APKINDEX.tar.gz', flipped],
    ['a minirootfs that is not the released one', 'minirootfs-3.19.4-x86_64.tar.gz', flipped],
  ];
  it.each(wrong)(
    '%s on the first is taken from the second, with a warning that names the first',
    async (_what, end, make) => {
      const bad = await serve(
        (visit) =>
          asks(visit, end) && (visit.response.end(make(join(mirror.directory, visit.request.url ?? ''))), true),
      );
      const good = await serve();
      await install([bad.url.replace('//', '//me:s3cret@'), good.url]);
      expect([installed('app'), installed('lib')]).toEqual([true, true]);
      expect(bad.visits.some(({ path }) => path.endsWith(end))).toBe(true);
      expect(
        warnings()
          .filter((text) => /gave something wrong/.test(text))
          .every((text) => text.includes(`localhost:${bad.port}`) && text.includes(`localhost:${good.port}`)),
      ).toBe(true);
      expect(warnings().join('\n')).toMatch(/gave something wrong/);
      expect(JSON.stringify(events)).not.toContain('s3cret');
    },
  );

  it('both wrong is refused as a failed verification, and nothing is left', async () => {
    const bad = (): Promise<TestServer> =>
      serve(
        (visit) =>
          asks(visit, 'app-1-r0.apk') &&
          (visit.response.end(flipped(join(mirror.directory, visit.request.url ?? ''))), true),
      );
    const bases = [(await bad()).url, (await bad()).url];
    await expect(install(bases)).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_VERIFY_/), exitStatus: 4 });
    expect(existsSync(join(work, 'tree'))).toBe(false);
  });

  it.each(['nothing', 'missing'])(
    'an empty or missing section on the first (%s) does not hide that of the second',
    async (kind) => {
      const community =
        (from: string): Answer =>
        (visit, give) => {
          const file = /\/community\/x86_64\/(.*)$/.exec(visit.request.url ?? '')?.[1];
          if (file !== undefined) give(join(root, from, file));
          return file !== undefined;
        };
      const first = await serve(community(kind));
      const second = await serve(community('community'));
      await install([first.url, second.url], ['app', 'extra']);
      expect([installed('extra'), installed('app')]).toEqual([true, true]);
      expect(warnings()).toEqual([]);
      // One repository is never mixed of two states of it.
      expect(second.visits.map(({ path }) => path)).toContain('/v3.19/community/x86_64/APKINDEX.tar.gz');
      expect(second.visits.map(({ path }) => path)).not.toContain('/v3.19/main/x86_64/APKINDEX.tar.gz');
    },
  );

  it('the first is left when it is slow, and not asked again where the second has it', async () => {
    const held: (() => void)[] = [];
    const slow = await serve((_visit, give) => (held.push(give), true));
    // Only when the other mirror is asked does the slow one answer: had nobody gone on, nobody would ever come to an
    // end.
    const good = await serve(() => {
      for (const give of held.splice(0)) give();
      return false;
    });
    await install([slow.url, good.url]);
    expect([installed('app'), installed('lib')]).toEqual([true, true]);
    expect(warnings().filter((text) => text.includes('cannot be used: no answer'))).toHaveLength(1);
    expect(slow.visits.filter(({ path }) => path.endsWith('.apk'))).toEqual([]);
  });

  it('that both fail at first, one that can be had in the end is used', async () => {
    const failing = (): Promise<TestServer> => {
      let left = 2;
      return serve(
        (visit) =>
          asks(visit, 'main/x86_64/APKINDEX.tar.gz') && left-- > 0 && (visit.response.writeHead(503).end(), true),
      );
    };
    await install([(await failing()).url, (await failing()).url]);
    expect(installed('app')).toBe(true);
  });
});
