/** Two equal keys in one object: who reads the first and who reads the last is told two different things. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuplicateKeyError, findDuplicateKey, parseJson } from '../../src/core/json.ts';
import { hostPath } from '../../src/core/paths.ts';
import { formatBundleManifest, parseBundleManifest } from '../../src/formats/lock/bundle-manifest.ts';
import { formatLock } from '../../src/formats/lock/lockfile.ts';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { readSealed } from '../../src/system/files/sealed-file.ts';
import { sha256Hex } from '../../src/core/digest.ts';
import { ANY_RECORD } from '../helpers/records.ts';

let place: string;
beforeAll(() => void (place = mkdtempSync(join(tmpdir(), 'alproot-twice-'))));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const download = { url: 'https://example.org/file', sha256: 'a'.repeat(64), sizeBytes: 4 } as never;
const lockText = formatLock({ requests: ['FROM scratch'], environments: [], downloads: [download] });

describe('a lock', () => {
  it.each([
    [
      'its digest',
      lockText.replace('"sha256"', `"sha256": "${'b'.repeat(64)}",\n      "sha256"`),
      'sha256',
      'downloads[0].sha256',
    ],
    [
      'a key with an escape',
      lockText.replace('"sha256"', `"sha\\u003256": "${'b'.repeat(64)}",\n      "sha256"`),
      'sha256',
      'downloads[0].sha256',
    ],
    ['all its downloads', lockText.replace(/\}\n$/, ', "downloads": []}\n'), 'downloads', 'downloads'],
  ])('is refused for %s twice, with key and line', (_what, text, key, where) => {
    expect(JSON.parse(text)).toBeTypeOf('object');
    const offset = findDuplicateKey(text)?.offset ?? 0;
    const line = text.slice(0, offset).split('\n').length;
    expect(() => parseLock(text)).toThrow(
      expect.objectContaining({
        code: 'ALP_FORMAT_LOCK',
        facts: { line, field: where },
        message: expect.stringContaining(`line ${line}: the key \`${key}\` is there twice`),
      }),
    );
  });

  it('is read when each key is there once in its object', () => {
    expect(parseLock(lockText).downloads).toHaveLength(1);
  });
});

it("a bundle's manifest is refused with the key and its place", () => {
  const text = formatBundleManifest({ lock: parseLock(lockText), files: [], tool: [], keys: [] });
  expect(() => parseBundleManifest(text)).not.toThrow();
  expect(() => parseBundleManifest(text.replace(/\}\s*$/, ',"keys":[{"name":"evil","pem":""}]}'))).toThrow(
    expect.objectContaining({ code: 'ALP_FORMAT_LOCK', message: expect.stringContaining('`keys` is there twice') }),
  );
});

it('a record of the store, or a file beside a tree, counts as damaged', () => {
  const store = openStore(hostPath(join(place, 'store')), { clock: systemClock });
  store.putRecord('fact', { a: 1 }, { codec: ANY_RECORD });
  expect(store.getRecord('fact', ANY_RECORD)).toEqual({ a: 1 });
  writeFileSync(join(place, 'store', 'records', 'fact.json'), '{"a":1,"a":2}\n');
  expect(store.getRecord('fact', ANY_RECORD)).toBeUndefined();
  const text = '{"a":1,"a":2}';
  writeFileSync(join(place, 'sealed'), `${sha256Hex(text)}\n${text}\n`);
  expect(readSealed(hostPath(join(place, 'sealed')), 1024)).toBeUndefined();
});

describe('a text', () => {
  it.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', undefined],
    ['["a","a",{"b":"a:"},"a"]', undefined],
    ['{"a":"\\"a\\":1","\\\\":1,"\\\\\\\\":2}', undefined],
    ['{"a" : 1 , "a" : 2}', ['a', 'a']],
    ['{"x":[{},{"y":{"__proto__":1,"__proto__":2}}]}', ['__proto__', 'x[1].y.__proto__']],
    ['{"\\"":1,"\\u0022":2}', ['"', '"']],
    ['[[],[{"":1},{"":1,"":2}]]', ['', '[1][1].']],
  ])('%s', (text, expected) => {
    const found = findDuplicateKey(text);
    expect(found && [found.key, found.where]).toEqual(expected);
    if (expected === undefined) expect(parseJson(text)).toEqual(JSON.parse(text));
    else expect(() => parseJson(text)).toThrow(DuplicateKeyError);
  });

  it('of any of the published files has none', () => {
    for (const name of ['alproot.schema.json', 'alproot.lock.schema.json'])
      expect(() => parseJson(readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8'))).not.toThrow();
  });
});
