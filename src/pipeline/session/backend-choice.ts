/**
 * Choosing a backend for this host, once: the verdicts are kept in the store for as long as the host stays as it is.
 */
import { keyOf } from '../../core/digest.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import type { RunDescription, RunResult } from '../../core/run-description.ts';
import { backendsFor, type Backend } from '../../run/backend.ts';
import type { BackendVerdict } from '../../run/probe.ts';
import { runInTree } from '../../run/run-in-tree.ts';
import { bootId } from '../../system/process/boot.ts';
import { hintForStronger, listVerdicts, noBackend } from './backend-advice.ts';
import type { Session } from './session.ts';
import { isShape, isText } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

/** Of what is known of the host; changes when the host's kernel, user or tools do. */
export function fingerprint({ runHost, config }: Session): string {
  return keyOf(
    'backend-3',
    runHost.kernel,
    bootId(),
    String(process.getuid?.()),
    String(process.pid === 1),
    ...Object.values(runHost.tools).map((tool) => tool ?? ''),
    config.backend ?? '',
    config.requireIsolation ? 'isolated' : '',
  );
}

/** A backend that is tried while other work goes on; undefined when it is not known to work. */
export type PendingProbe = Promise<Backend | undefined>;

/** A session, and the backend that an install probes already. */
export interface ProbingSession extends Session {
  readonly pendingProbe?: PendingProbe | undefined;
}

/**
 * Tries the strongest backend that is installed. Since the tree may be changed meanwhile, only success counts; nothing
 * is tried where the verdicts are known, or where none of these isolates.
 *
 * @param tree as of chooseBackend; the caller awaits the end before the tree is taken away
 */
export function tryBackend(session: Session, tree: HostPath): PendingProbe {
  const { config, store, runHost } = session;
  const candidate = backendsFor(runHost).find(
    ({ name, isolation, needs, refuse }) =>
      isolation === 'full' &&
      (config.backend ?? name) === name &&
      needs.every((tool) => runHost.tools[tool] !== undefined) &&
      refuse(runHost) === undefined,
  );
  if (candidate === undefined || store.getRecord(recordName(session), BACKEND_RECORD) !== undefined)
    return Promise.resolve(undefined);
  return import('../../run/probe.ts')
    .then(({ probeBackend }) => probeBackend(candidate, runHost, tree))
    .then(
      ({ works }) => (works ? candidate : undefined),
      () => undefined,
    );
}

/** The backend that works here. */
export const BACKEND_RECORD = recordCodec(1, isShape<{ readonly id: string }>({ id: isText }));

const recordName = (session: Session): string => `backend-${fingerprint(session)}`;

/**
 * The strongest backend that works, or the one that was asked for.
 *
 * @param tree a tree with /bin/sh to try it on
 * @throws ALP_RUN_BACKEND with every backend's reason, ALP_RUN_ISOLATION
 */
export async function chooseBackend(session: ProbingSession, tree: HostPath): Promise<Backend> {
  const { config, store } = session;
  const record = recordName(session);
  const known = store.getRecord(record, BACKEND_RECORD);
  const remembered = backendsFor(session.runHost).find(({ id }) => id === known?.id);
  if (remembered !== undefined) return announced(session, remembered);
  const { backend, verdicts } = await findBackend(session, tree);
  if (backend === undefined) throw noBackend(verdicts, config.backend);
  if (config.requireIsolation && backend.isolation !== 'full') {
    throw new AlprootError(
      'ALP_RUN_ISOLATION',
      `only ${backend.name} works here, whose isolation is ${backend.isolation}:\n${listVerdicts(verdicts)}`,
      { hint: 'drop --require-isolation, or make one of the others work' },
    );
  }
  store.putRecord(record, { id: backend.id }, { codec: BACKEND_RECORD });
  return announced(session, backend);
}

/** Each invocation says once when programs are held by less than a boundary. */
function announced({ config, announcements }: Session, backend: Backend): Backend {
  if (backend.isolation === 'full' || announcements.has(backend.id)) return backend;
  announcements.add(backend.id);
  const network = backend.cutsNetwork ? '' : '; the network cannot be cut off';
  config.emit({
    kind: 'note',
    message: `using ${backend.name}; isolation: ${backend.isolation}, no boundary for hostile code${network}`,
  });
  return backend;
}

async function findBackend(
  session: ProbingSession,
  tree: HostPath,
): Promise<{ backend: Backend | undefined; verdicts: readonly BackendVerdict[] }> {
  const tried = await session.pendingProbe;
  if (tried !== undefined) return { backend: tried, verdicts: [] };
  return (await import('../../run/probe.ts')).findWorkingBackend(session.runHost, tree, session.config.backend);
}

/** Why no stronger backend is used, for the hint of what the chosen one cannot do: each is tried anew. */
export async function adviseStronger({ config, runHost }: Session, tree: HostPath): Promise<string> {
  return hintForStronger(await (await import('../../run/probe.ts')).probeBackends(runHost, tree), config.backend);
}

/** Runs by the chosen backend. @throws ALP_RUN_MOUNT with the reason why a weak one was chosen */
export async function runCommandIn(session: ProbingSession, description: RunDescription): Promise<RunResult> {
  const backend = await chooseBackend(session, description.tree);
  try {
    return await runInTree(
      backend,
      { ...description, ...(session.config.signal === undefined ? {} : { signal: session.config.signal }) },
      session.runHost,
    );
  } catch (error) {
    if (backend.showsTree || !isAlprootError(error, 'ALP_RUN_MOUNT')) throw error;
    throw new AlprootError('ALP_RUN_MOUNT', error.message, {
      hint: `${error.hint ?? ''}; ${await adviseStronger(session, description.tree)}`,
      cause: error,
    });
  }
}
