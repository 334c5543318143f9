/** What is installed, or would be, and why: of a tree, of a lock, or of packages as the mirror has them. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Dependency, PackageRecord } from '../../core/package.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { parseDependency } from '../../formats/apk/dependency.ts';
import { lockPathIn, readLock } from '../../ship/lock-file.ts';
import { nearestNames } from '../../solve/nearest.ts';
import { solve } from '../../solve/solve.ts';
import { dependencyTree, formatTree, type TreeNode } from '../../solve/tree.ts';
import { explainWhy, formatWhy } from '../../solve/why.ts';
import { formatLines, withDatabase, type Answer } from './package-query.ts';
import { chooseMirrors } from '../repository/mirrors.ts';
import { addDebianPackages } from '../repository/buildable.ts';
import { withPinned } from '../session/lock-policy.ts';
import { openPortSandbox } from '../environment/environment.ts';
import { withProject } from '../repository/install-context.ts';
import { fetchSources } from '../repository/release-indexes.ts';

export interface WhyRequest {
  /** Package names, or names that packages provide. */
  readonly names: readonly string[];
  /** A tree to look into, instead of the mirror. */
  readonly root: HostPath | undefined;
  /** What would be installed, as for `apk add`. */
  readonly packages: readonly string[];
  /** Where a lock may lie. */
  readonly directory: HostPath;
}

interface Installation {
  readonly packages: readonly PackageRecord[];
  readonly world: readonly Dependency[];
}

/**
 * `alproot why`: the chains that lead from world to each name; status 1 when a name has none.
 *
 * @throws ALP_USAGE_ARGUMENT, ALP_SOLVE_UNSATISFIABLE
 */
export async function explainNeed(config: Config, request: WhyRequest): Promise<Answer> {
  const { packages, world } = await installationOf(config, request);
  const found = request.names.map((name) => ({ name, chains: explainWhy(packages, world, name) }));
  for (const { name, chains } of found)
    if (chains.length === 0) config.emit({ kind: 'warning', ...reasonOfNone(packages, name) });
  return {
    text: formatLines(found.flatMap(({ chains }) => formatWhy(chains))),
    value: found.map(({ name, chains }) => ({
      name,
      chains: chains.map(({ steps, target }) => ({
        package: label(target),
        steps: steps.map(({ from, dependency, by }) => ({
          from: from === undefined ? 'world' : label(from),
          by,
          dependency: dependency.name,
        })),
      })),
    })),
    status: found.some(({ chains }) => chains.length === 0) ? 1 : 0,
  };
}

function reasonOfNone(packages: readonly PackageRecord[], name: string): { message: string; hint?: string } {
  if (packages.some((record) => record.name === name || record.provides.some((item) => item.name === name)))
    return { message: `${quoteName(name)} is there, but nothing in world asks for it` };
  const near = nearestNames({ sources: [{ packages }] }, name);
  return {
    message: `${quoteName(name)} is not among the ${packages.length} packages`,
    ...(near.length === 0 ? {} : { hint: `there is ${near.map(quoteName).join(', ')}` }),
  };
}

/** `alproot tree`: what the names, or all of world, depend on. @throws ALP_USAGE_ARGUMENT, ALP_SOLVE_UNSATISFIABLE */
export async function explainTree(config: Config, request: WhyRequest): Promise<Answer> {
  const { names } = request;
  const asked = request.root === undefined && names.length > 0 ? { ...request, packages: names } : request;
  const { packages, world } = await installationOf(config, asked);
  const roots = names.length === 0 ? world : names.map((name) => parseDependency(name, { tag: true }));
  const nodes = dependencyTree(packages, roots);
  const unknown = names.filter(
    (name) => dependencyTree(packages, [parseDependency(name, { tag: true })]).length === 0,
  );
  for (const name of unknown) config.emit({ kind: 'warning', ...reasonOfNone(packages, name) });
  return { text: formatLines(formatTree(nodes)), value: nodes.map(nodeObject), status: unknown.length > 0 ? 1 : 0 };
}

const label = ({ name, version }: PackageRecord): string => `${name}-${version}`;

const nodeObject = ({ record, children, repeated }: TreeNode): Record<string, unknown> => ({
  name: record.name,
  version: record.version,
  ...(repeated ? { repeated } : {}),
  depends: children.map(nodeObject),
});

async function installationOf(config: Config, { root, packages, directory }: WhyRequest): Promise<Installation> {
  if (root !== undefined)
    return withDatabase(root, ({ database }) => ({
      packages: database.packages.map(({ record }) => record),
      world: database.world,
    }));
  if (packages.length > 0) return plannedInstallation(config, packages);
  const lock = readLock(lockPathIn(directory));
  if (lock === undefined)
    throw new AlprootError(
      'ALP_USAGE_ARGUMENT',
      'there is nothing to look into: no tree, no packages, no alproot.lock',
      { hint: 'name a tree with --root DIR, or packages with -p' },
    );
  config.emit({ kind: 'note', message: `as locked by ${quoteName(lockPathIn(directory))}` });
  return {
    packages: lock.environments.flatMap((environment) => environment.packages.map(({ record }) => record)),
    world: lock.environments.flatMap(({ world }) => world),
  };
}

/** What `packages` bring, solved over the mirror's indexes, or over a lock. */
const plannedInstallation = (config: Config, packages: readonly string[]): Promise<Installation> =>
  withProject(config, async (session) => {
    const chosen = await chooseMirrors(session);
    return withPinned(session, async (extended) => {
      if (session.lockPolicy === undefined || extended)
        await addDebianPackages(session, chosen, { packages, openSandbox: openPortSandbox });
      const { repositories, buildable } = await fetchSources(session, chosen, { extended });
      const world = packages.map((text) => parseDependency(text, { tag: true }));
      const { changes } = solve({ arch: config.arch, world, repositories, installed: [], options: { buildable } });
      return { packages: changes.flatMap((change) => ('next' in change ? [change.next.record] : [])), world };
    });
  });
