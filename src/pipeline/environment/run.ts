/** Commands in a prepared environment: `run`, `shell`, and the compiler. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { treePathFromUser, type HostPath } from '../../core/paths.ts';
import { quoteName, redactUrl } from '../../core/redact.ts';
import type { Mount, RunDescription, RunResult } from '../../core/run-description.ts';
import { realPath } from '../../system/files/host-paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import { planMounts } from '../../run/mount-plan.ts';
import { injectedEnv, injectedMounts } from '../../run/network-files.ts';
import { prepareEnvironment } from './environment.ts';
import { networkFiles } from '../session/network.ts';
import { announceLockPolicy } from '../session/lock-policy.ts';
import { chooseBackend, runCommandIn } from '../session/backend-choice.ts';
import { requireExecutableStore, requireRunnable } from '../session/runnable.ts';
import { withProject } from '../repository/install-context.ts';
import type { Session } from '../session/session.ts';
import { openWritableTree } from './writable-tree.ts';
import { candidateMounts, isSystemPath, protectStore, requireShowable } from './bind-candidates.ts';

export interface EnvironmentRun {
  readonly packages: readonly string[];
  readonly argv: readonly string[];
  /**
   * Working directory of the host; it is shown inside under its own name, and is the place to be unless `workdir`
   * names another.
   */
  readonly directory: string;
  /** Another working directory inside. */
  readonly workdir?: string | undefined;
  /** `SOURCE[:TARGET[:ro]]` */
  readonly volumes?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly network: 'none' | 'host';
  /** Gives the command a tree that it may change; the changes are thrown away afterwards. */
  readonly writable?: boolean;
  readonly terminal?: boolean;
}

export const BASE_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  CHARSET: 'UTF-8',
};

/** Runs a command; its status is the result. @throws ALP_* of every stage */
export const runInEnvironment = (config: Config, request: EnvironmentRun): Promise<RunResult> =>
  withProject(config, async (session) => {
    requireRunnable(config);
    requireExecutableStore(session);
    if (session.lockPolicy !== undefined) announceLockPolicy(session);
    const host = showOf(session, request);
    const environment = await prepareEnvironment(session, request.packages);
    const scratch = session.store.makeTemporary('run');
    try {
      const shown =
        request.writable === true
          ? await openWritableTree(session, environment.tree, scratch)
          : { tree: environment.tree };
      return await runCommandIn(
        session,
        injectNetworkFiles(session, { ...describe(shown.tree, request, host), ...shown }, scratch),
      );
    } finally {
      removeTree(scratch);
    }
  });

/** The description with what a command needs for the network that it is granted. */
function injectNetworkFiles(session: Session, description: RunDescription, scratch: HostPath): RunDescription {
  if (description.network === 'none') return description;
  const injection = networkFiles(session);
  const tree = openWorkTree(description.tree);
  try {
    return {
      ...description,
      mounts: [...injectedMounts(tree, injection, scratch), ...description.mounts],
      env: { ...injectedEnv(injection, description.env), ...description.env },
    };
  } finally {
    tree.close();
  }
}

/** What a request asks of the host, decided before anything is fetched. */
interface Shown {
  readonly mounts: readonly Mount[];
  readonly cwd: string;
}

/** @throws ALP_RUN_MOUNT when the working directory cannot be shown, and no other one is named */
function showOf({ store }: Session, request: EnvironmentRun): Shown {
  const { directory, workdir } = request;
  const volumes = (request.volumes ?? []).map((text) => parseVolume(text, directory));
  const isCovered = volumes.some(({ target }) => isBelow(treePathFromUser(directory), target));
  if (workdir === undefined && !isCovered) requireShowable(directory);
  const own = isSystemPath(directory) ? [] : candidateMounts([{ path: directory, access: 'write' }]);
  return { mounts: protectStore([...own, ...volumes], store.root), cwd: workdir ?? directory };
}

const isBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

const describe = (tree: HostPath, request: EnvironmentRun, { mounts, cwd }: Shown): RunDescription => ({
  tree,
  writable: request.writable ?? false,
  mounts,
  argv: request.argv,
  env: { ...BASE_ENV, ...request.env },
  cwd,
  user: { uid: 0, gid: 0 },
  network: request.network,
  stdio: { kind: request.terminal === true ? 'terminal' : 'inherit' },
});

function parseVolume(text: string, directory: string): Mount {
  const [source = '', target, mode, ...more] = text.split(':');
  const path = realPath(source.startsWith('/') ? source : `${directory}/${source}`);
  if (path === undefined || more.length > 0 || (mode !== undefined && mode !== 'ro' && mode !== 'rw')) {
    throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(text)} is not a valid volume`, {
      hint: '-v SOURCE[:TARGET[:ro]], with a SOURCE that exists',
    });
  }
  return { kind: 'bind', source: path, target: treePathFromUser(target ?? path), writable: mode !== 'ro' };
}

/** What would be run, and what is mounted. */
export const describeRun = (
  config: Config,
  request: EnvironmentRun,
): Promise<{ readonly text: string; readonly value: unknown }> =>
  withProject(config, async (session) => {
    const host = showOf(session, request);
    const environment = await prepareEnvironment(session, request.packages);
    const backend = await chooseBackend(session, environment.tree);
    const scratch = session.store.makeTemporary('run');
    const tree = openWorkTree(environment.tree);
    try {
      const description = injectNetworkFiles(session, describe(environment.tree, request, host), scratch);
      const { ops } = planMounts({ ...description, writable: false }, tree);
      const steps = ops.map((op) =>
        'source' in op
          ? `${op.writable ? 'write' : 'read '} ${op.at}  from ${op.source}`
          : `${op.op.padEnd(5)} ${op.at}`,
      );
      const { argv, cwd, network } = description;
      const env = Object.fromEntries(
        Object.entries(description.env).map(([name, value]) => [
          name,
          /_proxy$/i.test(name) ? redactUrl(value) : value,
        ]),
      );
      const lines = [
        `backend  ${backend.name} (isolation: ${backend.isolation})`,
        ...backend.enforces.map((what) => `enforces ${what}`),
        `network  ${network}`,
        `cwd      ${cwd}`,
        `command  ${argv.join(' ')}`,
        ...Object.entries(env).map(([name, value]) => `env      ${name}=${value}`),
        ...steps,
      ];
      return {
        text: lines.join('\n'),
        value: {
          backend: backend.name,
          isolation: backend.isolation,
          enforces: backend.enforces,
          network,
          cwd,
          argv,
          env,
          mounts: ops,
        },
      };
    } finally {
      tree.close();
      removeTree(scratch);
    }
  });
