/** USER and --chown by name: looked up in the tree's own passwd and group files, read without leaving the tree. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { treePathFromUser } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

export interface PasswdEntry {
  readonly uid: number;
  readonly gid: number;
  /** That /etc/group gives a user who is named without a group. */
  readonly groups: readonly number[];
  /** '/' when passwd does not say. */
  readonly home: string;
}

function readTable(tree: WorkTree, path: string): string[][] {
  const resolved = tree.resolve(treePathFromUser(path));
  if (tree.stat(resolved)?.kind !== 'file') return [];
  return tree
    .readFile(resolved, limits.metadata)
    .toString('utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

/**
 * `name`, `uid`, `name:group`, `uid:gid`; '' is root.
 *
 * @throws ALP_BUILD_INSTRUCTION for a name that the tree does not know
 */
export function findPasswdEntry(tree: WorkTree, text: string, instruction: string): PasswdEntry {
  const [user = '', group] = text.split(':');
  const passwd = readTable(tree, 'etc/passwd');
  const wanted = user === '' ? '0' : user;
  const line = passwd.find((fields) => fields[0] === wanted) ?? passwd.find((fields) => fields[2] === wanted);
  const uid = numberOf(line?.[2]) ?? numberOf(wanted);
  if (uid === undefined) throw unknown(instruction, 'user', user);
  const gid = group === undefined || group === '' ? (numberOf(line?.[3]) ?? 0) : findGroup(tree, group, instruction);
  const groups = group === undefined && line !== undefined && user !== '' ? groupsOf(tree, line[0] ?? '') : [];
  return { uid, gid, groups, home: line?.[5] ?? '/' };
}

/** Owner for --chown: a group that is not named is the user's number, as docker has it. */
export function findCopyOwner(tree: WorkTree, text: string, instruction: string): { uid: number; gid: number } {
  const { uid, gid } = findPasswdEntry(tree, text, instruction);
  return text.includes(':') ? { uid, gid } : { uid, gid: numberOf(text) ?? gid };
}

const groupsOf = (tree: WorkTree, user: string): number[] =>
  readTable(tree, 'etc/group').flatMap(([, , gid, members = '']) =>
    members.split(',').includes(user) ? (numberOf(gid) ?? []) : [],
  );

function findGroup(tree: WorkTree, group: string, instruction: string): number {
  const line = readTable(tree, 'etc/group').find((fields) => fields[0] === group);
  const gid = numberOf(line?.[2]) ?? numberOf(group);
  if (gid === undefined) throw unknown(instruction, 'group', group);
  return gid;
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= 0xffffffff ? Number(text) : undefined;

function unknown(instruction: string, what: string, name: string): AlprootError {
  return new AlprootError('ALP_BUILD_INSTRUCTION', `${instruction}: the stage has no ${what} ${quoteName(name)}`, {
    hint: `use a number, or add the ${what} (adduser, addgroup, or COPY --from of /etc/passwd) in an earlier step`,
  });
}
