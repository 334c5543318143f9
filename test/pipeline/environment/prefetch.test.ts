import { mirrorAt } from '../../../src/core/mirror.ts';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { createRootfs } from '../../../src/pipeline/environment/rootfs.ts';
import { capability } from '../../helpers/capabilities.ts';
import { startServer, type TestServer, type Visit } from '../../helpers/https-mirror.ts';
import { makeReleaseMirror } from '../../helpers/release-mirror.ts';

let work: string;
let server: TestServer | undefined;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-prefetch-'));
});
afterEach(async () => {
  await server?.close();
  rmSync(work, { recursive: true, force: true });
});

const config = (more: Partial<Config>): Config => testConfig({ cache: hostPath(join(work, 'cache')), ...more });

/** Serves a mirror of two packages; what `instead` answers is its business. */
async function mirror(
  instead: (visit: Visit, give: () => void) => boolean,
): Promise<{ readonly url: string; readonly keyFile: string }> {
  const { directory, keyFile } = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'near', version: '1-r0', depends: ['far'], files: { 'usr/share/near': 'near' } },
    { name: 'far', version: '1-r0', files: { 'usr/share/far': 'far' } },
  ]);
  server = await startServer((visit) => {
    const file = join(directory, visit.request.url ?? '');
    const give = (): void =>
      void (existsSync(file) ? visit.response.end(readFileSync(file)) : visit.response.writeHead(404).end());
    if (!instead(visit, give)) give();
  });
  return { url: server.url, keyFile };
}

const install = ({
  url,
  keyFile,
}: {
  readonly url: string;
  readonly keyFile: string;
}): ReturnType<typeof createRootfs> =>
  createRootfs(config({ mirrors: [mirrorAt(url, { keys: [hostPath(keyFile)] })] }), {
    directory: hostPath(join(work, 'tree')),
    packages: ['near'],
  });

const isMinirootfs = ({ request }: Visit): boolean =>
  request.url?.endsWith('.tar.gz') === true && request.url.includes('minirootfs');

describe.skipIf(capability('upstream').skip)('packages that are far away', () => {
  it('come with what they need while the minirootfs is still on its way', async () => {
    const asked: string[] = [];
    let held: (() => void) | undefined;
    const release = (): void => (asked.length === 2 ? held?.() : undefined);
    const made = await install(
      await mirror((visit, give) => {
        if (visit.request.url?.endsWith('.apk') === true) asked.push(visit.request.url);
        if (isMinirootfs(visit)) held = give;
        release();
        return isMinirootfs(visit);
      }),
    );
    expect(made.packages).toEqual(expect.arrayContaining(['far-1-r0', 'near-1-r0']));
    expect(asked.sort()).toEqual(['/v3.19/main/x86_64/far-1-r0.apk', '/v3.19/main/x86_64/near-1-r0.apk']);
    expect(readFileSync(join(work, 'tree/usr/share/far'), 'utf8')).toBe('far');
  });

  it('come while a section without an index is asked for one in the other format', async () => {
    const asked: string[] = [];
    const held: (() => void)[] = [];
    const made = await install(
      await mirror((visit, give) => {
        const { url = '' } = visit.request;
        if (url.endsWith('.apk')) asked.push(url);
        if (url.endsWith('/community/x86_64/Packages.adb')) held.push(give);
        if (asked.length === 2) for (const answer of held.splice(0)) answer();
        return url.endsWith('/community/x86_64/Packages.adb');
      }),
    );
    expect(made.packages).toEqual(expect.arrayContaining(['far-1-r0', 'near-1-r0']));
  });

  it('that were not what the index says do not matter until the plan has them', async () => {
    const place = await mirror((visit) => {
      if (visit.request.url?.endsWith('/far-1-r0.apk') === true) visit.response.end('something else');
      return visit.request.url?.endsWith('/far-1-r0.apk') === true;
    });
    await expect(install(place)).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_(?:VERIFY|FETCH)_/) });
    expect(existsSync(join(work, 'tree'))).toBe(false);
  });

  it('are not waited for when the minirootfs is refused', async () => {
    const place = await mirror((visit) => {
      if (isMinirootfs(visit)) visit.response.end('no minirootfs');
      return isMinirootfs(visit) || visit.request.url?.endsWith('.apk') === true;
    });
    await expect(install(place)).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_/) });
  });
});
