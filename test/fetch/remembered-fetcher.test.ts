/** What is remembered of a mirror counts only while the store has it whole. */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AlpEvent } from '../../src/core/events.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { hostPath } from '../../src/core/paths.ts';
import type { FetchRequest } from '../../src/fetch/fetch-request.ts';
import { rememberFetches } from '../../src/fetch/remembered-fetcher.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';

const REQUEST: FetchRequest = {
  base: 'https://example.org',
  path: 'a.tar.gz',
  maxBytes: 100,
  label: 'a',
  remember: 'fixed',
};
let directory: string;
let store: Store;
let asked: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-remembered-'));
  store = openStore(hostPath(join(directory, 'store')), { clock: systemClock });
  asked = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function remembering(events: AlpEvent[] = []): ReturnType<typeof rememberFetches> {
  const downloadFile = (): Promise<ReturnType<Store['putBlob']>> => {
    asked++;
    return Promise.resolve(store.putBlob(Buffer.from('the bytes')));
  };
  return rememberFetches(
    { fetch: downloadFile, fetchOptional: downloadFile },
    { store, emit: (event) => events.push(event), offline: false, refresh: false },
  );
}

const verify = ({ sha256 }: ReturnType<Store['putBlob']>): void => {
  const blob = store.openBlob(sha256, 'a');
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', 'a was damaged');
  blob.close();
};

it.each([
  ['verified by its reader', { ...REQUEST, verify }],
  ['not verified', REQUEST],
])(
  "a file that never changes is asked for once, and again when the store's is damaged: %s",
  async (_what, request) => {
    const events: AlpEvent[] = [];
    for (const method of ['fetch', 'fetchOptional'] as const) {
      asked = 0;
      const fetcher = remembering(events);
      const ref = await fetcher.fetch(request);
      await fetcher[method](request);
      const before = asked;
      truncateSync(store.blobPath(ref.sha256), 4);
      expect(await fetcher[method](request)).toEqual(ref);
      expect([before, asked]).toEqual(method === 'fetch' ? [1, 2] : [0, 1]);
      expect(() => verify(ref)).not.toThrow();
    }
    expect(events).toEqual(
      Array.from({ length: 2 }, () => ({ kind: 'note', message: 'a was damaged in the store and is fetched again' })),
    );
  },
);

it('what verification refuses is not fetched again', async () => {
  await remembering().fetch(REQUEST);
  const refuse = (): never => {
    throw new AlprootError('ALP_VERIFY_DIGEST', 'another digest');
  };
  await expect(remembering().fetch({ ...REQUEST, verify: refuse })).rejects.toMatchObject({
    code: 'ALP_VERIFY_DIGEST',
  });
  expect(asked).toBe(1);
});
