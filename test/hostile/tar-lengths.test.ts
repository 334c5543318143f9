/** Tar headers that lie about lengths, and links to everywhere: refused in bounded memory. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { silent } from '../../src/core/events.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { makeArena, underAttack, type Arena } from '../helpers/invariants.ts';
import { enter } from '../helpers/ledger.ts';
import { makeApk, rawHeader, rawTar, type RawEntry, type RawPackage } from '../helpers/make-apk.ts';

let key: SigningKey;
let arena: Arena;

beforeAll(async () => {
  key = await generateSigningKey('test', 2048);
  arena = makeArena();
});
afterAll(() => {
  arena.close();
});

async function install({ dest }: Arena, raw: RawPackage): Promise<void> {
  const source = bufferSource('package', makeApk(raw, key));
  const contents = verifyPackage(source, { keys: keyring([parseTrustedKey(key.publicPem, key.publicName)]) }).package;
  const tree = openWorkTree(dest);
  const change = {
    kind: 'install',
    next: { record: contents.record, source: { kind: 'file', path: '/x' }, because: ['world'] },
  } as const;
  try {
    await applyPlan({
      tree,
      plan: { arch: 'x86_64', changes: [change], world: [] },
      runScript: undefined,
      owners: 'record',
      emit: silent,
      open: () => ({ source, contents, close: () => undefined }),
    });
  } finally {
    tree.close();
  }
}

async function refused(area: string, raw: RawPackage): Promise<string> {
  const code = await underAttack(arena, (where) => install(where, raw));
  enter({ kind: 'attack', area, ok: code !== 'accepted' });
  return code;
}

/** A header whose size field says `size`, in base 256 where octal digits do not suffice; its checksum is right. */
function lyingHeader(type: string, size: bigint): Buffer {
  const block = rawHeader({ name: 'long', type });
  if (size < 8n ** 11n) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    block.fill(0, 124, 136).writeUInt8(0x80, 124);
    block.writeBigUInt64BE(size, 128);
  }
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

describe('the length of a pax or long-name body', () => {
  const bodies = [0, 1, 511, 512];
  const said = [0n, 1n, 511n, 512n, 2n ** 31n, 2n ** 63n];
  const cases = ['x', 'L', 'K'].flatMap((type) =>
    said.flatMap((size) => bodies.map((body) => [type, size, body] as const)),
  );

  it.each(cases)('of a header %s that says %i with %i bytes there is refused', async (type, size, body) => {
    const before = process.memoryUsage().rss;
    const content = Buffer.alloc(Math.ceil(body / 512) * 512);
    content.fill('a', 0, body);
    const dataTar = Buffer.concat([
      lyingHeader(type, size),
      content,
      rawTar([{ name: 'file', content: 'evil' }], { end: true }),
    ]);
    expect(await refused('lengths in tar', { dataTar })).toMatch(
      /^ALP_(?:FORMAT_TAR|LIMIT_\w+|UNPACK_PATH|VERIFY_DIGEST)$/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 ** 2);
  });
});

describe('a hard link', () => {
  const chain = (length: number): RawEntry[] =>
    Array.from({ length }, (_, n) => ({ name: `l${n}`, type: '2', target: n === 0 ? '/etc/passwd' : `l${n - 1}` }));

  it.each(Array.from({ length: 40 }, (_, n) => n + 1))('through a chain of %i links is refused', async (length) => {
    expect(
      await refused('hard links', { entries: [...chain(length), { name: 'h', type: '1', target: `l${length - 1}` }] }),
    ).toMatch(/^ALP_UNPACK_(?:PATH|LINK)$/);
  });

  it('to a file that came before it in the package is made', async () => {
    const own = makeArena();
    try {
      await install(own, {
        entries: [
          { name: 'dir/', type: '5' },
          { name: 'dir/one', content: 'x' },
          { name: 'h', type: '1', target: 'dir/one' },
        ],
      });
      expect(lstatSync(join(own.dest, 'h')).ino).toBe(lstatSync(join(own.dest, 'dir/one')).ino);
    } finally {
      own.close();
    }
  });

  it.each(['C:../x', 'C:/x', '../out-evil/file', '/etc/passwd', 'h', 'dir', 'later'])(
    'to %j is refused',
    async (target) => {
      const entries: RawEntry[] = [
        { name: 'dir/', type: '5' },
        { name: 'h', type: '1', target },
        { name: 'later', content: 'x' },
      ];
      expect(await refused('hard links', { entries })).toMatch(/^ALP_UNPACK_(?:PATH|LINK)$/);
    },
  );
});
