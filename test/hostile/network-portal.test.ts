/** Login pages, redirects to elsewhere, credentials, and no network at all. */
import { describe, expect, it } from 'vitest';
import { offlineClient } from '../../src/system/http/http.ts';
import type { Visit } from '../helpers/https-mirror.ts';
import { failure, networkBench, request, whole } from '../helpers/network-bench.ts';

const { client, fetcher, nothingKept, serve } = networkBench();

describe('a portal', () => {
  it.each<[string, (visit: Visit) => void]>([
    [
      'HTML',
      ({ response }) => void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<p>'),
    ],
    [
      'HTML under a false name',
      ({ response }) =>
        void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end('\n<!DOCTYPE html><html>'),
    ],
  ])('that answers with %s is named', async (_what, handler) => {
    const server = await serve(handler);
    const { code, message } = await failure(fetcher().fetch(request(server.url)));
    expect([code, message]).toEqual(['ALP_FETCH_PORTAL', expect.stringContaining('login page')]);
    nothingKept();
  });

  it.each([
    ['http://localhost:1/login', 'https to http'],
    ['file:///etc/passwd', 'not http'],
    ['ftp://localhost/x', 'not http'],
    ['https://169.254.169.254/', 'link-local'],
    ['https://[', 'no URL'],
  ])('that redirects to %s is refused', async (location, why) => {
    const server = await serve(({ response }) => void response.writeHead(302, { location }).end());
    const { code, message } = await failure(fetcher().fetch(request(server.url)));
    expect(code).toBe('ALP_FETCH_REDIRECT');
    expect(message).toContain(why.split(' ').at(-1));
    expect(server.visits).toHaveLength(1);
  });

  it('that redirects for ever is refused', async () => {
    const server = await serve(({ count, response }) => void response.writeHead(302, { location: `/${count}` }).end());
    expect((await failure(fetcher().fetch(request(server.url)))).code).toBe('ALP_FETCH_REDIRECT');
    expect(server.visits).toHaveLength(6);
  });
});

describe('credentials', () => {
  it('go to the origin that they are for, and not where it redirects', async () => {
    const other = await serve(whole);
    const server = await serve(({ response }) => void response.writeHead(302, { location: `${other.url}/x` }).end());
    await fetcher().fetch(request(server.url.replace('//', '//us%65r:s3cret@')));
    expect(server.visits[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:s3cret').toString('base64')}`);
    expect(other.visits[0]!.headers.authorization).toBeUndefined();
  });

  it("come from the user's own file when the URL has none", async () => {
    const server = await serve(whole);
    await fetcher(
      client({ credentials: ({ hostname }) => (hostname === 'localhost' ? { user: 'n', password: 'p' } : undefined) }),
    ).fetch(request(server.url));
    expect(server.visits[0]!.headers.authorization).toBe(`Basic ${Buffer.from('n:p').toString('base64')}`);
  });

  it('are never printed', async () => {
    const server = await serve(({ response }) => void response.writeHead(403).end());
    const error = await failure(fetcher().fetch(request(server.url.replace('//', '//user:s3cret@'))));
    expect(JSON.stringify([error.message, error.hint, error.facts, error.stack])).not.toContain('s3cret');
  });
});

describe('offline', () => {
  it('opens no connection and says how to get what is missing', async () => {
    const server = await serve(whole);
    const { code, hint } = await failure(fetcher(offlineClient()).fetch(request(server.url)));
    expect([code, hint]).toEqual(['ALP_FETCH_OFFLINE', expect.stringContaining('--offline')]);
    expect(server.visits).toEqual([]);
  });
});
