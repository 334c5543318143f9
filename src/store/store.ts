/**
 * What alproot keeps between runs. Many processes share it; whoever reads sees whole things only.
 *
 *     alproot-store                 marker: {"schema":1}
 *     blobs/sha256/ab/abcdef…       downloads and parsed indexes, named by the SHA-256 of their bytes
 *     records/NAME.json             small facts: what a URL gave, freshness marks, resolved environments
 *     snapshots/KEY/tree            immutable trees, renamed into place when complete
 *     layers/KEY/                   results of build steps
 *     trees/NAME/                   the tree of a stage as its last build left it, for the next one
 *     native/                       parts of alproot in C, compiled on this host
 *     mirrors/NAME/                 mirrors made from the host's Debian archive
 *     keys/                         private keys of those
 *     locks/NAME                    who is at work on what
 *     tmp/PID-…/                    unfinished work; of dead processes it is removed
 */
import { AlprootError, errnoOf } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { Sha256Hex } from '../core/digest.ts';
import { joinHost, parentOfHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { makeDirectory, makeWorkDirectory, moveDirectory, namesOf } from '../system/files/host-directories.ts';
import { fileError } from '../core/file-error.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { createBlobStore, type BlobStore } from './blobs.ts';
import { formatRecord, parseRecord, type RecordCodec } from './record-codec.ts';
import { failureOfStore } from './store-failure.ts';
import { requireOwnSnapshot, requireOwnStore } from './store-owner.ts';
import { isComplete, isWhole, markComplete, type Verifier } from './snapshot-mark.ts';
import { acquireLock } from '../system/files/file-lock.ts';
import { requireTreePlace } from '../system/files/file-system-probe.ts';
import {
  isAbandoned,
  processIdentity,
  temporaryBeside,
  temporaryName,
  workerBeside,
  workerOf,
} from '../system/process/process-identity.ts';
import { foreignWriterAt } from '../system/files/ownership.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { lastUsedMs, markUsed } from '../system/tree/tree-size.ts';
import type { Clock } from '../core/clock.ts';

const MARKER = 'alproot-store';
const SCHEMA = 1;
const RECORD_BYTES = 16 * 1024 * 1024;

export interface Store extends BlobStore {
  readonly root: HostPath;
  readonly readOnly: boolean;
  /** What a store that can only be read says of a path in it that would have to be written. */
  readonly refuse: (...parts: readonly string[]) => never;
  /** A record's value; undefined when there is none, or when it is damaged, of another version or another kind. */
  readonly getRecord: <T>(name: string, codec: RecordCodec<T>) => T | undefined;
  readonly putRecord: <T>(name: string, value: T, options: PutRecordOptions<T>) => void;
  /** A new empty directory for unfinished work, removed by the next run if this process dies. */
  readonly makeTemporary: (purpose: string) => HostPath;
  /** The tree of a snapshot that is there. @param verify called once for one from an earlier boot */
  readonly findSnapshot: (key: Sha256Hex, verify: Verifier) => Promise<HostPath | undefined>;
  /** Moves `directory` (with `tree` in it, made under makeTemporary) into place; another's equal one wins. */
  readonly publishSnapshot: (key: Sha256Hex, directory: HostPath) => HostPath;
  readonly path: (...parts: readonly string[]) => HostPath;
  /**
   * When the oldest other process at work on the store began, in milliseconds since 1970; what it uses is marked since
   * then.
   */
  readonly othersSince: () => number | undefined;
  /** Runs `work` alone under `name` among all processes. @throws ALP_STORE_BUSY when the signal ends the wait */
  readonly withLock: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

export interface PutRecordOptions<T> {
  readonly codec: RecordCodec<T>;
  /** It must survive a power failure; most need not, since a lost or torn record is only made again. */
  readonly durable?: boolean;
}

export interface StoreOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the store, makes it when the directory is missing or empty, and clears what dead processes left.
 *
 * @throws ALP_STORE_OWNER for one that others can write to, ALP_STORE_FOREIGN for a directory that holds something
 * else,
 *   ALP_USAGE_VERSION for a newer schema, ALP_STORE_WRITE
 */
export function openStore(root: HostPath, options: StoreOptions): Store {
  const cause = prepareStore(root);
  const readOnly = cause !== undefined;
  const path = (...parts: readonly string[]): HostPath => joinHost(root, ...parts);
  const refuse = (wanted: HostPath): never => {
    throw failureOfStore(fileError('write', wanted, cause), root);
  };
  if (!readOnly) removeLeftovers(root);
  const recordPath = (name: string): HostPath => path('records', `${safeName(name)}.json`);
  return {
    ...createBlobStore(root, readOnly ? refuse : undefined),
    root,
    readOnly,
    refuse: (...parts) => refuse(path(...parts)),
    path,
    getRecord: (name, codec) => parseRecord(readRecord(recordPath(name)), codec),
    putRecord: (name, value, { codec, durable = false }) => {
      if (!readOnly) writeFileAtomic(recordPath(name), formatRecord(value, codec), { durable });
    },
    makeTemporary: (purpose) => (readOnly ? makeWorkDirectory() : makeTemporary(root, purpose)),
    findSnapshot: async (key, verify) => {
      const directory = path('snapshots', key);
      requireOwnSnapshot(directory);
      if (!(await isWhole(directory, { readOnly, verify }))) return undefined;
      markUsed(directory);
      return joinHost(directory, 'tree');
    },
    othersSince: () => othersSince(root),
    publishSnapshot: (key, directory) =>
      readOnly ? refuse(path('snapshots', key)) : publish(path('snapshots', key), directory),
    withLock: async (name, work) => {
      if (readOnly) return work();
      const lock = await acquireLock(path('locks', safeName(name)), options);
      try {
        return await work();
      } finally {
        lock.release();
      }
    },
  };
}

/** undefined also for one that another user could have written. */
function readRecord(path: HostPath): unknown {
  const bytes = foreignWriterAt(path) === undefined ? readFileCapped(path, RECORD_BYTES) : undefined;
  try {
    return bytes === undefined ? undefined : parseJson(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function prepareStore(root: HostPath): Error | undefined {
  try {
    return prepare(root);
  } catch (error) {
    throw failureOfStore(error, root);
  }
}

/** @returns why the store can only be read; undefined when it can be written */
function prepare(root: HostPath): Error | undefined {
  requireOwnStore(root);
  const marker = readMarker(root) ?? rescanMarker(root);
  if (marker === undefined) {
    requirePlace(root);
    // Where anybody may make directories, somebody else may have been quicker.
    requireOwnStore(root);
    writeFileAtomic(joinHost(root, MARKER), `${JSON.stringify({ schema: SCHEMA })}\n`);
    return undefined;
  }
  const schema = schemaOf(root, marker);
  if (schema > SCHEMA) {
    throw new AlprootError('ALP_USAGE_VERSION', `the store ${quoteName(root)} was made by a newer alproot`, {
      hint: 'update alproot, or choose another --cache',
    });
  }
  try {
    makeDirectory(joinHost(root, 'tmp'));
    const probe = makeTemporary(root, 'probe');
    removeTree(probe);
    return undefined;
  } catch (error) {
    const cause = error instanceof AlprootError ? error.cause : error;
    if (['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(cause) ?? '')) return cause as Error;
    throw error;
  }
}

const readMarker = (root: HostPath): Buffer | undefined => readFileCapped(joinHost(root, MARKER), 4096);

/**
 * The marker of a store that another process has made meanwhile: all that it holds comes after it.
 *
 * @throws ALP_STORE_FOREIGN
 */
function rescanMarker(root: HostPath): Buffer | undefined {
  const others = namesOf(root).filter((name) => name !== 'README.md' && workerBeside(name) === undefined);
  const marker = readMarker(root);
  if (marker === undefined && others.length > 0) {
    throw new AlprootError(
      'ALP_STORE_FOREIGN',
      `${quoteName(root)} is not an alproot store: it holds ${quoteName(others[0] ?? '')} and no marker`,
      { hint: 'choose an empty or missing directory with --cache or ALPROOT_CACHE' },
    );
  }
  return marker;
}

/** Before there is a store. @throws ALP_STORE_WRITE where its trees could not be */
function requirePlace(root: HostPath): void {
  const marker = joinHost(root, MARKER);
  try {
    makeDirectory(root);
    requireTreePlace(temporaryBeside(marker), { what: 'the store', path: root });
  } catch (error) {
    throw fileError('write', marker, error instanceof AlprootError && error.cause !== undefined ? error.cause : error);
  }
}

/** @throws ALP_STORE_DAMAGED for a marker that was cut off or written over */
function schemaOf(root: HostPath, marker: Buffer): number {
  const schema = /^\s*\{\s*"schema"\s*:\s*(\d{1,9})\s*\}\s*$/.exec(marker.toString('utf8'))?.[1];
  if (schema === undefined)
    throw new AlprootError('ALP_STORE_DAMAGED', `the marker ${quoteName(joinHost(root, MARKER))} is damaged`, {
      hint: 'remove it with the rest of the store, or choose another --cache',
    });
  return Number(schema);
}

function makeTemporary(root: HostPath, purpose: string): HostPath {
  const directory = joinHost(root, 'tmp', temporaryName(purpose));
  makeDirectory(directory, 0o700);
  return directory;
}

function othersSince(root: HostPath): number | undefined {
  const own = `${processIdentity().pid}-`;
  const begun = namesOf(joinHost(root, 'tmp'))
    .filter((name) => name.includes('-session-') && !name.startsWith(own))
    .map((name) => lastUsedMs(joinHost(root, 'tmp', name)));
  // Marks have whole milliseconds, the kernel's own times have more.
  return begun.length === 0 ? undefined : Math.floor(Math.min(...begun));
}

function removeLeftovers(root: HostPath): void {
  for (const name of namesOf(joinHost(root, 'tmp'))) {
    if (isAbandoned(workerOf(name), joinHost(root, 'tmp', name))) removeTree(joinHost(root, 'tmp', name));
  }
  for (const place of [root, joinHost(root, 'records'), joinHost(root, 'locks')]) {
    for (const name of namesOf(place)) {
      const worker = workerBeside(name);
      if (worker !== undefined && isAbandoned(worker, joinHost(place, name))) removeTree(joinHost(place, name));
    }
  }
}

function publish(target: HostPath, directory: HostPath): HostPath {
  markComplete(directory);
  makeDirectory(parentOfHost(target));
  // What stands there without its mark is half a snapshot: it never counted. Nor does one that nobody found whole.
  if (!isComplete(target)) removeTree(target);
  if (!moveDirectory(directory, target)) removeTree(directory);
  return joinHost(target, 'tree');
}

const safeName = (name: string): string =>
  /^[\w.-]{1,120}$/.test(name) && !name.startsWith('.') ? name : Buffer.from(name).toString('hex').slice(0, 200);
