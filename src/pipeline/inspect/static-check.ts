/** Programs in a build's output that could not run from it: dynamic ones whose loader is not there. */
import { parseOutputSpec } from '../../build/output-spec.ts';
import type { Config } from '../../core/config.ts';
import type { Emit } from '../../core/events.ts';
import { hostPath, joinTree, TREE_ROOT, treePathFromUser, type HostPath, type TreePath } from '../../core/paths.ts';
import { showName } from '../../core/redact.ts';
import { inspectElfFile } from '../environment/elf-files.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { resolve } from 'node:path';

const MAX_FILES = 2000;

/** Warns for each, and names the libraries. Only directory outputs are looked at. */
export function warnOfDynamicPrograms({ emit }: Config, outputs: readonly string[], directory: HostPath): void {
  for (const output of outputs) {
    const { type, dest } = parseOutputSpec(output);
    if (type !== 'local' || dest === '-') continue;
    const root = hostPath(resolve(directory, dest));
    const tree = openWorkTree(root);
    try {
      for (const path of filesUnder(tree).slice(0, MAX_FILES)) warnOf({ emit, tree }, path);
    } finally {
      tree.close();
    }
  }
}

function warnOf({ emit, tree }: { readonly emit: Emit; readonly tree: WorkTree }, path: TreePath): void {
  const report = inspectElfFile(tree.hostPathOf(path));
  const { interpreter } = report ?? {};
  if (
    report?.linkage !== 'dynamic' ||
    interpreter === undefined ||
    tree.stat(tree.resolve(treePathFromUser(interpreter)))?.kind === 'file'
  )
    return;
  const needed = report.needed.length === 0 ? '' : `; it needs ${report.needed.join(', ')}`;
  emit({
    kind: 'warning',
    message: `${showName(path)} is dynamic and its loader ${showName(interpreter)} is not in the output${needed}`,
    hint: 'link it with -static, or copy the libraries too',
  });
}

/** Links are not followed: they are the image's, and lead anywhere on the host. */
function filesUnder(tree: WorkTree, directory: TreePath = TREE_ROOT): TreePath[] {
  return tree.list(directory).flatMap((name) => {
    const path = joinTree(directory, name);
    const kind = tree.stat(path)?.kind;
    if (kind === 'directory') return filesUnder(tree, path);
    return kind === 'file' ? [path] : [];
  });
}
