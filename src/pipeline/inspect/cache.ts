/** The store, looked at and cleaned. */
import type { Config } from '../../core/config.ts';
import type { Sha256Hex } from '../../core/digest.ts';
import type { HostPath } from '../../core/paths.ts';
import { ageDays, lastUsedMs, sizeOfTree } from '../../system/tree/tree-size.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { discard, TREES } from '../session/cached-stage-trees.ts';
import { cachePathOf, withSession } from '../session/session.ts';

export interface CacheEntry {
  readonly kind: 'blob' | 'snapshot' | 'layer' | 'tree' | 'mirror';
  readonly name: string;
  readonly sizeBytes: number;
  readonly ageDays: number;
}

export const cachePath = (config: Config): string => cachePathOf(config);

const DIRECTORIES = [
  ['snapshot', 'snapshots'],
  ['layer', 'layers'],
  ['tree', TREES],
  ['mirror', 'mirrors'],
] as const;

/** What is there, snapshots first. */
export const cacheList = (config: Config): Promise<CacheEntry[]> =>
  withSession(config, ({ store }) => {
    const trees = DIRECTORIES.flatMap(([kind, directory]) =>
      namesOf(store.path(directory)).map((name): CacheEntry => measure(kind, name, store.path(directory, name))),
    );
    const blobs = blobNames(store).map((name): CacheEntry => measure('blob', name, store.blobPath(name)));
    return Promise.resolve([...trees, ...blobs]);
  });

const measure = (kind: CacheEntry['kind'], name: string, path: HostPath): CacheEntry => ({
  kind,
  name,
  sizeBytes: sizeOfTree(path),
  ageDays: ageDays(path),
});

const blobNames = (store: { readonly path: (...parts: readonly string[]) => HostPath }): Sha256Hex[] =>
  namesOf(store.path('blobs', 'sha256')).flatMap(
    (prefix) => namesOf(store.path('blobs', 'sha256', prefix)) as Sha256Hex[],
  );

/** Days without use after which `gc` removes something, unless it is told otherwise. */
export const KEPT_DAYS = 30;

/**
 * Removes what was not used for `days`: blobs, snapshots, layers and trees can all be made again. What another process
 * at work may be using, whatever its age, is left.
 *
 * @throws ALP_STORE_WRITE in a store that can only be read
 */
export const collectGarbage = (
  config: Config,
  days: number = KEPT_DAYS,
): Promise<{ readonly removed: number; readonly freedBytes: number; readonly inUse: number }> =>
  withSession(config, async ({ store }) => {
    if (store.readOnly) store.refuse('blobs');
    const others = store.othersSince();
    const report = { removed: 0, freedBytes: 0, inUse: 0 };
    for (const { kind, name, sizeBytes, ageDays: age } of await cacheList(config)) {
      if (kind === 'mirror' || age < days) continue;
      const path =
        kind === 'blob'
          ? store.blobPath(name as Sha256Hex)
          : store.path({ snapshot: 'snapshots', layer: 'layers', tree: TREES }[kind], name);
      if (others !== undefined && lastUsedMs(path) >= others) {
        report.inUse++;
        continue;
      }
      if (kind === 'tree') discard(store, path);
      else removeTree(path);
      report.removed++;
      report.freedBytes += sizeBytes;
    }
    return report;
  });

/** Hashes every blob; damaged ones are dropped. */
export const cacheVerify = (
  config: Config,
): Promise<{ readonly checked: number; readonly damaged: readonly string[] }> =>
  withSession(config, ({ store }) => {
    const names = blobNames(store);
    const damaged = names.filter((name) => {
      const blob = store.openBlob(name, name);
      blob?.close();
      return blob === undefined;
    });
    return Promise.resolve({ checked: names.length, damaged });
  });
