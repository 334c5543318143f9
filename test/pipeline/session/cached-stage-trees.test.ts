import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath, type HostPath } from '../../../src/core/paths.ts';
import { discard, cachedStageTrees } from '../../../src/pipeline/session/cached-stage-trees.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { systemClock } from '../../../src/system/process/system-clock.ts';

let root: string;
let store: Store;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-kept-'));
  store = openStore(hostPath(join(root, 'store')), { clock: systemClock });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A directory of a workspace with a file in its tree. */
function made(text: string): HostPath {
  const directory = join(store.makeTemporary('build'), 'stage');
  mkdirSync(join(directory, 'tree'), { recursive: true });
  writeFileSync(join(directory, 'tree', 'file'), text);
  return hostPath(directory);
}

const place = (): HostPath => hostPath(join(store.makeTemporary('build'), 'taken'));
const recordFile = (name: string): string => join(root, 'store', 'trees', name, 'record.json');

it('hands a tree to one build, with its record', () => {
  const trees = cachedStageTrees(store);
  expect(trees.take('a', place())).toBeUndefined();
  trees.put('a', made('one'), { is: 1 });
  trees.put('a', made('two'), { is: 2 });
  const [first, second] = [place(), place()];
  expect(trees.take('a', first)).toEqual({ is: 2 });
  expect(trees.take('a', second)).toBeUndefined();
  expect(readFileSync(join(first, 'tree', 'file'), 'utf8')).toBe('two');
  expect([
    existsSync(second),
    readdirSync(join(root, 'store', 'tmp')).filter((name) => name.includes('discarded')),
  ]).toEqual([false, []]);
});

it('has no record of a tree whose record is damaged', () => {
  const trees = cachedStageTrees(store);
  for (const damage of [
    (bytes: Buffer) => bytes.fill('0', 70, 71),
    (bytes: Buffer) => bytes.subarray(0, -3),
    () => Buffer.alloc(0),
  ]) {
    trees.put('a', made('one'), { is: 1 });
    writeFileSync(recordFile('a'), damage(readFileSync(recordFile('a'))));
    expect(trees.take('a', place())).toBeUndefined();
  }
});

it('has no record of a tree of another start of the machine', async () => {
  const trees = cachedStageTrees(store);
  trees.put('a', made('one'), { is: 1 });
  const { sha256Hex } = await import('../../../src/core/digest.ts');
  const text = JSON.stringify({ boot: '00000000-0000-4000-8000-000000000000', record: { is: 1 } });
  writeFileSync(recordFile('a'), `${sha256Hex(text)}\n${text}\n`);
  expect(trees.take('a', place())).toBeUndefined();
});

it('removes a tree as a whole', () => {
  const trees = cachedStageTrees(store);
  trees.put('a', made('one'), { is: 1 });
  for (let turn = 0; turn < 2; turn++) discard(store, store.path('trees', 'a'));
  expect(trees.take('a', place())).toBeUndefined();
  expect(readdirSync(join(root, 'store', 'trees'))).toEqual([]);
});
