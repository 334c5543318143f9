/**
 * Files and packages of sizes and counts at which programs break, each put through the real command, which tells how
 * much was resident at most. Content is zeros between two words: it deflates to next to nothing, and is holes on the
 * disk.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, crc32, deflateRawSync, gunzipSync } from 'node:zlib';
import { hostPath } from '../../src/core/paths.ts';
import { writeRelease } from '../../src/mirror/release.ts';
import { builtCommand, runArgv } from './cli.ts';
import { makeApk, rawEntry, rawHeader, type RawEntry } from './make-apk.ts';
import { makeReleaseMirror, type ReleaseMirror } from './release-mirror.ts';
import { upstreamRoot } from './upstream.ts';

/** Around what 31 and 32 bits hold, and the most that eleven octal digits do. */
export const SIZES = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 8 ** 11 - 1] as const;

export interface LargeBench {
  readonly root: string;
  readonly mirror: ReleaseMirror;
  readonly close: () => void;
}

export interface LargeOutcome {
  /** What did not hold; nothing when all did. */
  readonly wrong: readonly string[];
  readonly residentMiB: number;
}

export async function makeLargeBench(): Promise<LargeBench> {
  const root = mkdtempSync(join(tmpdir(), 'alproot-large-'));
  // What getrusage(2) says would be that of the process it was forked from, where that was larger.
  writeFileSync(
    join(root, 'told.cjs'),
    `const fs = require('node:fs'); process.on('exit', () => fs.appendFileSync(process.env.TOLD, /VmHWM:\\s*(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1] + '\\n'));`,
  );
  return {
    root,
    mirror: await makeReleaseMirror(join(root, 'mirror'), []),
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

const MIB = 2 ** 20;
const ZEROS = Buffer.alloc(16 * MIB);
const [HEAD, TAIL] = [Buffer.from('head'), Buffer.from('tail')];

/** Bytes, or so many zeros. */
type Part = Buffer | number;
const contentOf = (sizeBytes: number): Part[] => [HEAD, sizeBytes - HEAD.length - TAIL.length, TAIL];

function* pieces(parts: Iterable<Part>): Generator<Buffer> {
  for (const part of parts) {
    if (Buffer.isBuffer(part)) yield part;
    else for (let left = part; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}

const flushed = (bytes: Uint8Array): Buffer => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH });

/** A whole gzip member; a run of zeros is deflated once, and repeated. */
function memberOf(parts: Iterable<Part>): Buffer {
  const run = flushed(ZEROS);
  const out: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])];
  let [crc, size] = [0, 0];
  for (const piece of pieces(parts)) {
    out.push(piece.buffer === ZEROS.buffer && piece.length === ZEROS.length ? run : flushed(piece));
    crc = crc32(piece, crc);
    size += piece.length;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  return Buffer.concat([...out, deflateRawSync(Buffer.alloc(0)), trailer]);
}

const padding = (sizeBytes: number): number => (512 - (sizeBytes % 512)) % 512;

function sha1Of(parts: Iterable<Part>): string {
  const hash = createHash('sha1');
  for (const piece of pieces(parts)) hash.update(piece);
  return hash.digest('hex');
}

/** Runs the command to its end, in a directory and with a store of its own, and checks what it made. */
async function tried(
  { root, mirror }: LargeBench,
  words: readonly string[],
  { most, prepare, verify }: { most: number; prepare?: (place: string) => void; verify: (place: string) => string[] },
): Promise<LargeOutcome> {
  const place = mkdtempSync(join(root, 'place-'));
  try {
    prepare?.(place);
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: place,
      TMPDIR: place,
      ALPROOT_CACHE: join(place, 'cache'),
      NODE_OPTIONS: `--require=${join(root, 'told.cjs')}`,
      TOLD: join(place, 'told'),
    };
    const { status, stderr } = await runArgv([process.execPath, builtCommand(), ...words, ...mirror.args], {
      cwd: place,
      env,
    });
    const residentMiB = Math.round(
      Math.max(...readFileSync(join(place, 'told'), 'utf8').trim().split('\n').map(Number)) / 1024,
    );
    const wrong = status === 0 ? verify(place) : [`ends with ${status}: ${stderr.slice(-600)}`];
    return {
      wrong: [...wrong, ...(residentMiB < most ? [] : [`${residentMiB} MiB were resident, more than ${most}`])],
      residentMiB,
    };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Of streams. */
const MOST_MIB = 256;
/** Of a million names. */
const MOST_NAMES_MIB = 512;

/** Its length, its two ends, and that it has taken no room for zeros. */
function checkFile(path: string, sizeBytes: number): string[] {
  const { size, blocks } = lstatSync(path);
  const ends = Buffer.alloc(8);
  const fd = openSync(path, 'r');
  readSync(fd, ends, 0, 4, 0);
  readSync(fd, ends, 4, 4, sizeBytes - 4);
  closeSync(fd);
  return [
    ...(size === sizeBytes ? [] : [`is ${size} bytes long`]),
    ...(ends.toString() === 'headtail' ? [] : [`has ${JSON.stringify(ends.toString())} at its ends`]),
    ...(blocks * 512 < 64 * MIB ? [] : [`takes ${blocks * 512} bytes of the disk`]),
  ];
}

/** From a context through COPY into a directory and into the layer of an image. */
export const tryContext = (bench: LargeBench, sizeBytes: number): Promise<LargeOutcome> =>
  tried(bench, ['build', '-o', 'out', '-o', 'type=oci,dest=image,tar=false', 'context'], {
    most: MOST_MIB,
    prepare: (place) => {
      mkdirSync(join(place, 'context'));
      writeFileSync(join(place, 'context', 'Dockerfile'), 'FROM scratch\nCOPY large /\n');
      writeFileSync(join(place, 'context', 'large'), HEAD);
      truncateSync(join(place, 'context', 'large'), sizeBytes - TAIL.length);
      writeFileSync(join(place, 'context', 'large'), TAIL, { flag: 'a' });
    },
    verify: (place) => {
      const blobs = join(place, 'image/blobs/sha256');
      const layer = readdirSync(blobs).find((name) => lstatSync(join(blobs, name)).size > sizeBytes) ?? '';
      const listed = layer === '' ? '' : execFileSync('tar', ['-tvf', join(blobs, layer)], { encoding: 'utf8' });
      return [
        ...checkFile(join(place, 'out/large'), sizeBytes),
        ...(new RegExp(`^-\\S+ +\\S+ +${sizeBytes} .* large$`, 'm').test(listed)
          ? []
          : [`the layer has ${listed || 'nothing'}`]),
      ];
    },
  });

/** Puts a package into the mirror in the place of the last one. */
async function publish({ mirror }: LargeBench, tar: Iterable<Part>, installedBytes: number): Promise<void> {
  const apk = makeApk(
    { info: { pkgname: 'large', pkgver: '1-r0', size: String(installedBytes) }, spoil: () => memberOf(tar) },
    mirror.key,
  );
  writeFileSync(join(mirror.directory, 'v3.19/main/x86_64/large-1-r0.apk'), apk);
  await mirror.publish();
}

const END = Buffer.alloc(1024);

/** From a package. */
export async function tryPackage(bench: LargeBench, sizeBytes: number): Promise<LargeOutcome> {
  const header = rawEntry({ name: 'large', size: sizeBytes, checksum: sha1Of(contentOf(sizeBytes)) });
  await publish(bench, [header, ...contentOf(sizeBytes), padding(sizeBytes), END], sizeBytes);
  return tried(bench, ['rootfs', 'create', 'tree', '-p', 'large'], {
    most: MOST_MIB,
    verify: (place) => checkFile(join(place, 'tree/large'), sizeBytes),
  });
}

/** A header whose size is written in bytes, not in digits. */
export function binarySizeHeader(entry: RawEntry, sizeBytes: bigint): Buffer {
  const block = rawHeader(entry);
  block[124] = 0x80;
  for (let at = 0; at < 11; at++) block[135 - at] = Number((sizeBytes >> BigInt(8 * at)) & 0xffn);
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
  return block;
}

/** From a minirootfs, with its size in bytes, as tar writes it from 8 GiB on; smaller ones have digits. */
export async function tryRootfs(bench: LargeBench, sizeBytes: number): Promise<LargeOutcome> {
  // A mirror of its own: the others' trees are small.
  const mirror = await makeReleaseMirror(mkdtempSync(join(bench.root, 'mirror-')), [], bench.mirror.key);
  const real = gunzipSync(readFileSync(join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz')));
  const entries = real.subarray(0, Math.ceil((real.findLastIndex((byte) => byte !== 0) + 1) / 512) * 512);
  const minirootfs = memberOf([
    entries,
    binarySizeHeader({ name: 'large' }, BigInt(sizeBytes)),
    ...contentOf(sizeBytes),
    padding(sizeBytes),
    END,
  ]);
  writeRelease({
    mirror: hostPath(mirror.directory),
    branch: 'v3.19',
    release: '3.19.900',
    arch: 'x86_64',
    minirootfs,
    title: 'test',
    time: 1_700_000_000,
    key: mirror.key,
  });
  return tried({ ...bench, mirror }, ['rootfs', 'create', 'tree'], {
    most: MOST_MIB,
    verify: (place) => checkFile(join(place, 'tree/large'), sizeBytes),
  });
}

/** One file with so many further names, more than most file systems give one. */
export async function tryHardLinks(bench: LargeBench, count: number): Promise<LargeOutcome> {
  const links = Array.from({ length: count }, (_, at) =>
    rawEntry({ name: `d/link${at}`, type: '1', target: 'd/file', checksum: false }),
  );
  await publish(
    bench,
    [
      Buffer.concat([rawEntry({ name: 'd/', type: '5' }), rawEntry({ name: 'd/file', content: 'content' }), ...links]),
      END,
    ],
    4096,
  );
  return tried(bench, ['rootfs', 'create', 'tree', '-p', 'large'], {
    most: MOST_NAMES_MIB,
    verify: (place) => {
      const names = readdirSync(join(place, 'tree/d'));
      const odd = names.filter((name) => lstatSync(join(place, 'tree/d', name)).size !== 'content'.length);
      return [
        ...(names.length === count + 1 ? [] : [`has ${names.length} names`]),
        ...(odd.length === 0 ? [] : [`${odd.length} of them are something else`]),
      ];
    },
  });
}

const IN_ONE_DIRECTORY = 4096;

function* emptyFiles(count: number): Generator<Buffer> {
  // What stands before each of them is the same.
  const pax = rawEntry({ name: 'x' }).subarray(0, -512);
  for (let from = 0; from < count; from += IN_ONE_DIRECTORY) {
    const directory = `d${from / IN_ONE_DIRECTORY}`;
    const files = Array.from({ length: Math.min(IN_ONE_DIRECTORY - 1, count - from - 1) }, (_, at) =>
      Buffer.concat([pax, rawHeader({ name: `${directory}/${at}` })]),
    );
    yield Buffer.concat([rawHeader({ name: `${directory}/`, type: '5' }), ...files]);
  }
  yield END;
}

/** A package of so many entries. */
export async function tryEntries(bench: LargeBench, count: number): Promise<LargeOutcome> {
  await publish(bench, emptyFiles(count), 16 * 2 ** 30);
  return tried(bench, ['rootfs', 'create', 'tree', '-p', 'large'], {
    most: MOST_NAMES_MIB,
    verify: (place) => {
      const directories = readdirSync(join(place, 'tree')).filter((name) => /^d\d+$/.test(name));
      const found = directories.reduce((sum, name) => sum + 1 + readdirSync(join(place, 'tree', name)).length, 0);
      return found === count ? [] : [`has ${found} entries`];
    },
  });
}
