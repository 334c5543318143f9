/**
 * Where the RUNs of a build and the scripts of its packages run: the chosen backend, with real owners where it keeps
 * root's, else with the library that keeps them in the ownership database.
 */
import { AlprootError } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import type { RunResult } from '../../core/run-description.ts';
import type { ApkRequest, BuildRunDescription } from '../../build/host.ts';
import type { Backend } from '../../run/backend.ts';
import { openOwnersLibrary, type OwnersLibrary } from '../../run/owners/library.ts';
import { runWithOwners } from '../../run/owners/run-with-owners.ts';
import { runInTree } from '../../run/run-in-tree.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import type { RunScript } from '../../unpack/opened.ts';
import { describeScript } from '../environment/install.ts';
import { adviseStronger, chooseBackend } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';

export interface BuildSandbox {
  /** Finds the backend, on a tree with a shell. @throws ALP_RUN_BACKEND when none shows a tree as / */
  readonly probe: (tree: HostPath) => Promise<Backend>;
  /** Whether owners on the disk are the image's: root, under a backend that is not known to map ids. */
  readonly hasRealOwners: () => boolean;
  readonly run: (description: BuildRunDescription) => Promise<RunResult>;
  readonly scriptsFor: (request: ApkRequest, tree: WorkTree) => RunScript;
}

export function createBuildSandbox(session: Session): BuildSandbox {
  const { config, store, runHost } = session;
  const { signal } = config;
  /** undefined until the first tree is there to probe on. */
  let probed: Backend | undefined;
  let library: Promise<OwnersLibrary> | undefined;
  const hasRealOwners = (): boolean => session.isRoot && probed?.realOwners !== false;
  const probe = async (tree: HostPath): Promise<Backend> => (probed = await backendThatShows(session, tree));
  const run = async (description: BuildRunDescription): Promise<RunResult> => {
    const backend = await probe(description.tree);
    if (hasRealOwners()) return runInTree(backend, description, runHost);
    const { arch, env } = config;
    library ??= openOwnersLibrary({ cache: store.path('native'), searchPath: env['PATH'] ?? '', arch });
    return runWithDatabase(session, backend, { description, library: await library });
  };
  return {
    probe,
    hasRealOwners,
    run,
    scriptsFor:
      ({ owners }, tree) =>
      (script) =>
        run({ ...describeScript(tree, script), owners, ...(signal === undefined ? {} : { signal }) }),
  };
}

async function backendThatShows(session: Session, tree: HostPath): Promise<Backend> {
  const backend = await chooseBackend(session, tree);
  if (backend.showsTree) return backend;
  throw new AlprootError('ALP_RUN_BACKEND', `${backend.name} cannot show a tree as /, which a Dockerfile needs`, {
    hint: await adviseStronger(session, tree),
  });
}

interface OwnedRun {
  readonly description: BuildRunDescription;
  readonly library: OwnersLibrary;
}

function runWithDatabase(session: Session, backend: Backend, { description, library }: OwnedRun): Promise<RunResult> {
  const { config, runHost: host } = session;
  if (library.kind === 'library') {
    const { owners } = description;
    return runWithOwners(backend, description, { host, library: library.bytes, owners, now: systemClock.now() });
  }
  config.emit({
    kind: 'warning',
    message: `owners cannot be kept in this build: ${library.reason}`,
    hint: 'build as root, or install a C compiler',
  });
  return runInTree(backend, description, host);
}
