/**
 * What the steps of a build did to a stage's tree since it was made, oldest first: enough to tell whether a later
 * build can reset it to an earlier step by removing what the later steps added.
 */
import type { TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { isHidden, type TreeChanges, type TreeState } from './tree-scan.ts';

export interface TreeHistory {
  readonly steps: HistoryStep[];
  /** Below the sandbox's mounts, when the tree was made: path and signature. */
  readonly hidden: ReadonlyMap<TreePath, string>;
}

export interface HistoryStep {
  /** Of all up to here. */
  readonly key: string;
  readonly added: readonly TreePath[];
  /** Changed or removed, and there before. */
  readonly touched: readonly TreePath[];
}

/** The beginning of a tree that was just made. @param found of surveyTree */
export const beginHistory = (key: string, found: ReadonlyMap<TreePath, TreeStat>): TreeHistory => ({
  steps: [{ key, added: [], touched: [] }],
  hidden: new Map([...found].flatMap(([path, { signature }]) => (isHidden(path) ? [[path, signature] as const] : []))),
});

/** A step is finished: what it made of `before`. */
export function recordChanges(
  { steps }: TreeHistory,
  { key, before, changes }: { readonly key: string; readonly before: TreeState; readonly changes: TreeChanges },
): void {
  const paths = changes.changed.map(({ path }) => path);
  steps.push({
    key,
    added: paths.filter((path) => !before.has(path)),
    touched: [...paths.filter((path) => before.has(path)), ...changes.removed],
  });
}

/** What these steps have added; undefined when one of them did more than that. */
export function addedBy(steps: readonly HistoryStep[]): Set<TreePath> | undefined {
  const added = new Set<TreePath>();
  for (const step of steps) {
    if (step.touched.some((path) => !added.has(path))) return undefined;
    for (const path of step.added) added.add(path);
  }
  return added;
}
