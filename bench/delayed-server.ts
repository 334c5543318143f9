/**
 * Serves a directory over HTTP as if it were far away: each new connection and each answer waits. `tsx
 * delayed-server.ts DIR MS`; prints its address.
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join, normalize } from 'node:path';

const [directory = '.', delay = '50'] = process.argv.slice(2);
const delayMs = Number(delay);
const known = new WeakSet<Socket>();

const server = createServer((request, response) => {
  const wait = known.has(request.socket) ? delayMs : 2 * delayMs;
  known.add(request.socket);
  setTimeout(() => {
    const path = join(
      directory,
      normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)),
    );
    const size = statSync(path, { throwIfNoEntry: false });
    if (size?.isFile() !== true) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': size.size, 'last-modified': size.mtime.toUTCString() });
    return void createReadStream(path).pipe(response);
  }, wait);
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`),
);
