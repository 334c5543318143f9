/**
 * Whose a store is. What is in it runs: compiled helpers as they are, trees in a sandbox. So it belongs to this user
 * or to root, all of it, and nobody else can write there. Looked at are the store, the directories above and right
 * below it, and what is opened of a snapshot: a dozen calls, however much it holds.
 */
import { AlprootError } from '../core/errors.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { quoteName, showName } from '../core/redact.ts';
import { findForeignWriter, foreignWriterAt, type ForeignWriter } from '../system/files/ownership.ts';

/** What is right below a store, see `store.ts`. */
const PARTS = [
  'alproot-store',
  'blobs',
  'records',
  'snapshots',
  'layers',
  'trees',
  'native',
  'mirrors',
  'keys',
  'locks',
  'tmp',
];

/** What there is of the store so far. @throws ALP_STORE_OWNER */
export function requireOwnStore(root: HostPath): void {
  const found = findForeignWriter(root) ?? firstOf(PARTS.map((name) => joinHost(root, name)));
  if (found !== undefined) throw ownerRefusal(found, `the store ${quoteName(root)}`);
}

/** A snapshot, the mark that says that it is complete, and its tree. @throws ALP_STORE_OWNER */
export function requireOwnSnapshot(directory: HostPath): void {
  const found = firstOf([directory, joinHost(directory, 'done'), joinHost(directory, 'tree')]);
  if (found !== undefined) throw ownerRefusal(found, 'a tree of the store');
}

function firstOf(paths: readonly HostPath[]): ForeignWriter | undefined {
  for (const path of paths) {
    const found = foreignWriterAt(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ownerRefusal({ path, kind, uid }: ForeignWriter, what: string): AlprootError {
  const own = process.geteuid?.() ?? 0;
  const why = {
    owner: `belongs to user ${uid}`,
    unmapped: 'belongs to a user whom this container does not know',
    writable: 'can be written by other users',
  }[kind];
  const [first, other] = {
    owner: [`run \`chown -R ${own} ${showName(path)}\``, `run alproot as user ${uid}, or choose another store`],
    unmapped: ['mount a directory whose owner the container knows', 'choose another store'],
    writable: [`run \`chmod -R go-w ${showName(path)}\``, 'choose another store'],
  }[kind];
  return new AlprootError(
    'ALP_STORE_OWNER',
    `${what} is not used: ${quoteName(path)} ${why}, who could put anything into it, and user ${own} would run it`,
    {
      hint:
        `if you trust all that is in it, ${first ?? ''}; ` +
        `else ${other ?? ''} with --cache DIR or ALPROOT_CACHE=DIR`,
      facts: { path, uid, kind },
    },
  );
}
