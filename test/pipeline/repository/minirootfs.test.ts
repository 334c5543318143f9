import { mirrorAt } from '../../../src/core/mirror.ts';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import type { AlpEvent } from '../../../src/core/events.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { createRootfs } from '../../../src/pipeline/environment/rootfs.ts';
import { capability } from '../../helpers/capabilities.ts';
import { startServer, type TestServer } from '../../helpers/https-mirror.ts';
import { makeReleaseMirror } from '../../helpers/release-mirror.ts';

let work: string;
let server: TestServer | undefined;
let isWhole: boolean;
const events: AlpEvent[] = [];
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-minirootfs-'));
  isWhole = true;
  events.length = 0;
});
afterEach(async () => {
  await server?.close();
  rmSync(work, { recursive: true, force: true });
});

const config = (more: Partial<Config>): Config =>
  testConfig({ cache: hostPath(join(work, 'cache')), emit: (event) => void events.push(event), ...more });

/** Without its indexes when it is not whole. */
async function mirror(): Promise<Config> {
  const { directory, keyFile } = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'usr/share/app': 'app' } },
  ]);
  server = await startServer(({ request, response }) => {
    const file = join(directory, request.url ?? '');
    if (existsSync(file) && (isWhole || !file.includes('APKINDEX'))) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  return config({ mirrors: [mirrorAt(server.url, { keys: [hostPath(keyFile)] })] });
}

const install = (to: Config, name: string): ReturnType<typeof createRootfs> =>
  createRootfs(to, { directory: hostPath(join(work, name)), packages: ['app'] });
const asked = (): number =>
  (server?.visits ?? []).filter(({ path }) => path.endsWith('.tar.gz') && path.includes('minirootfs')).length;
const blobs = (): string[] =>
  readdirSync(join(work, 'cache/blobs'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(work, 'cache/blobs', name))
    .filter((path) => statSync(path).isFile());
const openBlobs = (): string[] =>
  readdirSync('/proc/self/fd')
    .map((fd) => join('/proc/self/fd', fd))
    .filter((fd) => existsSync(fd) && blobs().some((path) => statSync(path).ino === statSync(fd).ino));

describe.skipIf(capability('upstream').skip)('a minirootfs', () => {
  it('that was damaged in the store is fetched again, and the store is sound', async () => {
    const to = await mirror();
    await install(to, 'first');
    const [largest = ''] = blobs().sort((a, b) => statSync(b).size - statSync(a).size);
    const bytes = readFileSync(largest);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(largest, bytes);
    await install(to, 'second');
    expect(events).toContainEqual({
      kind: 'note',
      message: expect.stringMatching(/minirootfs.* was damaged in the store and is fetched again/),
    });
    expect(asked()).toBe(2);
    for (const path of blobs())
      expect(path.endsWith(createHash('sha256').update(readFileSync(path)).digest('hex'))).toBe(true);
  });

  it('is read through one descriptor, which is given back, also when nothing comes of it', async () => {
    const to = await mirror();
    await install(to, 'tree');
    expect(openBlobs()).toEqual([]);
    isWhole = false;
    await expect(install(to, 'other')).rejects.toMatchObject({ code: 'ALP_FETCH_NOT_FOUND' });
    expect(openBlobs()).toEqual([]);
  });
});
