/** Packages that a mirror made from Debian could have but does not have yet are added to it: repacked, or built. */
import { mirrorAt } from '../../core/mirror.ts';
import { cpus } from 'node:os';
import { fromDebian, buildablePackages } from '../../mirror/debian/from-debian.ts';
import type { BuildSandbox } from '../../mirror/debian/build-port.ts';
import { buildPorts, buildablePorts, portTools } from '../../mirror/debian/from-ports.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { debianOptions } from './debian-options.ts';
import type { Session } from '../session/session.ts';

/** A tree with these Alpine packages, made from the mirrors of the session, and a way to run commands in it. */
export type OpenPortSandbox = (session: Session, packages: readonly string[]) => Promise<BuildSandbox>;

export interface MissingRequest {
  /** The mirror. */
  readonly directory: HostPath;
  readonly release: string | undefined;
  /** Alpine names; those that nobody offers are passed over. */
  readonly names: readonly string[];
  /** For ports. */
  readonly openSandbox: OpenPortSandbox;
}

/** Repacks and builds. @returns file names of what was made @throws ALP_FETCH_*, ALP_BUILD_RUN */
export async function addMissing(
  session: Session,
  { directory, release, names, openSandbox }: MissingRequest,
): Promise<readonly string[]> {
  const { config, store } = session;
  const repackable = new Set(buildablePackages());
  const buildable = new Set(buildablePorts());
  const ports = names.filter((name) => buildable.has(name));
  const repacks = [...names.filter((name) => repackable.has(name)), ...portTools(ports)];
  const shared = debianOptions(session, { directory, release });
  const repacked =
    repacks.length === 0
      ? []
      : (await store.withLock('mirror-debian', () => fromDebian({ ...shared, packages: repacks }))).made;
  if (ports.length === 0) return repacked;
  const own: Session = {
    ...session,
    config: {
      ...config,
      mirrors: [mirrorAt(directory, { keys: [joinHost(directory, 'keys')] })],
      release,
      refresh: false,
    },
  };
  const built = await store.withLock('mirror-ports', () =>
    buildPorts({ ...shared, names: ports, jobs: cpus().length, openSandbox: (tools) => openSandbox(own, tools) }),
  );
  return [...repacked, ...built.made];
}
