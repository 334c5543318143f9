/** What a regular file of a tree holds, as a digest: read in pieces, however large it is. */
import { createHash } from 'node:crypto';
import type { TreePath } from '../../core/paths.ts';
import type { WorkTree } from './work-tree.ts';

/** @throws ALP_UNPACK_TREE when there is no regular file, ALP_LIMIT_SIZE */
export function digestOfFile(tree: WorkTree, path: TreePath, algorithm: 'sha1' | 'sha256'): Buffer {
  const hash = createHash(algorithm);
  for (const piece of tree.readPieces(path, tree.stat(path)?.sizeBytes ?? 0)) hash.update(piece);
  return hash.digest();
}
