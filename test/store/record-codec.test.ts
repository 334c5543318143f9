/** Records of the store that are damaged, or were written by somebody else, count as absent. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { ANSWER_RECORD } from '../../src/fetch/remembered-fetcher.ts';
import { LAYER_RECORD } from '../../src/pipeline/dockerfile/layer-record.ts';
import { REQUEST_RECORD } from '../../src/pipeline/environment/environment.ts';
import { OVERLAY_RECORD } from '../../src/pipeline/environment/writable-tree.ts';
import { MARK_RECORD } from '../../src/pipeline/repository/freshness.ts';
import { AUTO_RECORD } from '../../src/pipeline/repository/mirrors.ts';
import { BACKEND_RECORD } from '../../src/pipeline/session/backend-choice.ts';
import { BLOB_RECORD } from '../../src/store/blobs.ts';
import type { RecordCodec } from '../../src/store/record-codec.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-codec-'));
  store = openStore(hostPath(join(directory, 'store')), { clock: systemClock });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const SHA256 = 'ab'.repeat(32);
const RECORD = {
  name: 'a',
  version: '1-r0',
  arch: 'x86_64',
  checksum: { algorithm: 'sha1', hex: 'cd'.repeat(20) },
  sizeBytes: 1,
  installedSizeBytes: 2,
  description: '',
  url: '',
  license: '',
  origin: '',
  maintainer: '',
  buildTime: 3,
  commit: '',
  providerPriority: 0,
  depends: [{ name: 'b', op: '>=', version: '2', conflict: false }],
  provides: [{ name: 'so:a', version: '1' }],
  installIf: [],
  replaces: [],
  replacesPriority: 0,
};
const ENVIRONMENT = {
  release: '3.19.4',
  arch: 'x86_64',
  minirootfs: { file: 'm', sizeBytes: 1, sha256: SHA256, sha512: 'ef'.repeat(64) },
  repositories: [{ location: 'v3.19/main', description: '', sha256: SHA256, sizeBytes: 1 }],
  world: [{ name: 'a', op: 'any', version: '', conflict: false, tag: 'edge' }],
  packages: [{ record: RECORD, repository: 'v3.19/main', sha256: SHA256, because: ['world'] }],
};
const RECORDED = {
  requests: ['a'],
  environments: [ENVIRONMENT],
  downloads: [{ url: 'https://example.org/x', sha256: SHA256, sizeBytes: 1 }],
};

/** Of each kind a value as it is written. */
const KINDS: Readonly<Record<string, readonly [RecordCodec<unknown>, Readonly<Record<string, unknown>>]>> = {
  answer: [ANSWER_RECORD, { sha256: SHA256, sizeBytes: 1 }],
  'missing answer': [ANSWER_RECORD, { missing: true }],
  layer: [LAYER_RECORD, { sha256: SHA256, sizeBytes: 1, recorded: RECORDED }],
  environment: [REQUEST_RECORD, { key: SHA256 }],
  overlay: [OVERLAY_RECORD, { works: false }],
  'freshness mark': [MARK_RECORD, { newest: 1, description: 'v3.19', sha256: SHA256 }],
  'automatic mirror': [AUTO_RECORD, { source: 'debian' }],
  backend: [BACKEND_RECORD, { id: 'bwrap' }],
  blob: [BLOB_RECORD, { sha256: SHA256 }],
};
const HOSTILE: readonly unknown[] = [null, 0, '', true, [], {}, [[]], 'x', 1.5, { length: 1 }, -1];

/** The same with each value in it, however deep, replaced by `by`; an optional key may also be away. */
function* mutants(value: unknown, by: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const withChild = (child: unknown): unknown =>
      Array.isArray(value)
        ? (value as unknown[]).map((item, at) => (String(at) === key ? child : item))
        : { ...value, [key]: child };
    yield withChild(by);
    for (const changed of mutants(inner, by)) yield withChild(changed);
  }
}

describe.each(Object.entries(KINDS))('a record: %s', (_name, [codec, value]) => {
  it('comes back as it was written', () => {
    store.putRecord('kind', value, { codec });
    expect(store.getRecord('kind', codec)).toEqual(value);
  });

  it('is absent when it is of another kind or version', () => {
    store.putRecord('kind', value, { codec });
    for (const hostile of HOSTILE) {
      writeFileSync(join(directory, 'store', 'records', 'kind.json'), `${JSON.stringify(hostile)}\n`);
      expect(store.getRecord('kind', codec)).toBeUndefined();
    }
    store.putRecord('kind', value, { codec: { ...codec, version: codec.version + 1 } });
    expect(store.getRecord('kind', codec)).toBeUndefined();
  });

  it('is absent when one value in it is of another kind', () => {
    for (const mutant of mutants(value, { a: 1 })) expect(codec.parse(mutant), JSON.stringify(mutant)).toBeUndefined();
    for (const by of HOSTILE) for (const mutant of mutants(value, by)) expect(() => codec.parse(mutant)).not.toThrow();
  });
});

it('a layer whose environments are hollow is absent', () => {
  const hollow = { sha256: SHA256, sizeBytes: 1, recorded: { requests: [], environments: [{}] } };
  expect(LAYER_RECORD.parse(hollow)).toBeUndefined();
  expect(LAYER_RECORD.parse({ ...hollow, recorded: { environments: [{}] } })).toBeUndefined();
});

it('a record without a version is of the first', () => {
  store.putRecord('mark', { newest: 1, description: '', sha256: SHA256 }, { codec: MARK_RECORD });
  const path = join(directory, 'store', 'records', 'mark.json');
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 1, value: { newest: 1 } });
  writeFileSync(path, JSON.stringify({ newest: 7, description: '', sha256: SHA256 }));
  expect(store.getRecord('mark', MARK_RECORD)?.newest).toBe(7);
});
