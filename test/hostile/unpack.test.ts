/** Packages that were signed by a key we trust and mean harm: refused with the right code, and nothing is changed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { silent, type AlpEvent, type Emit } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import type { OwnerPolicy } from '../../src/unpack/minirootfs-unpack.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyAnyFile } from '../../src/verify/any-file.ts';
import type { OpenedPackage } from '../../src/verify/opened-package.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import {
  makeApk,
  paxRecord,
  rawHeader,
  rawTar,
  treeEntries,
  type RawEntry,
  type RawPackage,
} from '../helpers/make-apk.ts';
import { picture } from '../helpers/worlds.ts';

let directory: string;
let key: SigningKey;
let root: string;
let at = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-hostile-'));
  key = await generateSigningKey('test', 2048);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A tree with a canary beside it and one whose name it is a prefix of. */
beforeEach(() => {
  const place = join(directory, String(at++));
  root = join(place, 'out');
  for (const path of ['out/etc', 'out/usr/bin', 'out/lib', 'canary', 'out-evil'])
    mkdirSync(join(place, path), { recursive: true });
  for (const path of ['canary/file', 'out-evil/file', 'out/etc/passwd']) writeFileSync(join(place, path), 'untouched');
});

const opened = (raw: RawPackage) => {
  const source = bufferSource('package', makeApk(raw, key));
  return {
    source,
    contents: verifyPackage(source, { keys: keyring([parseTrustedKey(key.publicPem, key.publicName)]) }).package,
    close: () => undefined,
  };
};

async function install(
  packages: readonly RawPackage[],
  owners: OwnerPolicy = 'record',
  emit: Emit = silent,
  strict = false,
): Promise<void> {
  const files = new Map(packages.map((raw) => [String(raw.info?.['pkgname'] ?? 'a'), opened(raw)] as const));
  const tree = openWorkTree(hostPath(root));
  const changes = [...files.values()].map(
    ({ contents: { record } }: { contents: OpenedPackage }) =>
      ({ kind: 'install', next: { record, source: { kind: 'file', path: '/x' }, because: ['world'] } }) as const,
  );
  try {
    await applyPlan({
      tree,
      plan: { arch: 'x86_64', changes, world: [] },
      runScript: undefined,
      owners,
      strict,
      emit,
      open: ({ record }) => files.get(record.name) ?? opened({}),
    });
  } finally {
    tree.close();
  }
}

/**
 * What `alproot verify` says of the file, in the words of installing: what a reader refuses is the file's structure
 * there.
 */
function verified(raw: RawPackage): string {
  try {
    verifyAnyFile(bufferSource('package', makeApk(raw, key)), {
      name: 'a.apk',
      keys: keyring([parseTrustedKey(key.publicPem, key.publicName)]),
      pins: { byName: new Map() } as never,
    });
    return 'accepted';
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    return error.code === 'ALP_VERIFY_STRUCTURE' && isAlprootError(error.cause) ? error.cause.code : error.code;
  }
}

/**
 * The code, and that the tree and what is beside it are as before. `verify` says the same of each file; of one that
 * only this tree, or another package, stands in the way of, it says that it is right.
 */
async function refused(
  packages: readonly RawPackage[],
  because: 'of itself' | 'of the tree' = 'of itself',
): Promise<string> {
  const around = join(root, '..');
  const before = picture(around);
  let code = 'accepted';
  try {
    await install(packages);
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    code = error.code;
  }
  if (code !== 'accepted') expect(picture(around)).toEqual(before);
  const verdicts = packages.map(verified);
  if (because === 'of itself') expect(verdicts.find((verdict) => verdict !== 'accepted') ?? 'accepted').toBe(code);
  else expect(verdicts.every((verdict) => verdict === 'accepted')).toBe(true);
  return code;
}

const withEntries = (...entries: RawEntry[]): RawPackage => ({
  entries: [{ name: 'usr/', type: '5' }, { name: 'usr/bin/', type: '5' }, ...entries],
});
const file = (name: string): RawEntry => ({ name, content: 'evil' });
const link = (name: string, target: string): RawEntry => ({ name, type: '2', target });
const hard = (name: string, target: string): RawEntry => ({ name, type: '1', target });
const directoryEntry = (name: string): RawEntry => ({ name, type: '5' });

describe('paths', () => {
  it.each([
    '../canary/file',
    '/etc/passwd',
    'usr/../../canary/file',
    './usr/bin/x',
    'usr//bin/x',
    'usr/bin/..',
    'usr/bin/.',
    '..',
    '/',
    'usr/bin/x\nF:etc',
    'usr/bin/\x1b[31m',
    'usr/bin/\x7f',
    '../out-evil/file',
    `${'d/'.repeat(300)}f`,
    `usr/bin/${'n'.repeat(256)}`,
  ])('refuses the name %j', async (name) => {
    expect(await refused([withEntries(file(name))])).toMatch(/^ALP_(?:UNPACK_PATH|LIMIT_DEPTH|FORMAT_TAR)$/);
  });

  it.each(['../../canary/file', '/etc/passwd', 'usr/bin/../../../canary/file'])(
    'refuses %j in a pax record',
    async (path) => {
      expect(await refused([withEntries({ ...file('usr/bin/x'), pax: { path } })])).toBe('ALP_UNPACK_PATH');
    },
  );

  it('refuses NUL in a pax path', async () => {
    expect(await refused([withEntries({ ...file('usr/bin/x'), pax: { path: 'usr/bin/x\0/../../etc' } })])).toMatch(
      /^ALP_(?:UNPACK_PATH|FORMAT_TAR)$/,
    );
  });

  it.each([
    'lib/apk/db/installed',
    'lib/apk/exec/x',
    'usr/bin/.apk.0123',
    'usr/bin/passwd.apk-new',
    'etc/apk/world',
    'etc/apk/repositories',
  ])("refuses %j, which is apk's own", async (path) => {
    expect(await refused([{ entries: treeEntries({ [path]: 'evil' }) }])).toBe('ALP_UNPACK_PATH');
  });

  it.each(['.PKGINFO', '.post-install', '.SIGN.RSA.x', '.INSTALL'])('refuses %s in the data member', async (name) => {
    expect(await refused([{ entries: [file(name)] }])).toBe('ALP_FORMAT_APK');
  });

  it('refuses a name that comes twice, and a file whose directory does not come', async () => {
    expect(await refused([withEntries(file('usr/bin/x'), file('usr/bin/x'))])).toBe('ALP_UNPACK_PATH');
    expect(await refused([withEntries(file('opt/nowhere/x'))])).toBe('ALP_UNPACK_PATH');
  });
});

describe('links', () => {
  it.each([
    ['an absolute link', '/etc'],
    ['a link upwards', '../../../canary'],
    ['a link to a directory of the tree', '../../etc'],
  ])('refuses a file through %s of the same package', async (_what, target) => {
    expect(
      await refused([withEntries(link('usr/bin/l', target), directoryEntry('usr/bin/l/'), file('usr/bin/l/file'))]),
    ).toMatch(/^ALP_UNPACK_(?:PATH|LINK)$/);
    expect(await refused([withEntries(link('usr/bin/l', target), file('usr/bin/l/file'))])).toBe('ALP_UNPACK_PATH');
  });

  it.each(['/etc/../../canary', '../../../canary', `${'../'.repeat(40)}etc`])(
    'refuses a directory through the link %j of another package that leaves the tree or is a file',
    async (target) => {
      const one: RawPackage = withEntries(link('usr/bin/l', target));
      const two: RawPackage = {
        info: { pkgname: 'b' },
        entries: [...(withEntries(directoryEntry('usr/bin/l/'), file('usr/bin/l/passwd')).entries ?? [])],
      };
      const code = await refused([one, two], 'of the tree');
      // `..` of the root is the root: what leads to a real directory inside is that directory.
      if (code === 'accepted') expect(readFileSync(join(root, 'etc/passwd'), 'latin1')).toBe('evil');
      else expect(code).toMatch(/^ALP_UNPACK_(?:PATH|LINK)$/);
      expect(readFileSync(join(root, '../canary/file'), 'latin1')).toBe('untouched');
    },
  );

  it('follows a link of the tree where the package ships the directory, inside only', async () => {
    symlinkSync('usr/lib', join(root, 'lib64'));
    mkdirSync(join(root, 'usr/lib'));
    await install([{ entries: [directoryEntry('lib64/'), file('lib64/x')] }]);
    expect(readFileSync(join(root, 'usr/lib/x'), 'latin1')).toBe('evil');
  });

  it('refuses a file through a link of the same package that it reaches by a link of the tree', async () => {
    symlinkSync('usr/bin', join(root, 'alias'));
    expect(
      await refused(
        [
          withEntries(
            link('usr/bin/l', '../../etc'),
            directoryEntry('alias/'),
            directoryEntry('alias/l/'),
            file('alias/l/planted'),
          ),
        ],
        'of the tree',
      ),
    ).toBe('ALP_UNPACK_LINK');
  });

  it.each(['/canary', '../canary', '/'])('does not write through the link %j that the tree has', async (target) => {
    symlinkSync(target, join(root, 'lib64'));
    await refused([{ entries: [directoryEntry('lib64/'), file('lib64/file')] }], 'of the tree');
    expect(readFileSync(join(root, '../canary/file'), 'latin1')).toBe('untouched');
  });

  it('replaces a link in the last place and leaves its target alone', async () => {
    symlinkSync(join(root, '../canary/file'), join(root, 'usr/bin/x'));
    await install([withEntries(file('usr/bin/x'))]);
    expect(readFileSync(join(root, '../canary/file'), 'latin1')).toBe('untouched');
    expect(readFileSync(join(root, 'usr/bin/x'), 'latin1')).toBe('evil');
  });

  it.each([
    '/etc/passwd',
    '../../../canary/file',
    'etc/passwd',
    'usr/bin/later',
    'usr/bin/h',
    'usr/bin',
    'usr/bin/l',
    '',
  ])('refuses a hard link to %j', async (target) => {
    expect(
      await refused([withEntries(link('usr/bin/l', '/etc/passwd'), hard('usr/bin/h', target), file('usr/bin/later'))]),
    ).toMatch(/^ALP_UNPACK_(?:PATH|LINK)$/);
  });

  it('refuses a link without target', async () => {
    expect(await refused([withEntries(link('usr/bin/l', ''))])).toBe('ALP_UNPACK_LINK');
  });
});

describe('contents', () => {
  it.each([
    ['that lies', 'a'.repeat(40)],
    ['that is missing', false],
  ] as const)('refuses a checksum %s', async (_what, checksum) => {
    expect(await refused([withEntries({ ...file('usr/bin/x'), checksum })])).toBe('ALP_VERIFY_DIGEST');
    expect(await refused([withEntries({ ...link('usr/bin/x', 'y'), checksum })])).toBe('ALP_VERIFY_DIGEST');
  });

  it('refuses a file over a directory and a directory over a file', async () => {
    mkdirSync(join(root, 'usr/bin/x'));
    expect(await refused([withEntries(file('usr/bin/x'))], 'of the tree')).toBe('ALP_UNPACK_PATH');
    expect(await refused([{ entries: [directoryEntry('etc/'), directoryEntry('etc/passwd/')] }], 'of the tree')).toBe(
      'ALP_UNPACK_PATH',
    );
  });

  it('makes no device and no pipe, and strips set-id bits without root', async () => {
    await install([
      withEntries(
        { name: 'usr/bin/null', type: '3' },
        { name: 'usr/bin/disk', type: '4' },
        { name: 'usr/bin/pipe', type: '6' },
        { ...file('usr/bin/su'), mode: 0o6755 },
      ),
    ]);
    const made = picture(root);
    expect(Object.keys(made).filter((path) => path.startsWith('usr/bin/'))).toEqual(['usr/bin/su']);
    expect(made['usr/bin/su']).toMatch(/^file 755 /);
    const database = readFileSync(join(root, 'lib/apk/db/installed'), 'latin1');
    expect(database).toContain('a:0:0:6755');
    expect(database).toMatch(/^R:null\nR:disk\nR:pipe\nR:su\n/m);
  });

  it.each<OwnerPolicy>(process.getuid?.() === 0 ? ['record', 'apply'] : ['record'])(
    'records devices and pipes, and says in one line that they are not made (owners: %s)',
    async (owners) => {
      const events: AlpEvent[] = [];
      const names = ['null', 'disk', 'pipe', 'a\xff', 'b', 'c'];
      const types = ['3', '4', '6', '3', '3', '3'];
      await install(
        [
          withEntries(
            ...names.map((name, at): RawEntry => ({ name: `usr/bin/${name}`, type: types[at] ?? '3', mode: 0o660 })),
          ),
        ],
        owners,
        (event) => void events.push(event),
      );
      expect(Object.keys(picture(root)).filter((path) => path.startsWith('usr/bin/'))).toEqual([]);
      const database = readFileSync(join(root, 'lib/apk/db/installed'), 'latin1');
      for (const name of names) expect(database).toContain(`R:${name}\na:0:0:660\n`);
      const notes = events.filter(({ kind }) => kind === 'note') as Extract<AlpEvent, { kind: 'note' }>[];
      expect(notes).toHaveLength(1);
      expect(notes[0]?.message).toMatch(
        /^devices and pipes of packages .* not made: usr\/bin\/null, usr\/bin\/disk, usr\/bin\/pipe, .* and 1 more$/,
      );
      expect(notes[0]?.items).toHaveLength(6);
    },
  );

  it.each([
    ['3', 'a character device'],
    ['4', 'a block device'],
    ['6', 'a pipe'],
  ])(
    'refuses a package with an entry of type %s under --strict, and leaves the tree as it was',
    async (type, what) => {
      const before = picture(root);
      await expect(
        install([withEntries(file('usr/bin/x'), { name: 'usr/bin/special', type })], 'record', silent, true),
      ).rejects.toMatchObject({
        code: 'ALP_UNPACK_SPECIAL',
        exitStatus: 7,
        message: expect.stringContaining(`usr/bin/special\` of a-1.0-r0: it is ${what}`),
        facts: { package: 'a-1.0-r0', path: 'usr/bin/special' },
      });
      expect(picture(root)).toEqual(before);
      await install([withEntries(file('usr/bin/x'))], 'record', silent, true);
    },
  );

  it('makes no device over a directory, and restores what it replaced when the package is refused', async () => {
    mkdirSync(join(root, 'usr/bin/x'));
    expect(await refused([withEntries({ name: 'usr/bin/x', type: '3' })], 'of the tree')).toBe('ALP_UNPACK_PATH');
    mkdirSync(join(root, 'lib/apk'), { recursive: true });
    writeFileSync(join(root, 'usr/bin/pipe'), 'mine');
    expect(
      await refused([withEntries({ name: 'usr/bin/pipe', type: '6' }, { ...file('usr/bin/y'), checksum: false })]),
    ).toBe('ALP_VERIFY_DIGEST');
    expect(readFileSync(join(root, 'usr/bin/pipe'), 'utf8')).toBe('mine');
  });

  it.each([
    ['pax size that differs', withEntries({ ...file('usr/bin/x'), pax: { size: '100000' } })],
    [
      'an entry after a zero block',
      { entries: [], dataTar: Buffer.concat([Buffer.alloc(512), rawTar([file('x')], { end: true })]) },
    ],
    [
      'a single zero block',
      { entries: [], dataTar: Buffer.concat([rawTar([file('x')], { end: false }), Buffer.alloc(512)]) },
    ],
    ['no end', { entries: [], dataTar: rawTar([file('x')], { end: false }) }],
    [
      'a global pax header',
      {
        entries: [],
        dataTar: Buffer.concat([
          rawHeader({ name: 'g', type: 'g', content: paxRecord('path', 'etc/passwd') }),
          Buffer.concat([Buffer.from(paxRecord('path', 'etc/passwd')), Buffer.alloc(512)]).subarray(0, 512),
          rawTar([file('x')], { end: true }),
        ]),
      },
    ],
    [
      'a GNU long name',
      withEntries({ name: '././@LongLink', type: 'L', content: 'usr/bin/long\0' }, file('usr/bin/x')),
    ],
    ['a sparse file', withEntries({ ...file('usr/bin/x'), type: 'S' })],
    ['a type of NUL', withEntries({ ...file('usr/bin/x'), type: '\0' })],
    [
      'a size beyond the end',
      { entries: [], dataTar: Buffer.concat([rawHeader({ name: 'x', size: 0o77777777777 }), Buffer.alloc(1024)]) },
    ],
    ['a directory with content', withEntries({ name: 'usr/bin/d/', type: '5', content: 'hidden' })],
  ] as readonly (readonly [string, RawPackage])[])('refuses %s', async (_what, raw) => {
    expect(await refused([raw])).toMatch(/^ALP_(?:FORMAT_TAR|VERIFY_DIGEST|UNPACK_PATH)$/);
  });
});

describe('a failure half-way', () => {
  const good: RawPackage = {
    info: { pkgname: 'good' },
    entries: treeEntries({
      'etc/passwd': 'theirs',
      'usr/bin/good': 'x',
      'opt/new/dir/file': 'y',
      'usr/bin/l': { type: '2', target: 'good' },
    }),
  };

  it('takes back what earlier packages did, and leaves nothing behind', async () => {
    expect(
      await refused([
        good,
        {
          info: { pkgname: 'bad' },
          entries: treeEntries({ 'opt/other/x': 'x', 'opt/other/y': { content: 'y', checksum: 'b'.repeat(40) } }),
        },
      ]),
    ).toBe('ALP_VERIFY_DIGEST');
  });

  it('refuses a file of another package, and the whole run with it', async () => {
    expect(
      await refused(
        [good, { info: { pkgname: 'thief' }, entries: treeEntries({ 'usr/bin/good': 'stolen' }) }],
        'of the tree',
      ),
    ).toBe('ALP_UNPACK_CONFLICT');
  });

  it('brings removed and replaced files back when an upgrade fails', async () => {
    await install([{ ...good, entries: treeEntries({ 'usr/bin/good': 'x', 'usr/bin/gone': 'z' }) }]);
    const before = picture(join(root, '..'));
    const database = readFileSync(join(root, 'lib/apk/db/installed'), 'latin1');
    const next: RawPackage = {
      info: { pkgname: 'good', pkgver: '2.0-r0' },
      entries: treeEntries({ 'usr/bin/good': 'changed' }),
    };
    await expect(
      install([
        next,
        {
          info: { pkgname: 'bad' },
          entries: treeEntries({ 'usr/bin/b': { content: 'y', checksum: 'b'.repeat(40) } }),
        },
      ]),
    ).rejects.toMatchObject({ code: 'ALP_VERIFY_DIGEST' });
    expect(picture(join(root, '..'))).toEqual(before);
    expect(readFileSync(join(root, 'lib/apk/db/installed'), 'latin1')).toBe(database);
  });
});
