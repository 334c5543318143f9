import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Sha256Hex } from '../../../src/core/digest.ts';
import { parseIndex } from '../../../src/formats/apk/apkindex.ts';
import { formatIndexForm, parseIndexForm, type IndexForm } from '../../../src/formats/apk/cached-index.ts';
import { alpineKeys } from '../../../src/pipeline/session/trusted-keys.ts';
import { verifyIndex } from '../../../src/verify/index-file.ts';
import { capability, SHARED } from '../../helpers/capabilities.ts';

const FACTS = { sha256: 'ab'.repeat(32) as Sha256Hex, description: 'v3.19.4-12-gÄ', memberStart: 7 };
const checksum = (at: number): string => `Q1${String(at).padStart(26, 'A')}A=`;
const entry = (name: string, at: number, more = ''): string =>
  `C:${checksum(at)}\nP:${name}\nV:1-r${at}\nA:x86_64\nS:1\nI:1\nT:d\nU:u\nL:l\nt:${1000 + at}\n${more}\n`;
/**
 * Usual entries, an order of fields that apk does not write, two versions of a package, blank lines, no line feed at
 * the end.
 */
const TEXT = [
  entry('a', 1, 'D:b\np:so:a.so=1 cmd:a\ni:b c=1\n'),
  entry('b', 2, 'p:virtual\n'),
  '\n',
  `P:odd\nV:2-r0\nC:${checksum(3)}\np:x>1  y\ni:!a b~2\n\n`,
  entry('b', 4),
  entry('c', 5, 'i:a>=1 !z\n').trimEnd(),
].join('');

const form = (text: string): Buffer => formatIndexForm(text, parseIndex(text), FACTS) ?? expect.fail('too large');
const reread = (bytes: Buffer): IndexForm => parseIndexForm(Buffer.concat([bytes])) ?? expect.fail('not read again');

describe('the kept form of an index', () => {
  it('says of packages and names what parsing the text says', () => {
    const [first, again] = [parseIndex(TEXT), reread(form(TEXT))];
    expect(again).toMatchObject(FACTS);
    expect(again.packages.map(({ name, buildTime }) => [name, buildTime])).toEqual(
      first.packages.map(({ name, buildTime }) => [name, buildTime]),
    );
    expect(JSON.stringify(again.packages)).toBe(JSON.stringify(first.packages));
    for (const name of ['a', 'b', 'c', 'odd', 'so:a.so', 'cmd:a', 'virtual', 'x', 'y', 'z', '', 'nothing']) {
      expect([name, again.tables.byName.of(name), again.tables.byName.has(name)]).toEqual([
        name,
        first.tables.byName.of(name),
        first.tables.byName.has(name),
      ]);
      expect([name, again.tables.byTrigger.of(name)]).toEqual([name, first.tables.byTrigger.of(name)]);
    }
    expect([first.tables.byName.of('b'), first.tables.byTrigger.of('b'), first.tables.byName.of('x')]).toEqual([
      [1, 3],
      [0, 2],
      [2],
    ]);
  });

  it('is left aside when it is something else', () => {
    const good = form(TEXT);
    const broken = [
      Buffer.alloc(0),
      good.subarray(0, 100),
      Buffer.from('{}\n'),
      Buffer.from(good.toString('latin1').replace('"littleEndian":true', '"littleEndian":null'), 'latin1'),
      Buffer.from(good.toString('latin1').replace('"packages":5', '"packages":50000'), 'latin1'),
      Buffer.from(`x${good.toString('latin1')}`, 'latin1'),
    ];
    for (const bytes of broken) expect(parseIndexForm(Buffer.concat([bytes]))).toBeUndefined();
  });
});

describe.skipIf(capability('upstream').skip)('a real index', () => {
  const options = { location: 'https://example.org/main', keys: alpineKeys('x86_64') };
  let bytes: Buffer;
  let first: ReturnType<typeof verifyIndex>;
  let kept: Buffer | undefined;
  // A suite that is skipped is still collected: what it reads is read here.
  beforeAll(() => {
    bytes = readFileSync(join(SHARED, 'upstream/apkindex/v3.16-main-x86_64.APKINDEX.tar.gz'));
    first = verifyIndex(bytes, options);
    kept = first.form?.();
  });

  it('is the same from its form, all names and packages of it, and still has to be signed', () => {
    const again = verifyIndex(bytes, { ...options, form: kept });
    expect(again.form).toBeUndefined();
    expect({ ...again.index, packages: [], tables: [] }).toEqual({ ...first.index, packages: [], tables: [] });
    expect(again.signers).toEqual(first.signers);
    expect(JSON.stringify(again.index.packages)).toBe(JSON.stringify(first.index.packages));
    const differing = first.index.packages
      .flatMap(({ name, provides }) => [name, ...provides.map((provided) => provided.name)])
      .filter((name) => first.index.tables?.byName.of(name).join() !== again.index.tables?.byName.of(name).join());
    expect(differing).toEqual([]);
    const waiting = first.index.packages
      .flatMap(({ installIf }) => installIf.map(({ name }) => name))
      .filter(
        (name) => first.index.tables?.byTrigger.of(name).join() !== again.index.tables?.byTrigger.of(name).join(),
      );
    expect(waiting).toEqual([]);
    expect(() => verifyIndex(bytes, { ...options, keys: new Map(), form: kept })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
  });

  it('is not taken from the form of another', () => {
    const other = readFileSync(join(SHARED, 'upstream/apkindex/v3.17-main-aarch64.APKINDEX.tar.gz'));
    const verified = verifyIndex(other, { location: 'x', keys: alpineKeys('aarch64'), form: kept });
    expect([verified.index.packages.length, verified.form === undefined]).toEqual([5004, false]);
  });

  it('is refused when a bit of it has changed, whatever its form says', () => {
    const changed = Buffer.from(bytes);
    changed[changed.length - 2000] = (changed[changed.length - 2000] ?? 0) ^ 1;
    expect(() => verifyIndex(changed, { ...options, form: kept })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ALP_VERIFY_/) }),
    );
  });
});
