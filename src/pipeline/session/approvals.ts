/**
 * Which project files the user has approved: one record for each, in the user's own directory, with a digest of all
 * that was read. A file that changes is another file.
 */
import { sha256Hex } from '../../core/digest.ts';
import { parseJson } from '../../core/json.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { isTaken, namesIn } from '../../system/files/host-paths.ts';
import { foreignWriterAt } from '../../system/files/ownership.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { findUserDirectory, openUserDirectory, requireOwnDirectory, userDirectory } from './user-directory.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface Approval {
  /** The file. */
  readonly path: HostPath;
  /** Of its path, its bytes, and the keys that it names. */
  readonly digest: string;
  /** `2025-01-31T12:00:00.000Z` */
  readonly approved: string;
}

const DIRECTORY = 'trusted';
const RECORD_BYTES = 64 * 1024;

const approvalName = (path: HostPath): string => `${sha256Hex(path)}.json`;

/** What was approved under this path, whatever is there now. @throws ALP_STORE_OWNER when others can write there */
export function findApproval(env: Env, path: HostPath): Approval | undefined {
  const directory = joinHost(userDirectory(env), DIRECTORY);
  const record = joinHost(directory, approvalName(path));
  if (!isTaken(record)) return undefined;
  requireOwnDirectory(directory);
  const found = readApproval(record);
  return found?.path === path ? found : undefined;
}

/** @throws ALP_STORE_OWNER, ALP_STORE_WRITE */
export function writeApproval(env: Env, approval: Approval): void {
  writeFileAtomic(
    joinHost(openUserDirectory(env, DIRECTORY), approvalName(approval.path)),
    `${JSON.stringify(approval)}\n`,
    { mode: 0o600 },
  );
}

/** @returns whether there was one @throws ALP_STORE_OWNER, ALP_STORE_WRITE */
export function removeApproval(env: Env, path: HostPath): boolean {
  const directory = joinHost(userDirectory(env), DIRECTORY);
  const record = joinHost(directory, approvalName(path));
  if (!isTaken(record)) return false;
  requireOwnDirectory(directory);
  removeTree(record);
  return true;
}

/** All of them, by path. @throws ALP_STORE_OWNER */
export function listApprovals(env: Env): Approval[] {
  const own = findUserDirectory(env);
  if (own === undefined) return [];
  const directory = joinHost(own, DIRECTORY);
  const names = namesIn(directory).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  if (names.length > 0) requireOwnDirectory(directory);
  return names
    .flatMap((name) => readApproval(joinHost(directory, name)) ?? [])
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function readApproval(record: HostPath): Approval | undefined {
  const bytes = foreignWriterAt(record) === undefined ? readFileCapped(record, RECORD_BYTES) : undefined;
  try {
    const { path, digest, approved } = parseJson(bytes?.toString('utf8') ?? '{}') as Partial<
      Record<keyof Approval, unknown>
    >;
    return typeof path === 'string' && typeof digest === 'string' && typeof approved === 'string'
      ? { path: hostPath(path), digest, approved }
      : undefined;
  } catch {
    return undefined;
  }
}
