import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silent } from '../../src/core/events.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { serveMirror, type ServedMirror } from '../../src/mirror/serve.ts';

let root: string;
let directory: HostPath;
let server: ServedMirror;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'alproot-serve-'));
  directory = hostPath(join(root, 'mirror'));
  mkdirSync(join(directory, 'v3.19'), { recursive: true });
  writeFileSync(join(directory, 'v3.19', 'file.apk'), '0123456789');
  writeFileSync(join(directory, 'v3.19', 'empty.apk'), '');
  mkdirSync(join(directory, '.apt'));
  writeFileSync(join(directory, '.apt', 'hidden.apk'), 'hidden');
  writeFileSync(join(root, 'outside'), 'outside');
  symlinkSync('../../outside', join(directory, 'v3.19', 'escape.apk'));
  symlinkSync('../.apt/hidden.apk', join(directory, 'v3.19', 'hidden.apk'));
  symlinkSync('file.apk', join(directory, 'v3.19', 'alias.apk'));
  server = await serveMirror({ directory, now: Date.now(), emit: silent });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(`${server.url}${path}`, { headers, method });

describe('a served mirror', () => {
  it('gives whole files, and links that stay inside', async () => {
    expect(await (await get('/v3.19/file.apk')).text()).toBe('0123456789');
    expect(await (await get('/v3.19/alias.apk?x=1')).text()).toBe('0123456789');
    const empty = await get('/v3.19/empty.apk');
    expect([empty.status, await empty.text()]).toEqual([200, '']);
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=4-99', 206, '456789', 'bytes 4-9/10'],
    ['bytes=x', 200, '0123456789', null],
  ])('answers the range %s', async (range, status, text, content) => {
    const answer = await get('/v3.19/file.apk', { range });
    expect([answer.status, await answer.text(), answer.headers.get('content-range')]).toEqual([status, text, content]);
  });

  it('refuses a range beyond the end', async () => {
    expect((await get('/v3.19/file.apk', { range: 'bytes=10-' })).status).toBe(416);
  });

  it('sends nothing again that has not changed, and the whole file when a resumed one has', async () => {
    const first = await get('/v3.19/file.apk', {}, 'HEAD');
    const etag = first.headers.get('etag') ?? '';
    expect((await get('/v3.19/file.apk', { 'if-none-match': etag })).status).toBe(304);
    expect(
      (await get('/v3.19/file.apk', { 'if-modified-since': first.headers.get('last-modified') ?? '' })).status,
    ).toBe(304);
    expect((await get('/v3.19/file.apk', { range: 'bytes=2-', 'if-range': etag })).status).toBe(206);
    expect((await get('/v3.19/file.apk', { range: 'bytes=2-', 'if-range': '"other"' })).status).toBe(200);
  });

  it.each([
    '/.apt/hidden.apk',
    '/%2eapt/hidden.apk',
    '/v3.19/../.apt/hidden.apk',
    '/v3.19/%2e%2e/%2eapt/hidden.apk',
    '/v3.19/escape.apk',
    '/v3.19/hidden.apk',
    '/v3.19',
    '/',
    '/none',
    '/%00',
    '/%zz',
  ])('has nothing to say about %s', async (path) => {
    const answer = await get(path);
    expect([answer.status, await answer.text()]).toEqual([404, '']);
  });

  it('only reads', async () => {
    expect((await get('/v3.19/file.apk', {}, 'PUT')).status).toBe(405);
    expect((await get('/v3.19/file.apk', {}, 'DELETE')).status).toBe(405);
  });

  it('serves HTTPS with a certificate that a client can check, kept for the next time', async () => {
    const privateDirectory = hostPath(join(root, 'own', 'serve'));
    const tls = { privateDirectory };
    const secure = await serveMirror({ directory, tls, now: Date.now(), emit: silent });
    const ca = readFileSync(secure.certificateFile ?? '', 'utf8');
    const ask = (options: { ca?: string }): Promise<string> =>
      new Promise((resolve, reject) => {
        request(`https://localhost:${secure.port}/v3.19/file.apk`, { ...options, family: 4 }, (answer) => {
          answer.setEncoding('utf8').on('data', resolve);
        })
          .on('error', reject)
          .end();
      });
    expect(await ask({ ca })).toBe('0123456789');
    await expect(ask({})).rejects.toThrow(/self.signed/);
    await secure.close();
    expect([
      statSync(join(privateDirectory, 'serve.key')).mode & 0o777,
      statSync(privateDirectory).mode & 0o777,
    ]).toEqual([0o600, 0o700]);
    const again = await serveMirror({ directory, tls, now: Date.now(), emit: silent });
    expect(readFileSync(again.certificateFile ?? '', 'utf8')).toBe(ca);
    await again.close();
  });

  it('says when it cannot listen', async () => {
    await expect(serveMirror({ directory, port: server.port, now: Date.now(), emit: silent })).rejects.toMatchObject({
      code: 'ALP_USAGE_ARGUMENT',
    });
  });
});
