/** User and group names of a tree, as its own /etc/passwd and /etc/group have them. */
import type { TreePath } from '../core/paths.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

export interface UserNames {
  /** Numbers for the names that an archive gives; its own numbers where a name is unknown. */
  readonly resolve: (owner: {
    readonly uname: string;
    readonly gname: string;
    readonly uid: number;
    readonly gid: number;
  }) => { uid: number; gid: number };
}

const MAX_BYTES = 1024 * 1024;

export function readUserNames(tree: WorkTree): UserNames {
  const users = readTable(tree, 'etc/passwd');
  const groups = readTable(tree, 'etc/group');
  return {
    resolve: ({ uname, gname, uid, gid }) => ({
      uid: uname === 'root' ? 0 : (users.get(uname) ?? uid),
      gid: gname === 'root' ? 0 : (groups.get(gname) ?? gid),
    }),
  };
}

/** `name:x:number:…` */
function readTable(tree: WorkTree, path: string): Map<string, number> {
  const table = new Map<string, number>();
  if (tree.stat(path as TreePath)?.kind !== 'file') return table;
  for (const line of tree
    .readFile(path as TreePath, MAX_BYTES)
    .toString('latin1')
    .split('\n')) {
    const [name = '', , number = ''] = line.split(':');
    if (name !== '' && /^\d{1,10}$/.test(number)) table.set(name, Number(number));
  }
  return table;
}
