import tls from 'node:tls';
import { expect, it, vi } from 'vitest';
import { networkBench, request } from '../../helpers/network-bench.ts';
import type { Visit } from '../../helpers/https-mirror.ts';

const { fetcher, serve } = networkBench();

it('what the authorities mean is worked out once for all connections', async () => {
  const waiting: Visit[] = [];
  // Nobody is answered before all have a connection.
  const server = await serve(
    (visit) => void (waiting.push(visit) === 3 && waiting.forEach(({ response }) => response.end('here'))),
  );
  const perConnection = vi.spyOn(tls, 'createSecureContext');
  try {
    const files = fetcher();
    await Promise.all([1, 2, 3].map(() => files.fetch(request(server.url))));
    expect(new Set(waiting.map(({ request: { socket } }) => socket)).size).toBe(3);
    expect(perConnection).not.toHaveBeenCalled();
  } finally {
    perConnection.mockRestore();
  }
});
