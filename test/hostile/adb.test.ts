/** v3 packages under a right signature that are wrong inside: none is accepted, none is unpacked. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { sha256Hex } from '../../src/core/digest.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { PackageRecord } from '../../src/core/package.ts';
import { hostPath } from '../../src/core/paths.ts';
import type { AdbSchema } from '../../src/formats/adb/adb-block-reader.ts';
import { ADB_KINDS } from '../../src/formats/adb/adb-schema.ts';
import type { AdbObject, AdbValue } from '../../src/formats/adb/adb-values.ts';
import { createAdbWriter, formatAdbBlock, formatAdbFile, writeAdbFields } from '../../src/formats/adb/adb-writer.ts';
import { adbSignature } from '../../src/mirror/adb-sign.ts';
import type { SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const key: SigningKey = {
  publicName: 'ours.pub',
  privatePem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicPem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
};
const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);

const object = (fields: Readonly<Record<string, AdbValue | string | undefined>>): AdbObject =>
  new Map(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value === 'string' ? Buffer.from(value, 'latin1') : (value as AdbValue)]),
  );
const acl = (mode: number): AdbObject => object({ mode, user: 'root', group: 'root' });

interface FileText {
  readonly name: string;
  readonly content?: string;
  readonly link?: string;
  readonly kind?: number;
  readonly hash?: Buffer;
  readonly size?: number;
}
interface Raw {
  readonly info?: Readonly<Record<string, string>>;
  readonly paths?: readonly (readonly [path: string, files: readonly FileText[]])[];
  /** Instead of what the files have: directory, file, content. */
  readonly data?: readonly (readonly [number, number, string])[];
  readonly schema?: AdbSchema;
  readonly blocks?: (blocks: readonly Buffer[]) => readonly Buffer[];
}

const entryOf = ({ name, content = '', link, kind = 0xa000, hash, size }: FileText): AdbObject => {
  const target =
    link === undefined
      ? undefined
      : Buffer.concat([Buffer.from([kind & 0xff, kind >> 8]), Buffer.from(link, 'latin1')]);
  return object({
    name,
    acl: acl(0o644),
    size: size ?? content.length,
    mtime: 1_700_000_000,
    hash: target === undefined ? (hash ?? Buffer.from(sha256Hex(content), 'hex')) : undefined,
    target,
  });
};

function makePackage({
  info = {},
  paths = [['usr/bin', [{ name: 'tool', content: 'content' }]]],
  data,
  schema = 'package',
  blocks = (all) => all,
}: Raw = {}): Buffer {
  const root = object({
    info: object({ name: 'a', version: '1.0-r0', arch: 'x86_64', 'installed-size': 4096, ...info }),
    paths: [
      object({ acl: acl(0o755) }),
      object({ name: 'usr', acl: acl(0o755) }),
      ...paths.map(([name, files]) =>
        object({ name, acl: acl(0o755), files: files.length === 0 ? undefined : files.map(entryOf) }),
      ),
    ],
  });
  const writer = createAdbWriter();
  const block = writer.finish(writer.list(writeAdbFields(writer, root, ADB_KINDS.package)));
  const content =
    data ??
    paths.flatMap(([, files], at) =>
      files.flatMap(({ content: text = '', link }, position) =>
        text === '' || link !== undefined ? [] : [[at + 3, position + 1, text] as const],
      ),
    );
  const dataBlocks = content.map(([path, file, text]) => {
    const ids = Buffer.alloc(8);
    ids.writeUInt32LE(path, 0);
    ids.writeUInt32LE(file, 4);
    return formatAdbBlock('data', Buffer.concat([ids, Buffer.from(text, 'latin1')]));
  });
  return formatAdbFile(
    schema,
    blocks([
      formatAdbBlock('adb', block),
      formatAdbBlock('signature', adbSignature(schema, block, key)),
      ...dataBlocks,
    ]),
  );
}

const verdict = (bytes: Buffer, expected?: PackageRecord): string => {
  try {
    verifyPackage(bufferSource('a.apk', bytes), { keys, expected });
    return 'accepted';
  } catch (error) {
    return error instanceof AlprootError ? error.code : String(error);
  }
};
const STRUCTURE = 'ALP_VERIFY_STRUCTURE';
const tool: FileText = { name: 'tool', content: 'content' };
const inBin = (...files: FileText[]): Raw => ({ paths: [['usr/bin', files]] });

describe('a v3 package that its maker signed', () => {
  it('is accepted when it is right', () => {
    expect(verdict(makePackage())).toBe('accepted');
  });

  it.each<[string, string, Raw]>([
    ['a name with a slash', STRUCTURE, inBin({ name: 'a/b' })],
    ['the name ..', STRUCTURE, inBin({ name: '..', content: 'x' })],
    ['an empty name', STRUCTURE, inBin({ name: '', content: 'x' })],
    ['a name with a zero byte', STRUCTURE, inBin({ name: 'a\0b' })],
    ['a directory that climbs out', 'ALP_UNPACK_PATH', { paths: [['usr/../../etc', [tool]]] }],
    ['an absolute directory', STRUCTURE, { paths: [['/etc', [tool]]] }],
    [
      'directories out of order',
      STRUCTURE,
      {
        paths: [
          ['usr/lib', []],
          ['usr/bin', []],
        ],
      },
    ],
    [
      'a directory twice',
      STRUCTURE,
      {
        paths: [
          ['usr/bin', []],
          ['usr/bin', []],
        ],
      },
    ],
    ['files out of order', STRUCTURE, inBin({ name: 'b', content: 'x' }, { name: 'a', content: 'y' })],
    ['a file twice', STRUCTURE, inBin(tool, tool)],
    ['a SHA-256 of 160 bits', STRUCTURE, inBin({ ...tool, hash: Buffer.alloc(20) })],
    ['a file without hash', STRUCTURE, inBin({ ...tool, hash: Buffer.alloc(0) })],
    ['a wrong hash', 'ALP_VERIFY_DIGEST', inBin({ ...tool, hash: Buffer.alloc(32, 1) })],
    ['an empty file with another hash', 'ALP_VERIFY_DIGEST', inBin({ name: 'tool', hash: Buffer.alloc(32, 1) })],
    ['a link of an unknown kind', STRUCTURE, inBin({ name: 'tool', link: 'x', kind: 0x4000 })],
    ['data of an unknown file', STRUCTURE, { data: [[9, 9, 'content']] }],
    ['data of another size', STRUCTURE, { data: [[3, 1, 'conten']] }],
    ['no data', STRUCTURE, { data: [] }],
    [
      'data twice',
      STRUCTURE,
      {
        data: [
          [3, 1, 'content'],
          [3, 1, 'content'],
        ],
      },
    ],
    ['an index in place of a package', STRUCTURE, { schema: 'index', data: [] }],
    ['two ADB blocks', STRUCTURE, { blocks: ([adb = Buffer.alloc(0), ...rest]) => [adb, adb, ...rest] }],
    [
      'a signature after data',
      'ALP_VERIFY_SIGNATURE',
      { blocks: ([adb = Buffer.alloc(0), signature = Buffer.alloc(0), ...data]) => [adb, ...data, signature] },
    ],
    ['no signature', 'ALP_VERIFY_SIGNATURE', { blocks: ([adb = Buffer.alloc(0), , ...data]) => [adb, ...data] }],
    ['no ADB block', STRUCTURE, { blocks: ([, ...rest]) => rest }],
    ['a name that is a path', 'ALP_UNPACK_PATH', { info: { name: '../a' } }],
    ['a version that is a path', 'ALP_UNPACK_PATH', { info: { version: '1/2' } }],
    ['an architecture that is a path', STRUCTURE, { info: { arch: '../x' } }],
    ['a line break in the description', STRUCTURE, { info: { description: 'a\nP:evil' } }],
  ])('is refused for %s with %s', (_what, code, raw) => {
    expect(verdict(makePackage(raw))).toBe(code);
  });

  it('is refused where an index promises a v2 package, or another v3 one', () => {
    const bytes = makePackage();
    const { record } = verifyPackage(bufferSource('a.apk', bytes), { keys }).package;
    expect(verdict(bytes, record)).toBe('accepted');
    expect(
      verdict(bytes, {
        ...record,
        checksum: { algorithm: 'sha1', hex: (record.checksum?.hex ?? '').slice(0, 40) as never },
      }),
    ).toBe('ALP_VERIFY_DIGEST');
    expect(verdict(makePackage({ info: { description: 'other' } }), record)).toBe('ALP_VERIFY_DIGEST');
    expect(verdict(bytes, { ...record, version: '2.0-r0' })).toBe('ALP_VERIFY_IDENTITY');
  });
});

describe('a v3 index that its maker signed', () => {
  function makeIndex(fields: Readonly<Record<string, string>>): Buffer {
    const info = object({
      name: 'a',
      version: '1.0-r0',
      arch: 'x86_64',
      'installed-size': 4096,
      'file-size': 100,
      hashes: Buffer.alloc(32, 7),
    });
    const writer = createAdbWriter();
    const block = writer.finish(
      writer.list(
        writeAdbFields(writer, object({ description: 'test', packages: [info], ...fields }), ADB_KINDS.index),
      ),
    );
    return formatAdbFile('index', [
      formatAdbBlock('adb', block),
      formatAdbBlock('signature', adbSignature('index', block, key)),
    ]);
  }
  const verify = (fields: Readonly<Record<string, string>>): string => {
    try {
      return verifyIndex(makeIndex(fields), { location: 'test', keys })
        .index.packages.map(({ name }) => name)
        .join();
    } catch (error) {
      return error instanceof AlprootError ? `${error.code} ${error.message}` : String(error);
    }
  };

  it('may say that its packages have their usual names', () => {
    expect([verify({}), verify({ 'pkgname-spec': '${name}-${version}.apk' })]).toEqual(['a', 'a']);
  });

  it.each([
    '${arch}/${name}-${version}.apk',
    '../../${name}.apk',
    '/etc/passwd',
    '${name:3}/${name}-${version}.apk',
    'https://example.org/${name}.apk',
    '\u001b[2J',
  ])('is refused when they lie under names like %j', (spec) => {
    expect(verify({ 'pkgname-spec': spec })).toMatch(/^ALP_VERIFY_STRUCTURE [^\u001b]*pkgname-spec/);
  });
});

describe('a v3 package that is unpacked', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'alproot-adb-'));
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  /** Unpacks `bytes` under the verdict on `verified`. */
  async function unpack(name: string, bytes: Buffer, verified = bytes): Promise<string> {
    mkdirSync(join(root, name));
    const tree = openWorkTree(hostPath(join(root, name)));
    try {
      const contents = verifyPackage(bufferSource('a.apk', verified), { keys }).package;
      const next = { record: contents.record, source: { kind: 'file', path: 'a.apk' }, because: ['world'] } as const;
      await applyPlan({
        tree,
        plan: { arch: 'x86_64', changes: [{ kind: 'install', next }], world: [] },
        open: () => ({ contents, source: bufferSource('a.apk', bytes), close: () => undefined }),
        runScript: undefined,
        owners: 'record',
        emit: silent,
      });
      return 'done';
    } catch (error) {
      return error instanceof AlprootError ? error.code : String(error);
    } finally {
      tree.close();
    }
  }

  it('puts its files where its block says', async () => {
    expect(await unpack('right', makePackage())).toBe('done');
    expect(existsSync(join(root, 'right/usr/bin/tool'))).toBe(true);
  });

  it.each<[string, Raw]>([
    [
      'goes through a link of its own',
      {
        paths: [
          ['usr/bin', [{ name: 'dir', link: '/' }]],
          ['usr/bin/dir', [tool]],
        ],
      },
    ],
    ['has a hard link to what is not its own', inBin({ name: 'tool', link: 'etc/passwd', kind: 0x8000 })],
    ['has a hard link before its file', inBin({ name: 'a', link: 'usr/bin/tool', kind: 0x8000 }, tool)],
    ['leaves a directory out', { paths: [['usr/deep/er', [tool]]] }],
  ])('leaves nothing when it %s', async (what, raw) => {
    const name = what.replaceAll(' ', '-');
    expect(await unpack(name, makePackage(raw))).toMatch(/^ALP_UNPACK_/);
    expect(readdirSync(join(root, name))).toEqual([]);
  });

  it('is refused when it is not the one that was verified', async () => {
    expect(await unpack('exchanged', makePackage(inBin({ ...tool, content: 'changed' })), makePackage())).toBe(
      'ALP_VERIFY_DIGEST',
    );
  });
});
