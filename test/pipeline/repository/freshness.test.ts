import { mirrorAt } from '../../../src/core/mirror.ts';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import type { Sha256Hex } from '../../../src/core/digest.ts';
import { hostPath } from '../../../src/core/paths.ts';
import type { RepositoryIndex } from '../../../src/core/package.ts';
import type { Signer } from '../../../src/core/verified.ts';
import { packApk } from '../../../src/mirror/pack.ts';
import { indexDirectory } from '../../../src/mirror/repository.ts';
import { generateSigningKey, type SigningKey } from '../../../src/mirror/signing.ts';
import { verifyFreshness } from '../../../src/pipeline/repository/freshness.ts';
import { withInstall } from '../../../src/pipeline/repository/install-context.ts';
import { openSession, withSession } from '../../../src/pipeline/session/session.ts';
import { fetchIndex } from '../../../src/pipeline/repository/repository-index.ts';
import { fetchSources } from '../../../src/pipeline/repository/release-indexes.ts';
import { alpineKeys } from '../../../src/pipeline/session/trusted-keys.ts';
import { BLOB_RECORD } from '../../../src/store/blobs.ts';
import { capability, SHARED } from '../../helpers/capabilities.ts';
import { startServer } from '../../helpers/https-mirror.ts';

let work: string;
let key: SigningKey;
beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-fresh-'));
  key = await generateSigningKey('test', 2048);
  writeFileSync(join(work, key.publicName), key.publicPem);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const config = (more: Partial<Config> = {}): Config => testConfig({ cache: hostPath(join(work, 'cache')), ...more });

/** A section of a mirror with one package of this age. */
async function publish(mirror: string, section: string, time: number): Promise<void> {
  const directory = join(work, mirror, 'v3.19', section, 'x86_64');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const { fileName, bytes } = await packApk({
    key,
    facts: {
      name: `in-${section}`,
      version: '1-r0',
      arch: 'x86_64',
      description: 'd',
      url: 'https://example.org',
      license: 'MIT',
      origin: 'o',
      maintainer: 'A <a@example.org>',
      buildTime: time,
    },
    entries: [],
  });
  writeFileSync(join(directory, fileName), bytes);
  await indexDirectory({ directory: hostPath(directory), description: `at ${time}`, time, key, arch: 'x86_64' });
}
const open = (mirrors: readonly string[], more: Partial<Config> = {}) => {
  const specs = mirrors.map((name) => mirrorAt(join(work, name), { keys: [hostPath(join(work, key.publicName))] }));
  return withInstall(config({ mirrors: specs, ...more }), async (session) =>
    (await fetchSources(session, { mirrors: specs, debian: undefined, release: '3.19' })).repositories.map(
      ({ index }) => index.location.replace(`${work}/`, ''),
    ),
  );
};

describe.skipIf(capability('upstream').skip)('a large index', () => {
  it('is parsed once, and again when what was kept of it is damaged', async () => {
    const name = 'v3.16-main-x86_64.APKINDEX.tar.gz';
    const directory = join(work, 'a', 'v3.19', 'main', 'x86_64');
    mkdirSync(directory, { recursive: true });
    cpSync(join(SHARED, 'upstream/apkindex', name), join(directory, 'APKINDEX.tar.gz'));
    const place = { mirror: mirrorAt(join(work, 'a')), keys: alpineKeys('x86_64'), path: 'v3.19/main' };
    const description = (): Promise<string | undefined> =>
      withSession(config(), async (session) => (await fetchIndex(session, place))?.description);
    const real = await description();
    await withSession(config(), (session) => {
      const [record = ''] = readdirSync(session.store.path('records')).filter((file) =>
        file.startsWith('index-form-'),
      );
      const sha256 = session.store.getRecord(record.replace('.json', ''), BLOB_RECORD)?.sha256 as Sha256Hex;
      // Another description of the same length, under the name of its own hash: only a reader of the form can say it.
      const marked = Buffer.from(
        readFileSync(session.store.blobPath(sha256))
          .toString('latin1')
          .replace(`"${real ?? ''}"`, `"${'kept'.padEnd(real?.length ?? 0)}"`),
        'latin1',
      );
      session.store.putRecord(record.replace('.json', ''), session.store.putBlob(marked), { codec: BLOB_RECORD });
      return Promise.resolve();
    });
    expect((await description())?.trim()).toBe('kept');
    await withSession(config(), (session) => {
      const [record = ''] = readdirSync(session.store.path('records')).filter((file) =>
        file.startsWith('index-form-'),
      );
      const sha256 = session.store.getRecord(record.replace('.json', ''), BLOB_RECORD)?.sha256 as Sha256Hex;
      const bytes = readFileSync(session.store.blobPath(sha256));
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      writeFileSync(session.store.blobPath(sha256), bytes);
      return Promise.resolve();
    });
    expect(await description()).toBe(real);
  });
});

describe('the indexes of a mirror', () => {
  it('may not go back in time, unless that is allowed', async () => {
    await publish('a', 'main', 2000);
    expect(await open(['a'])).toEqual(['a/v3.19/main']);
    await publish('a', 'main', 1000);
    await expect(open(['a'])).rejects.toMatchObject({
      code: 'ALP_STALE_ROLLBACK',
      message: expect.stringMatching(/at 1000.* offered, .*at 2000.* seen/),
      hint: expect.stringContaining('--allow-rollback'),
    });
    expect(await open(['a'], { allowRollback: true })).toEqual(['a/v3.19/main']);
  });

  it('are refused when one section is new and another old', async () => {
    await publish('a', 'main', 2000);
    await publish('a', 'community', 2000);
    await open(['a']);
    await publish('a', 'main', 3000);
    await publish('a', 'community', 1000);
    await expect(open(['a'])).rejects.toMatchObject({
      code: 'ALP_STALE_ROLLBACK',
      message: expect.stringContaining('v3.19/community'),
    });
  });

  it('come from one mirror alone: when a section of it lags behind, all come from the next', async () => {
    for (const mirror of ['a', 'b']) for (const section of ['main', 'community']) await publish(mirror, section, 2000);
    await open(['a']);
    await publish('a', 'community', 1000);
    expect(await open(['a', 'b'])).toEqual(['b/v3.19/main', 'b/v3.19/community']);
  });

  it('may not be older than --max-index-age says', async () => {
    const days = Date.now() / 1000 - 10 * 86_400;
    await publish('a', 'main', Math.floor(days));
    await expect(open(['a'], { maxIndexAgeDays: 9 })).rejects.toMatchObject({
      code: 'ALP_STALE_FROZEN',
      exitStatus: 10,
    });
    expect(await open(['a'], { maxIndexAgeDays: 11 })).toHaveLength(1);
  });
});

describe('an answer that was tampered with', () => {
  it('does not take the place of the good one that was fetched before', async () => {
    await publish('a', 'main', 2000);
    const good = readFileSync(join(work, 'a', 'v3.19', 'main', 'x86_64', 'APKINDEX.tar.gz'));
    let body = good;
    const server = await startServer(
      ({ request, response }) =>
        void (request.url?.includes('/main/') === true && request.url.endsWith('.gz')
          ? response.end(body)
          : response.writeHead(404).end()),
    );
    const specs = [mirrorAt(server.url, { keys: [hostPath(join(work, key.publicName))] })];
    const look = (offline: boolean) =>
      withInstall(config({ mirrors: specs, offline }), async (session) =>
        (await fetchSources(session, { mirrors: specs, debian: undefined, release: '3.19' })).repositories.map(
          ({ index }) => index.description,
        ),
      );
    try {
      expect(await look(false)).toEqual(['at 2000']);
      for (const bad of [Buffer.concat([good, Buffer.from('x')]), gzipSync(good), gzipSync('nothing')]) {
        body = bad;
        await expect(look(false)).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_VERIFY_/) });
      }
      expect(await look(true)).toEqual(['at 2000']);
    } finally {
      await server.close();
    }
  });
});

describe('what Alpine signed', () => {
  it('is one repository on all mirrors, so that a mirror that lags behind is found out', async () => {
    const session = await openSession(config());
    const alpine: Signer = { kind: 'key', keyName: [...alpineKeys('x86_64').keys()][0] ?? '', algorithm: 'sha1' };
    const offer = (base: string, time: number, signer: Signer = alpine): void => {
      const index = {
        location: `${base}/v3.19/main`,
        description: `at ${time}`,
        sha256: String(time),
        sizeBytes: 1,
        packages: [{ buildTime: time }],
      } as unknown as RepositoryIndex;
      verifyFreshness(session, { index, repository: 'v3.19/main', signers: [signer] });
    };
    offer('https://one.example', 2000);
    expect(() => offer('https://two.example', 1000)).toThrow(expect.objectContaining({ code: 'ALP_STALE_ROLLBACK' }));
    // A partial mirror of somebody's own is another thing.
    offer('https://two.example', 1000, { kind: 'key', keyName: 'me', algorithm: 'sha256' });
    await session.close();
  });
});
