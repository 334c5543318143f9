import { describe, expect, it } from 'vitest';
import { examineTls } from '../../../src/system/http/tls-chain.ts';
import { makePair, startServer } from '../../helpers/https-mirror.ts';

const root = makePair({ authority: true });

describe('the certificates of a server', () => {
  it.each([
    ['pass', makePair({ issuer: root }), undefined],
    ['have expired', makePair({ issuer: root, from: -9, until: -2 }), 'CERT_HAS_EXPIRED'],
    ['are for another host', makePair({ issuer: root, names: ['example.org'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['are self-signed', makePair({}), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('are shown when they %s, with the check that fails', async (_what, pair, failedCheck) => {
    const server = await startServer(({ response }) => void response.end(), pair);
    const report = await examineTls({
      host: 'localhost',
      port: server.port,
      roots: [root.certPem],
      timeoutMs: 10_000,
    });
    await server.close();
    expect(report.failedCheck).toBe(failedCheck);
    expect(report.chain[0]).toMatchObject({
      subject: 'Test Leaf',
      issuer: failedCheck === 'DEPTH_ZERO_SELF_SIGNED_CERT' ? 'Test Leaf' : 'Test Root',
    });
    expect(server.visits).toEqual([]);
  });

  it('are none where nobody listens', async () => {
    const server = await startServer(() => undefined);
    await server.close();
    expect(await examineTls({ host: '127.0.0.1', port: server.port, roots: [], timeoutMs: 10_000 })).toEqual({
      chain: [],
      failedCheck: 'ECONNREFUSED',
    });
  });
});
