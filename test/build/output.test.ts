import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import { hostPath } from '../../src/core/paths.ts';
import { formatGzipMember } from '../../src/formats/gzip/gzip-writer.ts';
import { writeOutput, type OutputOptions } from '../../src/build/output.ts';
import { parseOutputSpec } from '../../src/build/output-spec.ts';
import { type BuildBench, type Files, makeBench } from '../helpers/build-host.ts';

let bench: BuildBench;
let out: string;
beforeAll(() => {
  bench = makeBench();
});
beforeEach(() => {
  out = join(bench.root, 'results');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
});
afterAll(() => bench.close());

const FILES: Files = { a: 'A', run: { mode: 0o755, text: '#!' } };
const DOCKERFILE = [
  'FROM scratch',
  'COPY --chown=5:6 a /d/a',
  'COPY --chmod=4755 run /bin/run',
  'COPY <<E /gone',
  'E',
  'ENV A=1 B="x y"',
  'LABEL z=1 a=2',
  'EXPOSE 80',
  'USER 5',
  'WORKDIR /d',
  'ENTRYPOINT ["/bin/run"]',
  'CMD ["x"]',
  'HEALTHCHECK --interval=5s CMD true',
  'VOLUME /v',
  'STOPSIGNAL SIGINT',
  'ONBUILD RUN x',
  'SHELL ["/bin/sh","-ec"]',
  'MAINTAINER me',
].join('\n');

async function write(spec: string, options: Partial<OutputOptions> = {}, built: BuildBench = bench) {
  return built.build(DOCKERFILE, FILES, (image) =>
    writeOutput(image, parseOutputSpec(spec), {
      cwd: hostPath(out),
      names: [],
      epoch: undefined,
      writeStandardOutput: () => undefined,
      ...options,
    }),
  );
}
const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(out, ...path), 'utf8'));
const blob = (image: string, digest: string) => json(image, 'blobs', 'sha256', digest.slice(7));

describe('a tree with SOURCE_DATE_EPOCH', () => {
  it('has the same times whether its steps were run or cached, in a tar and in a directory', async () => {
    const own = makeBench();
    try {
      const times = (name: string): string =>
        execFileSync('find', [join(out, name), '-mindepth', '1', '-printf', '%P %T@\n'], { encoding: 'utf8' })
          .split('\n')
          .sort()
          .join('\n');
      for (const run of ['made', 'found']) {
        await write(`type=tar,dest=${run}.tar`, { epoch: 1_000_000_000 }, own);
        own.trees.clear();
        await write(run, { epoch: 1_000_000_000 }, own);
      }
      expect(readFileSync(join(out, 'found.tar')).equals(readFileSync(join(out, 'made.tar')))).toBe(true);
      expect(times('found')).toBe(times('made'));
    } finally {
      own.close();
    }
  });
});

describe('local output', () => {
  it('puts the files into a directory, leaves what else is there, and no temporary name', async () => {
    mkdirSync(join(out, 'dir', 'd'), { recursive: true });
    writeFileSync(join(out, 'dir', 'd', 'other'), 'kept');
    writeFileSync(join(out, 'dir', 'd', 'a'), 'old');
    await write('dir');
    expect(readdirSync(join(out, 'dir')).sort()).toEqual(['bin', 'd', 'gone']);
    expect([readFileSync(join(out, 'dir/d/a'), 'utf8'), readFileSync(join(out, 'dir/d/other'), 'utf8')]).toEqual([
      'A',
      'kept',
    ]);
    expect(readdirSync(out)).toEqual(['dir']);
  });

  it('writes nothing when the build fails', async () => {
    await expect(bench.build('FROM scratch\nCOPY a /\nCOPY nothing /', FILES, () => undefined)).rejects.toThrow();
    expect(readdirSync(out)).toEqual([]);
  });

  it('does not follow a link that lies in its place', async () => {
    mkdirSync(join(out, 'outside'));
    mkdirSync(join(out, 'dir'));
    execFileSync('ln', ['-s', '../outside', join(out, 'dir', 'd')]);
    await write('type=local,dest=dir');
    expect([readdirSync(join(out, 'outside')), statSync(join(out, 'dir', 'd', 'a')).isFile()]).toEqual([[], true]);
  });
});

describe('tar output', () => {
  it('keeps owners and set-id bits, in a file or on standard output', async () => {
    await write('type=tar,dest=x.tar');
    const listing = execFileSync('tar', ['--numeric-owner', '-tvf', join(out, 'x.tar')], { encoding: 'utf8' });
    expect(listing).toMatch(/-rwsr-xr-x 0\/0 .* bin\/run/);
    expect(listing).toMatch(/-rw-r--r-- 5\/6 .* d\/a/);
    const chunks: Uint8Array[] = [];
    await write('-', { writeStandardOutput: (chunk) => void chunks.push(Buffer.from(chunk)) });
    expect(Buffer.concat(chunks).equals(readFileSync(join(out, 'x.tar')))).toBe(true);
  });
});

describe('images', () => {
  it('are the same twice, with separate caches', async () => {
    const other = makeBench();
    try {
      const first = await write('type=oci,dest=one', { names: ['app:1'] });
      const second = await write('type=oci,dest=two', { names: ['app:1'] }, other);
      expect(second).toEqual(first);
      expect(spawnSync('diff', ['-r', join(out, 'one'), join(out, 'two')]).status).toBe(0);
    } finally {
      other.close();
    }
  });

  it('have the configuration as docker writes it', async () => {
    await write('type=oci,dest=image', { names: ['registry/app:1.2'] });
    const index = json('image', 'index.json') as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(index.manifests[0]?.annotations).toEqual({
      'io.containerd.image.name': 'registry/app:1.2',
      'org.opencontainers.image.ref.name': '1.2',
    });
    const manifest = blob('image', index.manifests[0]!.digest) as {
      config: { digest: string };
      layers: { digest: string; mediaType: string }[];
    };
    const config = blob('image', manifest.config.digest) as {
      config: unknown;
      history: { empty_layer?: boolean }[];
      rootfs: { diff_ids: string[] };
      created: string;
      author: string;
    };
    expect(config.config).toEqual({
      User: '5',
      ExposedPorts: { '80/tcp': {} },
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1', 'B=x y'],
      Entrypoint: ['/bin/run'],
      Cmd: ['x'],
      Volumes: { '/v': {} },
      WorkingDir: '/d',
      Labels: { a: '2', z: '1' },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5e9 },
      Shell: ['/bin/sh', '-ec'],
      OnBuild: ['RUN x'],
    });
    expect([
      config.created,
      config.author,
      config.rootfs.diff_ids.length,
      config.history.filter((entry) => entry.empty_layer !== true).length,
    ]).toEqual(['1970-01-01T00:00:00Z', 'me', 3, 3]);
    expect(config.rootfs.diff_ids).toEqual(manifest.layers.map((layer) => layer.digest));
  });

  it('bound times by SOURCE_DATE_EPOCH', async () => {
    await write('type=oci,dest=image', { epoch: 1_000_000_000 });
    const index = json('image', 'index.json') as { manifests: { digest: string }[] };
    const manifest = blob('image', index.manifests[0]!.digest) as { layers: { digest: string }[] };
    const listing = execFileSync(
      'tar',
      ['--utc', '-tvf', join(out, 'image/blobs/sha256', manifest.layers[0]!.digest.slice(7))],
      { encoding: 'utf8' },
    );
    expect(
      listing
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.replace(/^.*(\d{4}-\d\d-\d\d \d\d:\d\d) /, '$1 ')),
    ).toEqual(['1970-01-01 00:00 d/', '2001-09-09 01:46 d/a']);
  });

  it('can be one tar, gzipped layers, or what docker loads', async () => {
    await write('type=docker,dest=d.tar', { names: ['app:1'] });
    await write('type=oci,dest=o.tar,compression=gzip');
    expect(execFileSync('tar', ['-tf', join(out, 'o.tar')], { encoding: 'utf8' })).toContain('oci-layout');
    const manifest = JSON.parse(
      execFileSync('tar', ['-xOf', join(out, 'd.tar'), 'manifest.json'], { encoding: 'utf8' }),
    ) as { RepoTags: string[]; Layers: string[] }[];
    expect([manifest[0]?.RepoTags, manifest[0]?.Layers.length]).toEqual([['app:1'], 3]);
  });

  it('have gzipped layers that are what gzip makes of the whole, and say what they hold', async () => {
    await write('type=oci,dest=plain,tar=false');
    await write('type=oci,dest=packed,tar=false,compression=gzip');
    const layersOf = (image: string) => {
      const index = json(image, 'index.json') as { manifests: { digest: string }[] };
      const manifest = blob(image, index.manifests[0]!.digest) as {
        config: { digest: string };
        layers: { digest: string; size: number; mediaType: string }[];
      };
      const config = blob(image, manifest.config.digest) as { rootfs: { diff_ids: string[] } };
      return {
        ids: config.rootfs.diff_ids,
        layers: manifest.layers.map((layer) => ({
          ...layer,
          bytes: readFileSync(join(out, image, 'blobs/sha256', layer.digest.slice(7))),
        })),
      };
    };
    const [plain, packed] = [layersOf('plain'), layersOf('packed')];
    expect(packed.ids).toEqual(plain.ids);
    for (const [at, { bytes, digest, size, mediaType }] of packed.layers.entries()) {
      expect(gunzipSync(bytes).equals(plain.layers[at]!.bytes)).toBe(true);
      expect([
        bytes.equals(await formatGzipMember(plain.layers[at]!.bytes)),
        `sha256:${sha256Hex(bytes)}`,
        bytes.length,
      ]).toEqual([true, digest, size]);
      expect(mediaType).toBe('application/vnd.oci.image.layer.v1.tar+gzip');
    }
  });

  it('are put down whole, over an older one', async () => {
    await write('type=oci,dest=image');
    writeFileSync(join(out, 'image', 'stale'), '');
    await write('type=oci,dest=image');
    expect([existsSync(join(out, 'image', 'stale')), readdirSync(out)]).toEqual([false, ['image']]);
  });
});

it('annotations are in the manifest, sorted, and change the digest', async () => {
  const plain = await write('type=oci,dest=image');
  const written = await write('type=oci,dest=image', { annotations: { 'org.z': '1', a: 'b' } });
  expect(JSON.stringify((blob('image', written!.digest) as { annotations: unknown }).annotations)).toBe(
    '{"a":"b","org.z":"1"}',
  );
  expect([written!.configDigest === plain!.configDigest, written!.digest === plain!.digest]).toEqual([true, false]);
});

it('an image without a name can be found as latest', async () => {
  await write('type=oci,dest=image');
  expect((json('image', 'index.json') as { manifests: { annotations: unknown }[] }).manifests[0]?.annotations).toEqual(
    { 'org.opencontainers.image.ref.name': 'latest' },
  );
});

describe('-o', () => {
  it.each([
    ['out', { type: 'local', dest: 'out', asTar: false, compression: 'uncompressed' }],
    ['-', { type: 'tar', dest: '-', asTar: true, compression: 'uncompressed' }],
    [
      'type=oci,dest=x.tar,name=a:b',
      { type: 'oci', dest: 'x.tar', asTar: true, compression: 'uncompressed', name: 'a:b' },
    ],
    ['type=oci,dest=x', { type: 'oci', dest: 'x', asTar: false, compression: 'uncompressed' }],
    [
      'type=oci,dest=x,oci-mediatypes=true,rewrite-timestamp=true,compression=gzip,compression-level=9,force-compression=true',
      { type: 'oci', dest: 'x', asTar: false, compression: 'gzip' },
    ],
    ['type=docker,dest=x', { type: 'docker', dest: 'x', asTar: true, compression: 'uncompressed' }],
  ])('%s', (text, spec) => {
    expect(parseOutputSpec(text)).toEqual(spec);
  });

  it('says what to do instead of pushing', () => {
    for (const text of ['type=registry,name=x', 'type=image,name=x']) {
      expect(() => parseOutputSpec(text)).toThrow(
        expect.objectContaining({ code: 'ALP_USAGE_OPTION', hint: expect.stringContaining('skopeo copy') }),
      );
    }
  });

  it.each([
    'type=registry,dest=x',
    'type=oci',
    'type=oci,dest=x,compression=zstd',
    'type=local,dest=-',
    'type=oci,dest=x,push=true',
    'dest=x',
  ])('%s is refused', (text) => {
    expect(() => parseOutputSpec(text)).toThrow(expect.objectContaining({ code: 'ALP_USAGE_OPTION' }));
  });
});
