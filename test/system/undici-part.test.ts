/** What the bundle has of undici, in place of the whole of it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as whole from 'undici';
import { builtCommand } from '../helpers/cli.ts';

const part = createRequire(import.meta.url)('../../scripts/undici.cjs') as typeof whole;

let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => response.end(`got ${request.url ?? ''} at ${request.headers.host ?? ''}`));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

it('is the same as in the whole', () => {
  expect(part.Agent).toBe(whole.Agent);
  expect(part.ProxyAgent).toBe(whole.ProxyAgent);
  expect(part.buildConnector).toBe(whole.buildConnector);
});

it('has all that src/ imports by name', async () => {
  const { readdirSync, readFileSync } = await import('node:fs');
  const names = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).flatMap((name) =>
    [...readFileSync(`src/${name}`, 'utf8').matchAll(/import \{([^}]*)\} from 'undici'/g)].flatMap(([, list = '']) => list.split(',').map((word) => word.trim()).filter((word) => !word.startsWith('type '))));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !(name in part))).toEqual([]);
});

it('comes into the program without the client for HTTP/2', async () => {
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(join(dirname(builtCommand()), 'engine-undici.cjs'), 'utf8');
  expect(text).toContain('node:net');
  expect(text).not.toContain('node:http2');
});

it('asks directly and through a proxy', async () => {
  const answers = await Promise.all([new part.Agent(), new part.ProxyAgent({ uri: origin, proxyTunnel: false })].map(async (dispatcher) => {
    const { body } = await dispatcher.request({ origin: origin.replace('127.0.0.1', 'localhost'), path: '/x', method: 'GET' });
    const text = await body.text();
    await dispatcher.close();
    return text.replace(/\d{3,}/g, 'PORT');
  }));
  expect(answers).toEqual(['got /x at localhost:PORT', 'got http://localhost:PORT/x at localhost:PORT']);
});
