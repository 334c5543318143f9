/** What world and packages depend on, as a tree: each package's own branches are shown once. */
import type { Dependency, PackageRecord } from '../core/package.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import { isMetBy } from './why.ts';

export interface TreeNode {
  readonly record: PackageRecord;
  readonly children: readonly TreeNode[];
  /** Its branches were shown before. */
  readonly repeated: boolean;
}

/** A node whose branches are being made. */
interface Open {
  readonly children: TreeNode[];
  readonly rest: PackageRecord[];
}

const needed = (packages: readonly PackageRecord[], list: readonly Dependency[]): PackageRecord[] =>
  [...new Set(list.flatMap((dependency) => packages.filter((record) => isMetBy(dependency, record))))].sort((a, b) =>
    compareNames(a.name, b.name),
  );

/**
 * The trees below `roots`, or below world.
 *
 * @param packages what is installed or planned
 */
export function dependencyTree(packages: readonly PackageRecord[], roots: readonly Dependency[]): TreeNode[] {
  const shown = new Set<PackageRecord>();
  const top: Open = { children: [], rest: needed(packages, roots) };
  const stack: Open[] = [top];
  for (let open = stack.at(-1); open !== undefined; open = stack.at(-1)) {
    const record = open.rest.shift();
    if (record === undefined) {
      stack.pop();
      continue;
    }
    const repeated = shown.has(record);
    shown.add(record);
    const children: TreeNode[] = [];
    open.children.push({ record, children, repeated });
    if (!repeated) stack.push({ children, rest: needed(packages, record.depends).filter((item) => item !== record) });
  }
  return top.children;
}

/** `├─ name-version` lines; a repeated package ends in ` (*)` when it has branches. */
export function formatTree(nodes: readonly TreeNode[]): string[] {
  const lines: string[] = [];
  const stack = nodes.map((node) => ({ node, lead: '', mark: '', next: '' })).reverse();
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { node, lead, mark, next } = item;
    const again = node.repeated && node.record.depends.length > 0 ? ' (*)' : '';
    lines.push(`${lead}${mark}${node.record.name}-${node.record.version}${again}`);
    const below = node.children.map((child, index) => {
      const isLast = index === node.children.length - 1;
      return { node: child, lead: `${lead}${next}`, mark: isLast ? '└─ ' : '├─ ', next: isLast ? '   ' : '│  ' };
    });
    stack.push(...below.reverse());
  }
  return lines;
}
