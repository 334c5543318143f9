import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex, type Sha256Hex } from '../../src/core/digest.ts';
import { AlprootError, isAlprootError } from '../../src/core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../src/core/paths.ts';
import { createBundleFetcher } from '../../src/fetch/bundle-fetcher.ts';
import { formatBundleManifest, type BundleFile } from '../../src/formats/lock/bundle-manifest.ts';
import { formatTar, formatTarItem, TAR_END, type TarItem } from '../../src/formats/tar/tar-writer.ts';
import { openBundle } from '../../src/ship/bundle.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { bundleFiles, CONTENT, sampleLock } from '../helpers/locks.ts';

let root: HostPath;
beforeEach(() => void (root = hostPath(mkdtempSync(join(tmpdir(), 'alproot-bundle-')))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const file = (path: string, bytes: Uint8Array): TarItem => ({ kind: 'file', path, mode: 0o644, bytes });
const blobs = (): TarItem[] => Object.values(CONTENT).map((bytes) => file(`blobs/sha256/${sha256Hex(bytes)}`, bytes));
const manifestOf = (files: readonly BundleFile[] = bundleFiles()): TarItem =>
  file('manifest.json', Buffer.from(formatBundleManifest({ lock: sampleLock(), files, keys: [], tool: [] })));

function refusal(bytes: Uint8Array, verify: () => string | undefined = () => undefined): string {
  const path = joinHost(root, 'x.alproot');
  writeFileSync(path, bytes);
  try {
    openBundle(path, { verify }).close();
    return 'accepted';
  } catch (error) {
    if (isAlprootError(error)) return error.code;
    throw error;
  }
}

const swapped = (text: string, from: string, to: string): TarItem =>
  file('manifest.json', Buffer.from(text.replace(from, to)));
const text = (): string => formatBundleManifest({ lock: sampleLock(), files: bundleFiles(), keys: [], tool: [] });
const sha = (path: string): Sha256Hex => sha256Hex(CONTENT[path]!);
const INDEX = 'v3.19/main/x86_64/APKINDEX.tar.gz';

describe('a bundle that somebody tampered with', () => {
  it('is accepted when nothing was changed', () => {
    expect(refusal(formatTar([manifestOf(), ...blobs()]))).toBe('accepted');
  });

  it.each<[string, () => Uint8Array, string]>([
    [
      'a digest that climbs',
      () => formatTar([swapped(text(), sha(INDEX), `../../${'x'.repeat(58)}`), ...blobs()]),
      'ALP_FORMAT_LOCK',
    ],
    [
      'a digest that climbs, in its list of files',
      () => {
        const whole = text();
        const at = whole.lastIndexOf(sha(INDEX));
        return formatTar([
          file('manifest.json', Buffer.from(`${whole.slice(0, at)}../../${'x'.repeat(58)}${whole.slice(at + 64)}`)),
          ...blobs(),
        ]);
      },
      'ALP_FORMAT_LOCK',
    ],
    ['a missing blob', () => formatTar([manifestOf(), ...blobs().slice(1)]), 'ALP_VERIFY_STRUCTURE'],
    [
      'a blob that nobody named',
      () => formatTar([manifestOf(), ...blobs(), file(`blobs/sha256/${sha256Hex('x')}`, Buffer.from('x'))]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a blob with other bytes',
      () =>
        formatTar([
          manifestOf(),
          ...blobs().slice(1),
          file(
            `blobs/sha256/${sha('v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz')}`,
            Buffer.from('minirootfz'),
          ),
        ]),
      'ALP_VERIFY_DIGEST',
    ],
    [
      'a blob of another length',
      () =>
        formatTar([
          manifestOf(),
          ...blobs().slice(1),
          file(
            `blobs/sha256/${sha('v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz')}`,
            Buffer.from('minirootf'),
          ),
        ]),
      'ALP_VERIFY_DIGEST',
    ],
    [
      'the same blob twice',
      () => formatTar([manifestOf(), ...blobs(), ...blobs().slice(0, 1)]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'an index swapped for another',
      () => {
        const other = Buffer.from('older');
        const files = bundleFiles().map((one) => (one.path === INDEX ? { ...one, sha256: sha256Hex(other) } : one));
        return formatTar([
          manifestOf(files),
          ...blobs().filter(({ path }) => !path.endsWith(sha(INDEX))),
          file(`blobs/sha256/${sha256Hex(other)}`, other),
        ]);
      },
      'ALP_VERIFY_DIGEST',
    ],
    [
      'a climbing entry',
      () => formatTar([manifestOf(), ...blobs(), file('../../evil', Buffer.from('x'))]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'an absolute entry',
      () => formatTar([manifestOf(), ...blobs(), file('/etc/evil', Buffer.from('x'))]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a climbing path in the manifest',
      () => formatTar([swapped(text(), INDEX, '../../x'), ...blobs()]),
      'ALP_FORMAT_LOCK',
    ],
    [
      'a link where a blob should be',
      () =>
        formatTar([
          manifestOf(),
          ...blobs().slice(1),
          { kind: 'symlink', path: blobs()[0]!.path, target: '/etc/passwd', mode: 0o777 },
        ]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a hard link',
      () =>
        formatTar([
          manifestOf(),
          ...blobs(),
          { kind: 'hardlink', path: 'tool/x', target: 'manifest.json', mode: 0o644 },
        ]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a directory',
      () => formatTar([manifestOf(), ...blobs(), { kind: 'directory', path: 'blobs', mode: 0o755 }]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a tool that nobody named',
      () => formatTar([manifestOf(), ...blobs(), file('tool/evil', Buffer.from('x'))]),
      'ALP_VERIFY_STRUCTURE',
    ],
    ['blobs before the manifest', () => formatTar([...blobs(), manifestOf()]), 'ALP_VERIFY_STRUCTURE'],
    ['no manifest', () => formatTar(blobs()), 'ALP_VERIFY_STRUCTURE'],
    ['two manifests', () => formatTar([manifestOf(), manifestOf(), ...blobs()]), 'ALP_VERIFY_STRUCTURE'],
    [
      'bytes after its end',
      () => Buffer.concat([formatTar([manifestOf(), ...blobs()]), Buffer.from('x'.repeat(512))]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'zeros after its end',
      () => Buffer.concat([formatTar([manifestOf(), ...blobs()]), Buffer.alloc(512)]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'a second archive after its end',
      () => Buffer.concat([formatTar([manifestOf(), ...blobs()]), formatTar([manifestOf()])]),
      'ALP_VERIFY_STRUCTURE',
    ],
    [
      'an unknown key in the manifest',
      () => formatTar([swapped(text(), '"bundle": 1', '"bundle": 1, "run": "x"'), ...blobs()]),
      'ALP_FORMAT_LOCK',
    ],
    [
      'a hash taken out of its lock',
      () => formatTar([swapped(text(), `"sha512": "`, `"sha51": "`), ...blobs()]),
      'ALP_FORMAT_LOCK',
    ],
    [
      'a newer format',
      () => formatTar([swapped(text(), '"bundle": 1', '"bundle": 2'), ...blobs()]),
      'ALP_USAGE_VERSION',
    ],
    [
      'a private key',
      () =>
        formatTar([
          swapped(text(), '"keys": []', '"keys": [{"name": "k", "pem": "-----BEGIN PRIVATE KEY-----"}]'),
          ...blobs(),
        ]),
      'ALP_FORMAT_LOCK',
    ],
    ['nothing in it', () => Buffer.alloc(0), 'ALP_VERIFY_STRUCTURE'],
    ['only an end', () => TAR_END, 'ALP_VERIFY_STRUCTURE'],
    ['a web page in its place', () => Buffer.from('<html>'.padEnd(2048, ' ')), 'ALP_FORMAT_TAR'],
  ])('is refused for %s', (_what, build, code) => {
    expect(refusal(build())).toBe(code);
  });

  it('is refused at every cut', () => {
    const whole = Buffer.concat([...[manifestOf(), ...blobs()].map(formatTarItem), TAR_END]);
    for (let at = 0; at < whole.length; at += 509) expect(refusal(whole.subarray(0, at))).toBe('ALP_VERIFY_STRUCTURE');
    expect(refusal(whole.subarray(0, -1))).toBe('ALP_VERIFY_STRUCTURE');
  });

  it('is refused for a flipped byte anywhere after its manifest', () => {
    const whole = formatTar([manifestOf(), ...blobs()]);
    for (let at = formatTarItem(manifestOf()).length; at < whole.length; at += 251) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      expect([at, refusal(flipped)]).not.toEqual([at, 'accepted']);
    }
  });

  it('is refused when verification finds a false signature, before its manifest is read', () => {
    const verify = (): never => {
      throw new AlprootError('ALP_VERIFY_SIGNATURE', 'bad signature');
    };
    expect(
      refusal(
        formatTar([
          file('manifest.json', Buffer.from('not json')),
          file('manifest.json.k.rsa.pub.sig', Buffer.alloc(256)),
        ]),
        verify,
      ),
    ).toBe('ALP_VERIFY_SIGNATURE');
  });

  it('leaves nothing in the store when a blob changes after it was verified', async () => {
    const store = openStore(joinHost(root, 'store'), { clock: systemClock });
    const find = (): {
      file: { sha256: Sha256Hex; sizeBytes: number };
      source: { name: string; sizeBytes: number; read: (target: Uint8Array, at: number) => number };
    } => ({
      file: { sha256: sha256Hex('good'), sizeBytes: 4 },
      source: { name: 'x', sizeBytes: 4, read: (target, at) => (at > 0 ? 0 : (target.set(Buffer.from('evil')), 4)) },
    });
    await expect(
      createBundleFetcher({ store, name: 'b', find }).fetch({ base: '', path: 'x', maxBytes: 10 }),
    ).rejects.toMatchObject({ code: 'ALP_VERIFY_DIGEST' });
    expect(store.hasBlob(sha256Hex('good'))).toBe(false);
    expect(readdirSync(join(root, 'store', 'tmp'))).toEqual([]);
  });
});
