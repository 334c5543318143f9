/** What is injected for a RUN with the network, in real sandboxes over the real minirootfs; nothing of it stays. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InjectedNetworkFiles } from '../../src/run/network-files.ts';
import { type BuildBench, makeBench, type OpenedImage } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMINE\n-----END CERTIFICATE-----';
const injection: InjectedNetworkFiles = {
  added: PEM,
  all: () => `ALL\n${PEM}`,
  env: { http_proxy: 'http://proxy.invalid:3128', HTTP_PROXY: 'http://proxy.invalid:3128', no_proxy: 'localhost' },
};
const CA = 'etc/ssl/certs/ca-certificates.crt';

let bench: BuildBench;
beforeEach(() => {
  bench = makeBench();
});
afterEach(() => bench.close());

const rootOf = (image: OpenedImage): string => image.opened.tree.root;
const read = (image: OpenedImage, path: string): string => readFileSync(join(rootOf(image), path), 'utf8');

for (const backend of ['bwrap', 'userns', 'proot', 'chroot'] as const) {
  const needs = capability('upstream', backend);
  describe.skipIf(needs.skip)(`a RUN with the network, under ${backend}${needs.reason}`, () => {
    const build = <T>(dockerfile: string, use: (image: OpenedImage) => T, network: 'host' | 'none' = 'host') =>
      bench.build(dockerfile, {}, use, { backend, injection, plan: { network } });
    const layerBytes = (): number => [...bench.layers.values()].at(-1)?.sizeBytes ?? 0;

    it("sees the user's CA certificates, the name service and the proxies, and leaves none of them", async () => {
      const dockerfile =
        'FROM alpine:3.19\nRUN grep -c MINE /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem > /out; grep -c . /etc/resolv.conf >> /out; env | grep -i _proxy | sort >> /out';
      const [out, ca, names] = await build(dockerfile, (image) => [
        read(image, 'out'),
        read(image, CA),
        readdirSync(join(rootOf(image), 'etc')),
      ]);
      const lines = readFileSync('/etc/resolv.conf', 'utf8')
        .split('\n')
        .filter((line) => line !== '').length;
      expect(out).toBe(
        `/etc/ssl/certs/ca-certificates.crt:1\n/etc/ssl/cert.pem:1\n${lines}\nHTTP_PROXY=http://proxy.invalid:3128\nhttp_proxy=http://proxy.invalid:3128\nno_proxy=localhost\n`,
      );
      expect(ca).toBe(readFileSync(join(bench.root, 'base', CA), 'utf8'));
      expect(names).not.toContain('resolv.conf');
      // The layer holds what the RUN wrote, and no certificates.
      expect(layerBytes()).toBeLessThan(20_000);
    });

    it('has nothing injected without the network', async () => {
      const out = await build(
        'FROM alpine:3.19\nRUN grep -c MINE /etc/ssl/cert.pem > /out; env | grep -ic _proxy >> /out; test -e /etc/resolv.conf || echo none >> /out',
        (image) => read(image, 'out'),
        'none',
      );
      expect(out).toBe('0\n0\nnone\n');
    });

    it('may write the file anew, or add to it, and keeps what it wrote, without what was injected', async () => {
      const replaced = await build(`FROM alpine:3.19\nRUN echo own > /tmp/x && mv /tmp/x /${CA}`, (image) =>
        read(image, CA),
      );
      expect(replaced).toBe('own\n');
      const base = readFileSync(join(bench.root, 'base', CA), 'utf8');
      expect(await build(`FROM alpine:3.19\nRUN echo own >> /${CA}`, (image) => read(image, CA))).toBe(`${base}own\n`);
    });

    it('has the file injected where the tree has none, and it is gone afterwards, directories and all', async () => {
      const dockerfile =
        'FROM alpine:3.19\nRUN --network=none rm -r /etc/ssl\nRUN grep -c ALL /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem > /out';
      const [out, left] = await build(dockerfile, (image) => [
        read(image, 'out'),
        existsSync(join(rootOf(image), 'etc', 'ssl')),
      ]);
      expect([out, left]).toEqual(['/etc/ssl/certs/ca-certificates.crt:1\n/etc/ssl/cert.pem:1\n', false]);
    });

    it('has the file injected again after apk has changed it, and apk meets it as it is', async () => {
      const met: boolean[] = [];
      bench.apk = ({ tree }) => {
        met.push(readFileSync(join(tree, CA), 'utf8').includes('MINE'));
        return Promise.resolve({ kind: 'done', status: 0, stdout: '', stderr: '' });
      };
      const out = await build(`FROM alpine:3.19\nRUN apk add x && grep -c MINE /${CA} > /out`, (image) =>
        read(image, 'out'),
      );
      expect([met, out]).toEqual([[false], '1\n']);
    });
  });
}
