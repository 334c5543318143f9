/**
 * Looks at one name again: which of its packages can still be chosen, whether an install_if fired, and what all
 * remaining options have in common. What they all need is needed now; a name that they all provide excludes
 * packages of that name which do not provide this one.
 */
import { announceRequirement, applyConstraint, disqualify, inherit, isSatisfiable } from './constrain.ts';
import { isProvided } from './match.ts';
import type { Link, NameNode, OwnedProvider, PackageNode, ProvidedName } from './model.ts';
import { countSteps, type SolverState } from './solver-state.ts';

/** What was found out about the packages of a name. */
interface Survey {
  first: PackageNode | undefined;
  options: number;
  wrongTag: number;
  hasIif: boolean;
  noIif: boolean;
  auto: boolean;
}

/** A name provided without version, by a package of no priority that nobody asks for, is not chosen unasked. */
export const isAutoSelectable = ({ pkg, version }: OwnedProvider): boolean =>
  version !== '' || pkg.record.providerPriority > 0 || pkg.name.requirers > 0;

/** Decides whether the package's install_if has fired or can no longer fire. */
function checkInstallIf(state: SolverState, pkg: PackageNode): void {
  if (pkg.iifTriggered || pkg.iifFailed) return;
  // Decided names stay so: those before are not looked at again.
  for (; pkg.triggersMet < pkg.installIf.length; pkg.triggersMet++) {
    const link = pkg.installIf[pkg.triggersMet] as Link;
    if (!link.name.locked) {
      if (link.dep.conflict) {
        link.name.iifNeeded = true;
        state.queues.markUnresolved(link.name, false);
      }
      return;
    }
    if (!isProvided(pkg, link, link.name.chosen)) {
      pkg.iifFailed = true;
      return;
    }
  }
  pkg.iifTriggered = true;
}

/** A name that nobody else goes by excludes nobody: only the others count, found once all names are known. */
const contestedOf = (pkg: PackageNode): readonly ProvidedName[] =>
  (pkg.contested ??= pkg.provides.filter(({ name }) => name.providers.some((other) => other.pkg !== pkg)));

/** Counts `name` as common to one more option when all options before had it too. */
function mergeProvide(name: NameNode, options: number, version: string): void {
  if (name.mergeProvides !== options) return;
  name.mergeProvides = options + 1;
  name.hasVirtualProvides ||= version === '';
}

function mergeOption(survey: Survey, provider: OwnedProvider): void {
  const { pkg } = provider;
  pkg.dependenciesMerged = true;
  survey.first ??= pkg;
  for (const { name, dep } of pkg.depends) {
    if (!dep.conflict && name.mergeDepends === survey.options) name.mergeDepends++;
  }
  mergeProvide(pkg.name, survey.options, provider.version);
  for (const { name, version } of contestedOf(pkg)) mergeProvide(name, survey.options, version);
  if (!pkg.tagOk) survey.wrongTag++;
  survey.options++;
  survey.auto ||= isAutoSelectable(provider);
}

function examine(state: SolverState, name: NameNode): Survey {
  const { reevaluateDeps, reevaluateIif } = name;
  name.reevaluateDeps = false;
  name.reevaluateIif = false;
  const survey: Survey = { first: undefined, options: 0, wrongTag: 0, hasIif: false, noIif: true, auto: false };
  countSteps(state, name.providers.length);
  for (const provider of name.providers) {
    const { pkg } = provider;
    pkg.dependenciesMerged = false;
    countSteps(state, pkg.depends.length + contestedOf(pkg).length);
    if (reevaluateDeps && pkg.selectable && !pkg.depends.every((link) => isSatisfiable(state, pkg, link)))
      disqualify(state, pkg);
    if (!pkg.selectable) continue;
    if (reevaluateIif) {
      checkInstallIf(state, pkg);
      if (pkg.iifTriggered) for (const link of pkg.installIf) inherit(state, pkg, link.name.chosen.pkg);
    }
    survey.hasIif ||= pkg.iifTriggered;
    survey.noIif &&= pkg.iifFailed;
    survey.auto ||= pkg.iifTriggered;
    if (name.requirers > 0) mergeOption(survey, provider);
  }
  return survey;
}

/** Ends a count: whether all `options` had it. */
function completeDepends(name: NameNode, options: number): boolean {
  const common = name.mergeDepends === options;
  name.mergeDepends = 0;
  return common;
}

function completeProvides(name: NameNode, options: number): boolean {
  const common = name.mergeProvides === options;
  name.mergeProvides = 0;
  return common;
}

/** What every option needs is needed: with one option as it says, with several at least the name. */
function requireCommon(state: SolverState, pkg: PackageNode, options: number): void {
  for (const link of pkg.depends) {
    if (!completeDepends(link.name, options)) continue;
    if (options === 1) {
      applyConstraint(state, pkg, link);
    } else if (link.name.requirers === 0) {
      link.name.requirers++;
      announceRequirement(state, link.name);
      for (const provider of link.name.providers) inherit(state, provider.pkg, pkg);
    }
  }
}

/** Packages that go by `name` and do not provide `wanted`, as `first` does, cannot be installed beside it. */
function excludeOthers(
  state: SolverState,
  name: NameNode,
  { wanted, first }: { readonly wanted: NameNode; readonly first: PackageNode },
): void {
  if (name === wanted || state.ignoreConflict) return;
  const skipVirtual = name.hasVirtualProvides;
  const rivals = skipVirtual ? name.versioned : name.providers;
  countSteps(state, rivals.length);
  for (const { pkg } of rivals) {
    if (pkg === first || pkg.name === wanted || !pkg.selectable) continue;
    countSteps(state, pkg.provides.length);
    if (pkg.provides.some((item) => item.name === wanted || (skipVirtual && item.version === ''))) continue;
    disqualify(state, pkg);
  }
}

function spread(state: SolverState, name: NameNode, survey: Survey): void {
  const pkg = survey.first;
  if (pkg === undefined) return;
  for (const provider of name.providers) provider.pkg.dependenciesUsed = provider.pkg.dependenciesMerged;
  requireCommon(state, pkg, survey.options);
  if (completeProvides(pkg.name, survey.options)) excludeOthers(state, pkg.name, { wanted: name, first: pkg });
  const contested = contestedOf(pkg);
  for (const provide of contested) {
    if (completeProvides(provide.name, survey.options))
      excludeOthers(state, provide.name, { wanted: name, first: pkg });
  }
  pkg.name.hasVirtualProvides = false;
  for (const provide of contested) provide.name.hasVirtualProvides = false;
}

/** @see apk-tools 3.0 src/solver.c reconsider_name */
export function reconsider(state: SolverState, name: NameNode): void {
  const survey = examine(state, name);
  name.hasOptions = survey.options > 1 || survey.wrongTag > 0;
  name.hasIif = survey.hasIif;
  name.noIif = survey.noIif;
  const changed = survey.auto !== name.hasAutoSelectable;
  name.hasAutoSelectable = survey.auto;
  spread(state, name, survey);
  name.reverseDepsDone = name.rdepends.every((other) => !other.seen || other.locked);
  state.queues.markUnresolved(name, changed);
}
