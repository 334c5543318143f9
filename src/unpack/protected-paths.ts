/**
 * Directories whose files belong to the administrator once they were edited: `/etc`, and what `protected_paths.d`
 * says. A rule names a directory; the deepest one that has a rule decides, and of its rules the last.
 *
 * @see apk-tools 2.14 `apk_db_dir_get`, `add_protected_path`
 */
import { nameOf, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { compilePattern } from '../formats/shell-pattern.ts';
import type { WorkTree } from '../system/work-tree.ts';

const DIRECTORY = 'etc/apk/protected_paths.d' as TreePath;
const MAX_BYTES = 64 * 1024;
const DEFAULTS = ['+etc', '@etc/init.d', '!etc/apk'];

interface Rule {
  readonly isProtected: boolean;
  /** Patterns of the components that are still to come. */
  readonly rest: readonly ((name: string) => boolean)[];
}

interface Node {
  readonly isProtected: boolean;
  readonly rules: readonly Rule[];
}

/** @returns whether the files of a directory are protected */
export function readProtection(tree: WorkTree): (directory: TreePath) => boolean {
  const names = tree.stat(DIRECTORY)?.kind === 'directory' ? tree.list(DIRECTORY).filter((name) => name.endsWith('.list')) : [];
  const files = names.map((name) => `${DIRECTORY}/${name}` as TreePath).filter((path) => tree.stat(path)?.kind === 'file');
  const lines = [...DEFAULTS, ...files.flatMap((path) => tree.readFile(path, MAX_BYTES).toString('latin1').split('\n'))];
  const nodes = new Map<TreePath, Node>([[TREE_ROOT, { isProtected: false, rules: lines.flatMap(parseRule) }]]);
  const nodeOf = (path: TreePath): Node => {
    const known = nodes.get(path);
    if (known !== undefined) return known;
    const node = stepInto(nodeOf(parentOf(path)), nameOf(path));
    nodes.set(path, node);
    return node;
  };
  return (directory) => nodeOf(directory).isProtected;
}

function parseRule(line: string): Rule[] {
  if (line === '' || line.startsWith('#')) return [];
  const signed = /^[-+@!]/.test(line);
  const path = (signed ? line.slice(1) : line).replace(/^\/+|\/+$/g, '');
  return [{ isProtected: !line.startsWith('-'), rest: path.split('/').map(compilePattern) }];
}

function stepInto({ isProtected, rules }: Node, name: string): Node {
  const met = rules.filter(({ rest: [first] }) => first?.(name) === true);
  const decisive = met.findLast(({ rest }) => rest.length === 1);
  return {
    isProtected: decisive?.isProtected ?? isProtected,
    rules: met.filter(({ rest }) => rest.length > 1).map((rule) => ({ ...rule, rest: rule.rest.slice(1) })),
  };
}
