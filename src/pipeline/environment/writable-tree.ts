/** A tree of the store for a command that may change it: through an overlay where that works, else as a copy. */
import { joinHost, type HostPath } from '../../core/paths.ts';
import type { RunDescription } from '../../core/run-description.ts';
import { prepareOverlay, probeOverlay } from '../../run/overlay/overlay.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { cloneTree } from '../../system/tree/tree-clone.ts';
import { chooseBackend, fingerprint } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';
import { isShape } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

/** Those with a mount namespace, which is put into the overlay's. */
/** Whether an overlay can be made here. */
export const OVERLAY_RECORD = recordCodec(
  1,
  isShape<{ readonly works: boolean }>({ works: (value) => typeof value === 'boolean' }),
);

const IN_NAMESPACES: ReadonlySet<string> = new Set(['bwrap', 'userns', 'chroot']);

/** @param scratch a directory of ours; what the command changes stays there */
export async function openWritableTree(
  session: Session,
  tree: HostPath,
  scratch: HostPath,
): Promise<Pick<RunDescription, 'tree' | 'changes'>> {
  const backend = await chooseBackend(session, tree);
  if (IN_NAMESPACES.has(backend.name) && (await canOverlay(session))) {
    const changes = joinHost(scratch, 'changes');
    makeDirectory(changes, 0o700);
    if (prepareOverlay(tree, changes)) return { tree, changes };
  }
  const copy = joinHost(scratch, 'tree');
  await cloneTree(tree, copy, { owners: session.isRoot });
  return { tree: copy };
}

/** Tried once for this host and store. */
async function canOverlay(session: Session): Promise<boolean> {
  const { store, runHost } = session;
  const record = `overlay-${fingerprint(session)}`;
  const known = store.getRecord(record, OVERLAY_RECORD);
  if (known !== undefined) return known.works;

  const works = await probeOverlay(runHost);
  store.putRecord(record, { works }, { codec: OVERLAY_RECORD });
  return works;
}
