/** Packages after what they need, beginning with what world asks for: the order of apk's change sets. */
import type { Dependency } from '../core/package.ts';
import type { LivePackage } from './tree-state.ts';

export function inDependencyOrder(packages: readonly LivePackage[], world: readonly Dependency[]): LivePackage[] {
  const byName = new Map<string, LivePackage>();
  for (const owner of packages) for (const { name } of owner.record.provides) byName.set(name, owner);
  for (const owner of packages) byName.set(owner.record.name, owner);
  const done = new Set<LivePackage>();
  const begun = new Set<LivePackage>();
  // By hand, since a chain of dependencies may be longer than the stack is deep.
  const open: { readonly owner: LivePackage; next: number }[] = [];
  const enter = (owner: LivePackage | undefined): void => {
    if (owner === undefined || begun.has(owner)) return;
    begun.add(owner);
    open.push({ owner, next: 0 });
  };
  for (const root of [...world.filter(({ conflict }) => !conflict).map(({ name }) => byName.get(name)), ...packages]) {
    enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const needed = top.owner.record.depends[top.next++];
      if (needed === undefined) {
        done.add(top.owner);
        open.pop();
      } else if (!needed.conflict) enter(byName.get(needed.name));
    }
  }
  return [...done];
}
