/** Layers of steps in the store, each with what `apk` installed in it: a lock verifies them, and is made from them. */
import { keyOf } from '../../core/digest.ts';
import type { HostPath } from '../../core/paths.ts';
import type { LayerStore, StoredLayer } from '../../build/host.ts';
import type { Recorded } from '../../ship/recording.ts';
import { moveFile } from '../../system/files/hashed-file.ts';
import { isFile } from '../../system/files/host-paths.ts';
import { markUsed } from '../../system/tree/tree-size.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { LAYER_RECORD } from './layer-record.ts';
import { isPinned, type StepRecords } from './step-records.ts';

interface LayerRules {
  readonly installed: StepRecords;
  readonly isCurrent: (recorded: Recorded) => Promise<boolean>;
}

/** @param rules whether a layer may be used again, by what was installed in it */
export function createLayerStore(
  session: InstallContext,
  { installed, isCurrent: mayBeUsed }: LayerRules,
): LayerStore {
  const { store } = session;
  // A store that can only be read takes none: they last as long as the build's own files.
  const passing = new Map<string, StoredLayer>();
  // What was made without a refusal is not what a strict build would have made.
  const nameOf = (key: string): string => keyOf(session.config.strict === true ? 'layer-strict' : 'layer', key);
  const fileOf = (key: string): HostPath => store.path('layers', nameOf(key));
  return {
    get: async (key) => {
      const own = passing.get(key);
      if (own !== undefined) return own;
      const known = store.getRecord(`layer-${nameOf(key)}`, LAYER_RECORD);
      const file = fileOf(key);
      if (known === undefined || !isFile(file)) return undefined;
      if (known.recorded !== undefined) {
        if (!isPinned(session, known.recorded) || !(await mayBeUsed(known.recorded))) return undefined;
        session.recording.add(known.recorded);
      }
      markUsed(file);
      return { file, sha256: known.sha256, sizeBytes: known.sizeBytes };
    },
    put: (key, file, { sha256, sizeBytes, tree }) => {
      if (store.readOnly) {
        const layer = { file, sha256, sizeBytes };
        passing.set(key, layer);
        return Promise.resolve(layer);
      }
      const target = fileOf(key);
      moveFile(file, target);
      const recorded = tree === undefined ? undefined : installed.take(tree);
      store.putRecord(
        `layer-${nameOf(key)}`,
        { sha256, sizeBytes, ...(recorded === undefined ? {} : { recorded }) },
        { codec: LAYER_RECORD },
      );
      return Promise.resolve({ file: target, sha256, sizeBytes });
    },
  };
}
