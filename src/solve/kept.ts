/** After `del`: which of the named packages stay, and what in world holds them. */
import { compareNames } from '../formats/apk/world-file.ts';
import { compileNameGlob, isNameGlob } from './glob.ts';
import { createIndentedText, type IndentedText } from './indented.ts';
import { reverseLinks } from './match.ts';
import type { NameNode, PackageNode } from './model.ts';
import type { Resolution } from './resolution.ts';
import { packageNames } from './solver-state.ts';
import { runSteps, type Steps } from './solver-steps.ts';
import type { Dependency } from '../core/package.ts';

interface Walk {
  readonly text: IndentedText;
  readonly label: string;
  readonly chosen: ReadonlySet<PackageNode>;
  readonly visited: Set<PackageNode>;
  readonly inWorld: (name: NameNode) => boolean;
  readonly verbose: boolean;
  labelled: boolean;
}

function* holders(walk: Walk, pkg: PackageNode): Steps {
  if (!walk.labelled) walk.text.group(walk.label);
  walk.labelled = true;
  for (const name of packageNames(pkg)) if (walk.inWorld(name)) walk.text.word(name.name);
  const accept = (other: PackageNode): boolean => walk.chosen.has(other);
  for (const { pkg: other } of reverseLinks(pkg, 'satisfies', { accept, once: walk.visited, first: true }))
    yield holders(walk, other);
  for (const link of pkg.installIf) {
    for (const { pkg: trigger } of link.name.providers) {
      if (!walk.chosen.has(trigger) || walk.visited.has(trigger)) continue;
      walk.visited.add(trigger);
      if (walk.verbose || walk.inWorld(trigger.name)) yield holders(walk, trigger);
    }
  }
}

/** The arguments' names in apk's order; wildcards mean all names that the solver reached. */
function subjects(resolution: Resolution, args: readonly string[]): NameNode[] {
  const { universe } = resolution;
  const nodes = args.some(isNameGlob)
    ? [...universe.names()].filter(({ name }) => args.map(compileNameGlob).some((test) => test(name)))
    : args.filter((arg) => universe.known(arg)).map((arg) => universe.open(arg));
  return nodes.sort((a, b) => compareNames(a.name, b.name));
}

/**
 * The lines `World updated, but …`, none when everything went.
 *
 * @param options.before world before the command
 * @see apk-tools 3.0 src/app_del.c print_not_deleted_name
 */
export function formatKept(
  resolution: Resolution,
  args: readonly string[],
  options: { readonly before: readonly Dependency[]; readonly verbose: boolean; readonly width?: number | undefined },
): string[] {
  const chosen = new Set(resolution.changes.map(({ next }) => next).filter((pkg) => pkg !== undefined));
  const wanted = new Set(resolution.world.filter(({ conflict }) => !conflict).map(({ name }) => name));
  const forbidden = new Set(options.before.filter(({ conflict }) => conflict).map(({ name }) => name));
  const text = createIndentedText(options.width);
  for (const name of subjects(resolution, args)) {
    if (forbidden.has(name.name)) continue;
    const walk: Walk = {
      text,
      label: `  ${name.name}:`,
      chosen,
      visited: new Set(),
      labelled: false,
      inWorld: (node) => wanted.has(node.name),
      verbose: options.verbose,
    };
    for (const { pkg } of name.providers) if (chosen.has(pkg)) runSteps(holders(walk, pkg));
    text.end();
  }
  const lines = text.lines();
  if (lines.length === 0) return [];
  return ['World updated, but the following packages are not removed due to:', ...lines, ''];
}
