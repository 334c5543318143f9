import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { failure, networkBench, request } from '../../helpers/network-bench.ts';
import type { Visit } from '../../helpers/https-mirror.ts';

const { fetcher, serve } = networkBench();

/** The connections of two requests, the first of which is answered by `refuse`. */
async function afterRefusal(refuse: (visit: Visit) => void): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  const server = await serve((visit) => {
    sockets.push(visit.request.socket);
    if (visit.count === 1) refuse(visit);
    else visit.response.end('here');
  });
  const files = fetcher();
  expect((await failure(files.fetch(request(server.url)))).code).toBe('ALP_FETCH_NOT_FOUND');
  await files.fetch(request(server.url));
  return sockets;
}

it('the connection of a refusal serves the next request', async () => {
  const [first, second] = await afterRefusal(({ response }) => void response.writeHead(404).end('not here'));
  expect(second).toBe(first);
});

it('the connection of a redirect serves the request that it leads to', async () => {
  const sockets: Socket[] = [];
  const server = await serve(({ count, request: { socket }, response }) => {
    sockets.push(socket);
    if (count === 1) response.writeHead(302, { location: '/there' }).end('elsewhere');
    else response.end('here');
  });
  await fetcher().fetch(request(server.url));
  expect(sockets[1]).toBe(sockets[0]);
});

it.each([
  [
    'large',
    (visit: Visit): void => void visit.response.writeHead(404, { 'content-length': 1 << 30 }).write('not here'),
  ],
  [
    'large and does not say so',
    (visit: Visit): void => void visit.response.writeHead(404).write(Buffer.alloc(100_000)),
  ],
  ['not coming to its end', (visit: Visit): void => void visit.response.writeHead(404).write('not here')],
])('a refusal that is %s is not waited for', async (_what, refuse) => {
  const [first, second] = await afterRefusal(refuse);
  expect(second).not.toBe(first);
});
