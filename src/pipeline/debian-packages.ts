/** Packages that a mirror made from Debian could have but does not have yet are added to it: repacked, or built. */
import { cpus } from 'node:os';
import { fromDebian, offeredPackages } from '../mirror/debian/from-debian.ts';
import { buildPorts, offeredPorts, portTools } from '../mirror/debian/from-ports.ts';
import { namesOf } from '../system/directories.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { branchOf } from '../formats/releases.ts';
import { scanDependency } from '../formats/dependency.ts';
import { prepareEnvironment } from './environment.ts';
import type { ChosenMirrors } from './mirrors.ts';
import { runCommandIn } from './sandbox.ts';
import type { Session } from './session.ts';

/** Does nothing for other mirrors, and for packages that nobody offers: the solver says what is missing. */
export async function addDebianPackages(session: Session, { debian, release }: ChosenMirrors, packages: readonly string[]): Promise<void> {
  if (debian === undefined || session.config.offline) return;
  const present = ['main', 'community'].flatMap((section) => namesOf(joinHost(debian, branchOf(release), section, session.config.arch)));
  const has = (name: string): boolean => present.some((file) => file.startsWith(`${name}-`) && /^\d/.test(file.slice(name.length + 1)));
  const missing = packages.map((text) => scanDependency(text, { tag: true })?.name ?? text).filter((name) => !has(name));
  await addMissing(session, { directory: debian, release, names: missing });
}

export interface MissingRequest {
  /** The mirror. */
  readonly directory: HostPath;
  readonly release: string | undefined;
  /** Alpine names; those that nobody offers are passed over. */
  readonly names: readonly string[];
}

/** Repacks and builds. @returns file names of what was made @throws ALP_FETCH_*, ALP_BUILD_RUN */
export async function addMissing(session: Session, { directory, release, names }: MissingRequest): Promise<readonly string[]> {
  const { config, store } = session;
  const offered = new Set(offeredPackages());
  const buildable = new Set(offeredPorts());
  const ports = names.filter((name) => buildable.has(name));
  const repacks = [...names.filter((name) => offered.has(name)), ...portTools(ports)];
  const shared = { directory, arch: config.arch, release, env: config.env, emit: config.emit, signal: config.signal };
  const repacked = repacks.length === 0 ? [] : (await store.withLock('mirror-debian', () => fromDebian({ ...shared, packages: repacks }))).made;
  if (ports.length === 0) return repacked;
  const own: Session = { ...session, config: { ...config, mirrors: [{ base: directory, keys: [joinHost(directory, 'keys')] }], release, refresh: false } };
  const built = await store.withLock('mirror-ports', () =>
    buildPorts({
      ...shared, names: ports, jobs: cpus().length,
      openSandbox: async (tools) => ({ tree: (await prepareEnvironment(own, tools)).tree, run: (description) => runCommandIn(own, description) }),
    }),
  );
  return [...repacked, ...built.made];
}
