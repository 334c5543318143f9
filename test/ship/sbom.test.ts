import { describe, expect, it } from 'vitest';
import type { Sha1Hex } from '../../src/core/digest.ts';
import type { PackageRecord } from '../../src/core/package.ts';
import { formatSbom } from '../../src/ship/sbom.ts';

const record = (name: string, more: Partial<PackageRecord> = {}): PackageRecord => ({
  name,
  version: '1.2-r3',
  arch: 'x86_64',
  checksum: { algorithm: 'sha1', hex: 'a'.repeat(40) as Sha1Hex },
  sizeBytes: 1,
  installedSizeBytes: 1,
  description: 'd',
  url: 'https://x.test/',
  license: 'MIT',
  origin: name,
  maintainer: '',
  buildTime: 0,
  commit: 'c0ffee',
  providerPriority: 0,
  depends: [],
  provides: [],
  installIf: [],
  replaces: [],
  replacesPriority: 0,
  ...more,
});
const OPTIONS = { subject: 'app:1', release: '3.19.4', toolVersion: '0.1.0' };
const musl = record('musl', { provides: [{ name: 'so:libc.musl-x86_64.so.1', version: '1' }] });
const app = record('g++', {
  depends: [
    { name: 'so:libc.musl-x86_64.so.1', op: 'any', version: '', conflict: false },
    { name: 'musl', op: 'any', version: '', conflict: true },
  ],
});

describe('the bill of materials', () => {
  it('names each package by its URL, and who needs whom through what is provided', () => {
    const document = JSON.parse(formatSbom([musl, app], OPTIONS)) as {
      components: { purl: string }[];
      dependencies: unknown;
    };
    const urls = [
      'pkg:apk/alpine/g%2B%2B@1.2-r3?arch=x86_64&distro=alpine-3.19.4',
      'pkg:apk/alpine/musl@1.2-r3?arch=x86_64&distro=alpine-3.19.4',
    ];
    expect(document.components.map((component) => component.purl)).toEqual(urls);
    expect(document.dependencies).toEqual([
      { ref: urls[0], dependsOn: [urls[1]] },
      { ref: urls[1], dependsOn: [] },
    ]);
  });

  it('is the same whatever the order, and another for other packages', () => {
    expect(formatSbom([app, musl], OPTIONS)).toBe(formatSbom([musl, app], OPTIONS));
    const serial = (text: string): string => (JSON.parse(text) as { serialNumber: string }).serialNumber;
    expect(serial(formatSbom([musl], OPTIONS))).not.toBe(serial(formatSbom([musl, app], OPTIONS)));
    expect(serial(formatSbom([musl], OPTIONS))).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});
