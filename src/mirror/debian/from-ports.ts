/** Ports into a mirror made from Debian: built when first asked for, once, and kept there. */
import { AlprootError } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { joinHost } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { namesIn } from '../../system/files/host-paths.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { parsePkginfoText } from '../pkginfo-text.ts';
import { readApkControl } from '../control-member.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { limits } from '../../core/limits.ts';
import { buildPort, type BuildSandbox } from './build-port.ts';
import { openMirrorKey, mirrorRelease, writeIndexes, type FromDebianOptions } from './from-debian.ts';
import { PORT_TOOLS, type PortRecipe } from './port.ts';
import { PORTS } from './ports.ts';
import { recipeTarget } from './recipe.ts';
import { fetchDebianSource } from './source-packages.ts';

export interface PortsOptions extends Omit<FromDebianOptions, 'packages'> {
  /** Alpine names: `libsodium-static`. */
  readonly names: readonly string[];
  /** A tree with these Alpine packages, and a way to run commands in it; asked for once for each port. */
  readonly openSandbox: (packages: readonly string[]) => Promise<BuildSandbox>;
  /** Processes that a build may use. */
  readonly jobs: number;
}

export interface PortsResult {
  /** File names of packages that were built, and names of those that were there. */
  readonly made: readonly string[];
  readonly kept: readonly string[];
}

/** Names that `buildPorts` can put into a mirror. */
export const buildablePorts = (): readonly string[] =>
  PORTS.flatMap(({ packages }) => packages.map(({ name }) => name)).sort();

/** What the build trees of these names hold: the packages that the mirror must have before. */
export const portTools = (names: readonly string[]): readonly string[] =>
  [...new Set(portsOf(names).flatMap(toolsOf))].sort();

const toolsOf = ({ needs = [] }: PortRecipe): string[] => [...PORT_TOOLS, ...needs];

function portsOf(names: readonly string[]): PortRecipe[] {
  for (const name of names) {
    if (!PORTS.some(({ packages }) => packages.some((part) => part.name === name))) {
      throw new AlprootError('ALP_SOLVE_UNSATISFIABLE', `no port makes ${quoteName(name)}`, {
        hint: 'use an Alpine mirror for it',
      });
    }
  }
  return PORTS.filter(({ packages }) => packages.some(({ name }) => names.includes(name)));
}

/**
 * Builds what is missing and writes the index again. The mirror must exist (`fromDebian`), with `portTools(names)`.
 *
 * @throws ALP_SOLVE_UNSATISFIABLE (no such port), ALP_FETCH_* (apt), ALP_BUILD_RUN (it does not compile)
 */
export async function buildPorts(options: PortsOptions): Promise<PortsResult> {
  const target = recipeTarget(options.arch);
  if (target === undefined) throw new AlprootError('ALP_FETCH_MIRRORS', `no port can be built for ${options.arch}`);
  const { branch } = mirrorRelease(options.release);
  const packages = joinHost(options.directory, branch, 'main', options.arch);
  const there = options.refresh === true ? new Set<string>() : portPackages(packages);
  const wanted = portsOf(options.names);
  const missing = wanted.filter((port) => port.packages.some(({ name }) => !there.has(name)));
  const shop = { target, key: await openMirrorKey(options), packages };
  const work = joinHost(options.directory, '.apt', 'ports');
  const made: string[] = [];
  for (const port of missing) {
    const label = `building ${port.source} from Debian's source with musl`;
    options.emit({ kind: 'start', id: `port-${port.source}`, label, line: true });
    const source = await fetchDebianSource(port.source, { ...options, work: makeDirectory(joinHost(work, 'apt')) });
    const scratch = joinHost(work, `build-${port.source}`);
    removeTree(scratch);
    const sandbox = await options.openSandbox(toolsOf(port));
    made.push(
      ...(await buildPort({
        port,
        source,
        sandbox,
        shop,
        work: makeDirectory(scratch),
        jobs: options.jobs,
        emit: options.emit,
        signal: options.signal,
      })),
    );
    removeTree(scratch);
    removeTree(source.directory);
    options.emit({ kind: 'done', id: `port-${port.source}`, label });
  }
  if (missing.length > 0)
    await writeIndexes({ directory: options.directory, branch, arch: options.arch, key: shop.key });
  return {
    made,
    kept: wanted.filter((port) => !missing.includes(port)).flatMap((port) => port.packages.map(({ name }) => name)),
  };
}

function portPackages(directory: HostPath): Set<string> {
  const names = namesIn(directory).filter((name) => name.endsWith('.apk'));
  return new Set(
    names.flatMap((name) => {
      const bytes = readFileCapped(joinHost(directory, name), limits.packageFile);
      return bytes === undefined ? [] : (parsePkginfoText(readApkControl(bytes, name).pkginfo).get('pkgname') ?? []);
    }),
  );
}
