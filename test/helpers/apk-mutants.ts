/** Packages that are odd or broken at every level, drawn from a seed: names, headers, records, members, signatures. */
import type { SigningKey } from '../../src/mirror/signing.ts';
import {
  apkMembers,
  makeApk,
  member,
  paxRecord,
  rawEntry,
  type RawEntry,
  rawHeader,
  type RawPackage,
  rawTar,
  treeEntries,
} from './make-apk.ts';
import { type Choose, oneOf } from './random.ts';

const BLOCK = 512;
const NAMES = [
  'opt/a/tool',
  'opt/a/other',
  'opt/a/b c',
  'opt/a/caf\u00c3\u00a9',
  'opt/a/\u00ff\u00fe',
  `opt/a/${'x'.repeat(120)}`,
  'opt/a/-rf',
  'opt/deep/er/file',
  'etc/conf',
  'usr/bin/x',
  'opt/a/.hidden',
  'opt/a/dot.',
];
const ODD_NAMES = [
  '../x',
  '/x',
  'opt/../x',
  './x',
  'opt//x',
  'opt/a/',
  '',
  'opt/a/tool/x',
  'opt/a/new\nline',
  '.PKGINFO',
  '.hidden',
  'opt',
  'lib/apk/db/installed',
  'opt/a\\b',
  'x'.repeat(300),
];
const TARGETS = ['tool', '/etc/passwd', '../../../../x', 'loop', 'n'.repeat(200), '', 'opt/a/tool', '/'];

/** Extended attributes that a package may have. */
const ATTRIBUTES = [
  {},
  {},
  { 'SCHILY.xattr.user.x': 'value' },
  { 'SCHILY.xattr.user.x': '' },
  { 'SCHILY.xattr.user.b': '2', 'SCHILY.xattr.user.a': '1 1' },
];

const MODES = [0o644, 0o755, 0o4755, 0o2755, 0, 0o1777, 0o600];
/** Where hard links lead. */
const LINKED = 'opt/a/tool';

/** Files, links and directories that mostly are as they should be. */
function plainEntries(pick: Choose): RawEntry[] {
  const files: Record<string, Omit<RawEntry, 'name'>> = {};
  for (let count = 1 + pick(5); count > 0; count--) {
    const name = oneOf(pick, NAMES);
    const kind = pick(7);
    const owner = {
      uname: oneOf(pick, ['root', '', 'nobody', 'nosuch']),
      gname: oneOf(pick, ['root', '', 'wheel', 'nosuch']),
      uid: oneOf(pick, [0, 0, 100, 65_534]),
      gid: oneOf(pick, [0, 0, 100]),
    };
    if (kind === 0)
      files[name] = { type: '2', target: oneOf(pick, TARGETS.slice(0, 5)), mode: oneOf(pick, [0o777, 0o777, 0o4777]) };
    else if (kind === 1 && files[LINKED]?.type === undefined && files[LINKED] !== undefined && name !== LINKED)
      files[name] = { type: '1', target: LINKED, mode: oneOf(pick, MODES), ...owner };
    else if (kind === 2) files[name] = { type: oneOf(pick, ['3', '4', '6']), mode: oneOf(pick, MODES), ...owner };
    else
      files[name] = {
        content: 'c'.repeat(oneOf(pick, [0, 1, 511, 512, 513, 5000])),
        pax: oneOf(pick, ATTRIBUTES),
        mode: oneOf(pick, MODES),
        ...owner,
      };
  }
  return treeEntries(files);
}

/** Changes one field of one entry. */
function spoilEntry(pick: Choose, entry: RawEntry): RawEntry {
  return oneOf<() => RawEntry>(pick, [
    () => ({ ...entry, name: oneOf(pick, ODD_NAMES) }),
    () => ({ ...entry, name: oneOf(pick, NAMES) }),
    // What is not a file cannot have the attributes: apk then marks the package as broken, and goes on.
    () => ({
      ...entry,
      pax: {},
      type: oneOf(pick, ['0', '1', '2', '3', '4', '5', '6', '7', 'g', 'x', 'L', 'K', '\0', 'S', 'Z']),
    }),
    () => ({ ...entry, mode: oneOf(pick, [0o7777, 0o100644, 0o777, 0o600, 0o4755, 0o1777]) }),
    () => ({ ...entry, size: oneOf(pick, [0, 1, 512, 4096, 0o7777777]) }),
    // The time of a name is that of its file.
    () => (entry.type === '1' ? entry : { ...entry, mtime: oneOf(pick, [0, 1, 2 ** 31]) }),
    () => ({
      ...entry,
      uname: oneOf(pick, ['', 'nobody', 'nosuchuser']),
      gname: oneOf(pick, ['', 'wheel', 'nosuchgroup']),
    }),
    () => ({ ...entry, target: oneOf(pick, TARGETS) }),
    () => ({ ...entry, checksum: oneOf(pick, [false, '0'.repeat(40), '', 'x', 'ab'] as const) }),
    () => ({
      ...entry,
      pax: {
        [oneOf(pick, ['path', 'linkpath', 'size', 'mtime', 'uid', 'GNU.sparse.major', 'comment'])]: oneOf(pick, [
          '',
          '0',
          '../x',
          'opt/a/tool',
          '12',
          '\0',
        ]),
      },
    }),
  ])();
}

/** Of the tar of the data member, in whole blocks or not. */
function spoilTar(pick: Choose, entries: readonly RawEntry[]): Buffer {
  const tar = rawTar(entries, { end: true });
  const at = BLOCK * pick(tar.length / BLOCK);
  const insert = (bytes: Buffer): Buffer => Buffer.concat([tar.subarray(0, at), bytes, tar.subarray(at)]);
  return oneOf<() => Buffer>(pick, [
    () => tar.subarray(0, at),
    () => tar.subarray(0, at + 1 + pick(BLOCK - 1)),
    () => insert(Buffer.alloc(BLOCK)),
    () => insert(Buffer.alloc(2 * BLOCK)),
    () => insert(rawEntry(oneOf(pick, entries))),
    () => insert(rawHeader({ name: 'pax', type: oneOf(pick, ['x', 'g']), content: paxRecord('path', 'opt/a/tool') })),
    () => Buffer.concat([tar, Buffer.from('rest')]),
    () => Buffer.concat([tar, Buffer.alloc(BLOCK)]),
    () => tar.subarray(0, tar.length - BLOCK),
    () => flipped(pick, tar),
  ])();
}

function flipped(pick: Choose, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = pick(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << pick(8));
  return copy;
}

/** Of the data member, before the control member has its hash. */
const spoilData = (pick: Choose): ((data: Buffer) => Buffer) =>
  oneOf<(data: Buffer) => Buffer>(pick, [
    (data) => flipped(pick, data),
    (data) => data.subarray(0, pick(data.length)),
    (data) => Buffer.concat([data, Buffer.from([0])]),
    (data) => Buffer.concat([data, member(Buffer.alloc(0))]),
    (data) => Buffer.concat([data, member(Buffer.alloc(2 * BLOCK))]),
  ]);

const spoilInfo = (pick: Choose): NonNullable<RawPackage['info']> =>
  oneOf<NonNullable<RawPackage['info']>>(pick, [
    { pkgname: oneOf(pick, ['', '../x', 'a b', '-a', 'a', '.a']) },
    { pkgver: oneOf(pick, ['', '1', '1.0', 'x', '1.0-r', '1.0_pre1-r0', '01.0-r0']) },
    { size: oneOf(pick, ['0', '-1', 'x', '1', '99999999']) },
    { builddate: oneOf(pick, ['x', '-1', '0']) },
    { pkgdesc: ['one', 'two'] },
    { unknown: 'x' },
    { license: '' },
    { replaces: 'b' },
    { provides: 'c=1' },
    { triggers: '/opt/*' },
    { origin: 'o' },
  ]);

/** Of the whole file, after it was signed. */
function spoilFile(pick: Choose, raw: RawPackage, key: SigningKey): Buffer {
  const { signature, control, data } = apkMembers(raw, key);
  const all = Buffer.concat([signature, control, data]);
  return oneOf<() => Buffer>(pick, [
    () => flipped(pick, all),
    () => all.subarray(0, pick(all.length)),
    () => Buffer.concat([all, Buffer.alloc(1 + pick(1000))]),
    () => Buffer.concat([control, data]),
    () => Buffer.concat([signature, signature, control, data]),
    () => Buffer.concat([signature, data, control]),
    () => Buffer.concat([signature, control]),
    () => Buffer.concat([signature, member(Buffer.alloc(0)), control, data]),
    () => Buffer.concat([signature, control, data, data]),
  ])();
}

/** One package; one in five is as it should be. */
export function makeMutant(pick: Choose, key: SigningKey): Buffer {
  const entries = plainEntries(pick);
  const at = pick(entries.length);
  const changed = entries.map((entry, own) => (own === at ? spoilEntry(pick, entry) : entry));
  switch (pick(10)) {
    case 0:
    case 1:
      return makeApk({ entries }, key);
    case 2:
      return makeApk({ entries, dataTar: spoilTar(pick, entries) }, key);
    case 3:
      return makeApk({ entries, spoil: spoilData(pick) }, key);
    case 4:
      return makeApk({ entries, info: spoilInfo(pick) }, key);
    case 5:
      return spoilFile(pick, { entries }, key);
    case 6:
      return makeApk({ entries: [...entries].reverse() }, key);
    case 7:
      return makeApk(
        {
          entries,
          control: [
            {
              name: oneOf(pick, ['.hidden', 'plain', '.PKGINFO', '.INSTALL', '.SIGN.RSA.x', '../x']),
              content: 'x',
              checksum: false,
            },
          ],
        },
        key,
      );
    default:
      return makeApk({ entries: changed }, key);
  }
}
