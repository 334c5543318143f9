/**
 * Directories whose files belong to the administrator once they were edited: `/etc`, and what `protected_paths.d`
 * says. A rule names a directory; the deepest one that has a rule decides, and of its rules the last.
 *
 * @see apk-tools 2.14 `apk_db_dir_get`, `add_protected_path`
 */
import { nameOf, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { compilePattern } from '../formats/apk/shell-pattern.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

const DIRECTORY = 'etc/apk/protected_paths.d' as TreePath;
const MAX_BYTES = 64 * 1024;
const DEFAULTS = ['+etc', '@etc/init.d', '!etc/apk'];

/** What a rule's sign says: `-`, `+`, `@`, `!`; 'none' where there is no rule. */
export type Protection = 'none' | 'ignored' | 'changed' | 'symlinks' | 'all';

interface Rule {
  readonly protection: Protection;
  /** Patterns of the components that are still to come. */
  readonly rest: readonly ((name: string) => boolean)[];
}

interface Node {
  readonly protection: Protection;
  readonly rules: readonly Rule[];
}

/** @returns whether the files of a directory are protected */
export function readProtection(tree: WorkTree): (directory: TreePath) => boolean {
  const protectionOf = createProtection(protectionLines(tree));
  return (directory) => isProtecting(protectionOf(directory));
}

export const isProtecting = (protection: Protection): boolean => protection !== 'none' && protection !== 'ignored';

/** apk's own rules, and those of the tree. */
export function protectionLines(tree: WorkTree): string[] {
  const names =
    tree.stat(DIRECTORY)?.kind === 'directory'
      ? tree.list(DIRECTORY).filter((name) => name.endsWith('.list') && !name.startsWith('.'))
      : [];
  const files = names
    .map((name) => `${DIRECTORY}/${name}` as TreePath)
    .filter((path) => tree.stat(path)?.kind === 'file');
  return [...DEFAULTS, ...files.flatMap((path) => tree.readFile(path, MAX_BYTES).toString('latin1').split('\n'))];
}

/** The rule that holds for a path, of a directory or of a file. */
export function createProtection(lines: readonly string[]): (path: TreePath) => Protection {
  const nodes = new Map<TreePath, Node>([[TREE_ROOT, { protection: 'none', rules: lines.flatMap(parseRule) }]]);
  const nodeOf = (path: TreePath): Node => {
    const known = nodes.get(path);
    if (known !== undefined) return known;
    const node = stepInto(nodeOf(parentOf(path)), nameOf(path));
    nodes.set(path, node);
    return node;
  };
  return (path) => nodeOf(path).protection;
}

const SIGNS: Readonly<Record<string, Protection>> = { '-': 'ignored', '+': 'changed', '@': 'symlinks', '!': 'all' };

function parseRule(line: string): Rule[] {
  if (line === '' || line.startsWith('#')) return [];
  const signed = /^[-+@!]/.test(line);
  const path = (signed ? line.slice(1) : line).replace(/^\/+|\/+$/g, '');
  return [{ protection: SIGNS[line[0] ?? ''] ?? 'changed', rest: path.split('/').map(compilePattern) }];
}

function stepInto({ protection, rules }: Node, name: string): Node {
  const met = rules.filter(({ rest: [first] }) => first?.(name) === true);
  const decisive = met.findLast(({ rest }) => rest.length === 1);
  return {
    protection: decisive?.protection ?? protection,
    rules: met.filter(({ rest }) => rest.length > 1).map((rule) => ({ ...rule, rest: rule.rest.slice(1) })),
  };
}
