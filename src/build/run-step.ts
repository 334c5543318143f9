/** One RUN: mounts, user, environment, apk outside, and what it printed when it fails. */
import { AlprootError } from '../core/errors.ts';
import { joinHost, type TreePath } from '../core/paths.ts';
import type { Mount } from '../core/run-description.ts';
import { removeMountPoints } from '../run/mount-plan.ts';
import { injectedEnv } from '../run/network-files.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { type ApkServer, startApkServer } from './apk-server.ts';
import type { RunStep } from './build-plan.ts';
import type { ApkAnswer, BuildRunDescription } from './host.ts';
import { injectApk, type InjectedApk } from './injected-apk.ts';
import { injectCertificates, type InjectedCertificates } from './injected-certificates.ts';
import { makeMountPoint } from './mount-point.ts';
import { findPasswdEntry } from './passwd-entry.ts';
import type { RequestedMount, RunContext } from './run-context.ts';
import { mailboxMounts, nameServiceMounts, readOwnApk, SCRIPT_TARGET, scriptMounts } from './run-files.ts';
import { openStepMounts, type StepMounts } from './step-mounts.ts';
import { createStepOutput, type StepOutput } from './step-output.ts';

/**
 * @throws ALP_BUILD_RUN when the command's status is not 0; ALP_BUILD_INSTRUCTION, ALP_RUN_* when it cannot be started
 */
export async function runStep(step: RunStep, context: RunContext): Promise<void> {
  const { host, target, id } = context;
  makeDirectory(context.scratch, 0o700);
  const user = findPasswdEntry(target.tree, step.user, 'USER');
  const injected = injectTools(step, context);
  const { server } = injected;
  const opened: Opened = { points: [], releases: [] };
  const output = createStepOutput(host.emit, { id, secrets: [] });
  let ended: Ended;
  try {
    const planned = await openStepMounts(step, context);
    opened.releases.push(...planned.releases);
    const mounts = placeMounts([...ownMounts(step, injected, context), ...planned.mounts], target, opened);
    const masked =
      planned.secrets.length === 0 ? output : createStepOutput(host.emit, { id, secrets: planned.secrets });
    const description = describeStep(step, context, { user, mounts, env: planned.env, server, output: masked });
    const { status } = await host.run(description);
    masked.end();
    ended = { status, tail: masked.tail() };
  } finally {
    await server.stop();
    context.onRestored([...injected.certificates.restore(), ...injected.shim.restore()]);
    for (const release of opened.releases) release();
    removeMountPoints(target.tree, opened.points);
  }
  // Whatever the RUN made of a call that was never answered.
  server.failed.throwIfAborted();
  if (ended.status !== 0) throw failure(step, ended);
}

interface Ended {
  readonly status: number;
  readonly tail: string;
}

/** What has to be undone when the command has ended. */
interface Opened {
  /** Entries made to mount on, deepest last. */
  readonly points: TreePath[];
  readonly releases: (() => void)[];
}

interface InjectedTools {
  readonly certificates: InjectedCertificates;
  readonly shim: InjectedApk;
  readonly server: ApkServer;
  /** The tree's own apk, for what only it can do. */
  readonly ownApk: Buffer | undefined;
}

/** What the tree has for as long as the command runs: CA certificates, and an apk that is served from outside. */
function injectTools(step: RunStep, { host, target, scratch, signal }: RunContext): InjectedTools {
  const ownApk = readOwnApk(target);
  const certificates = injectCertificates(target, step.network === 'none' ? undefined : host.injection);
  const shim = injectApk(target, scratch);
  const server = startApkServer(joinHost(scratch, 'apk'), {
    hasApk: ownApk !== undefined,
    serve: ({ args, cwd, uid }) => {
      const call = (): Promise<ApkAnswer> =>
        host.apk({ tree: target.tree.root, owners: target.owners, args, cwd, uid, network: step.network, signal });
      // An audit reads what lies there; all else leaves the shim to other calls that begin meanwhile.
      return certificates.without(() => (args.includes('audit') ? shim.without(call) : call().finally(shim.renew)));
    },
  });
  return { certificates, shim, server, ownApk };
}

const ownMounts = (
  step: RunStep,
  { shim, server, ownApk }: InjectedTools,
  context: RunContext,
): readonly RequestedMount[] => [
  ...nameServiceMounts(step, context),
  ...(shim.isInjected ? mailboxMounts(server.directory, ownApk) : []),
  ...scriptMounts(step, context),
];

function placeMounts(
  mounts: readonly RequestedMount[],
  target: RunContext['target'],
  { points }: Opened,
): readonly Mount[] {
  return mounts.map((mount) => {
    const { path, made } = makeMountPoint(target, mount.target, mount.kind);
    points.push(...made);
    return mount.source === 'tmpfs'
      ? { kind: 'tmpfs', target: path }
      : { kind: 'bind', source: mount.source, target: path, writable: mount.writable };
  });
}

interface RunParts extends Pick<StepMounts, 'env'>, Pick<BuildRunDescription, 'mounts'> {
  readonly user: BuildRunDescription['user'] & { readonly home: string };
  readonly server: ApkServer;
  readonly output: StepOutput;
}

function describeStep(
  step: RunStep,
  { host, target, signal }: RunContext,
  { user, mounts, env, server, output }: RunParts,
): BuildRunDescription {
  const given = { ...step.proxyEnv, ...step.env };
  return {
    tree: target.tree.root,
    owners: target.owners,
    writable: true,
    mounts,
    argv: step.script === undefined ? step.argv : [...step.argv, `${SCRIPT_TARGET}/${step.script.name}`],
    env: { HOME: user.home, ...(step.network === 'none' ? {} : injectedEnv(host.injection, given)), ...given, ...env },
    cwd: step.cwd,
    user,
    network: step.network,
    stdio: { kind: 'pipe', onOutput: output.write },
    signal: signal === undefined ? server.failed : AbortSignal.any([signal, server.failed]),
  };
}

function failure(step: RunStep, { status, tail }: { status: number; tail: string }): AlprootError {
  const command = step.source.trim().replace(/\s+/g, ' ');
  const shown = command.length > 120 ? `${command.slice(0, 120)}…` : command;
  const said = tail === '' ? '' : `\n${tail.replace(/^/gm, '  | ')}`;
  const hint = status === 127 ? 'the command was not found: is its package installed in an earlier step?' : undefined;
  return new AlprootError('ALP_BUILD_RUN', `\`${shown}\` ended with status ${status}${said}`, {
    hint,
    facts: { status, output: tail },
  });
}
