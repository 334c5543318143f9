/** A tree to try backends on before any environment exists: the host's own programs, bound into an empty root. */
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import type { Mount } from '../core/run-description.ts';
import { namesOf } from '../system/files/host-directories.ts';
import { realPath, isDirectory } from '../system/files/host-paths.ts';
import { hostPath } from '../core/paths.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';

const SHOWN = /^(?:bin|sbin|usr|lib\d*|libx32|nix|gnu)$/;

/** Makes the directories and links; the programs themselves come by `probeMounts`. */
export function makeProbeTree(root: HostPath): HostPath {
  const tree = openWorkTree(root);
  try {
    for (const name of ['dev', 'proc', 'tmp', ...namesOf(hostPath('/')).filter((entry) => SHOWN.test(entry))]) {
      const path = treePathFromUser(name);
      const real = realPath(`/${name}`);
      if (real === undefined || real === `/${name}`) tree.makeDirectory(path, 0o755);
      else tree.makeSymlink(path, real.slice(1));
    }
  } finally {
    tree.close();
  }
  return root;
}

/** The host's directories of programs and libraries for a tree of `makeProbeTree`; none for any other. */
export function probeMounts(root: HostPath): Mount[] {
  if (isDirectory(joinHost(root, 'etc'))) return [];
  return namesOf(hostPath('/'))
    .filter((name) => SHOWN.test(name) && realPath(`/${name}`) === `/${name}`)
    .map((name) => ({ kind: 'bind', source: hostPath(`/${name}`), target: treePathFromUser(name), writable: false }));
}
