/** One RUN: mounts, user, environment, the apk shim, and what it printed when it fails. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { joinHost, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import type { Mount } from '../core/run-description.ts';
import { injectedEnv, nameServiceFiles } from '../run/network-files.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { findPasswdEntry } from './passwd-entry.ts';
import { startApkServer } from './apk-server.ts';
import { MAILBOX_TARGET } from './apk-shim.ts';
import type { ApkAnswer, BuildHost } from './host.ts';
import type { OwnedTree } from './layer.ts';
import { injectApk } from './injected-apk.ts';
import { injectCertificates } from './injected-certificates.ts';
import { makeMountPoint, type MountPoint, removeMountPoints } from './mount-point.ts';
import type { NamedContext, PlannedBase, RunStep } from './build-plan.ts';
import { createStepOutput } from './step-output.ts';
import { type MountSource, planMounts, type Secrets } from './step-mounts.ts';

export interface RunContext {
  readonly host: BuildHost;
  readonly target: OwnedTree;
  /** Private to this step; gone with the build. */
  readonly scratch: HostPath;
  readonly secrets: Secrets;
  /** The context, or a base named by a mount's `from`, as a directory that may be bound. */
  readonly openMountSource: (
    base: PlannedBase | NamedContext | undefined,
    options: { readonly path: string; readonly writable: boolean },
  ) => Promise<MountSource>;
  /** Of the step, for events. */
  readonly id: string;
  readonly signal: AbortSignal | undefined;
  /** Told files that are as before but for their change time, however the step ends. */
  readonly onPutBack: (paths: readonly TreePath[]) => void;
}

/**
 * @throws ALP_BUILD_RUN when the command's status is not 0; ALP_BUILD_INSTRUCTION, ALP_RUN_* when it cannot be started
 */
export async function runStep(step: RunStep, context: RunContext): Promise<void> {
  const { host, target, scratch, id, signal } = context;
  makeDirectory(scratch, 0o700);
  const account = findPasswdEntry(target.tree, step.user, 'USER');
  const points: MountPoint[] = [];
  const releases: (() => void)[] = [];
  const own = readOwnApk(target);
  const injection = step.network === 'none' ? undefined : host.injection;
  const certificates = injectCertificates(target, injection);
  const injected = injectApk(target, scratch);
  const server = startApkServer(joinHost(scratch, 'apk'), {
    hasApk: own !== undefined,
    serve: ({ args, cwd, uid }) => {
      const call = (): Promise<ApkAnswer> =>
        host.apk({ tree: target.tree.root, owners: target.owners, args, cwd, uid, network: step.network, signal });
      // An audit reads what lies there; all else leaves the shim to other calls that begin meanwhile.
      return certificates.without(() =>
        args.includes('audit') ? injected.without(call) : call().finally(injected.renew),
      );
    },
  });
  const output = createStepOutput(host.emit, { id, secrets: [] });
  let ended: { readonly status: number; readonly tail: string };
  try {
    const planned = await planMounts(step, { ...context, account });
    releases.push(...planned.releases);
    const mounts = [
      ...hostFiles(step, context),
      ...(injected.isInjected ? shimMounts(server.directory, own) : []),
      ...scriptMounts(step, context),
      ...planned.mounts,
    ];
    const placed = mounts.map((mount) => place(mount, { target, points }));
    const masked =
      planned.secrets.length === 0 ? output : createStepOutput(host.emit, { id, secrets: planned.secrets });
    const result = await host.run({
      tree: target.tree.root,
      owners: target.owners,
      writable: true,
      mounts: placed,
      argv: step.script === undefined ? step.argv : [...step.argv, `${SCRIPT_TARGET}/${step.script.name}`],
      env: {
        HOME: account.home,
        ...(injection === undefined ? {} : injectedEnv(injection, { ...step.proxyEnv, ...step.env })),
        ...step.proxyEnv,
        ...step.env,
        ...planned.env,
      },
      cwd: step.cwd,
      user: account,
      network: step.network,
      stdio: { kind: 'pipe', onOutput: masked.write },
      signal: signal === undefined ? server.failed : AbortSignal.any([signal, server.failed]),
    });
    masked.end();
    ended = { status: result.status, tail: masked.tail() };
  } finally {
    await server.stop();
    context.onPutBack([...certificates.restore(), ...injected.restore()]);
    for (const release of releases) release();
    removeMountPoints(target, points);
  }
  // Whatever the RUN made of a call that was never answered.
  server.failed.throwIfAborted();
  if (ended.status !== 0) throw failure(step, ended);
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

/** A mount whose target is still as written. */
export interface WantedMount {
  readonly target: TreePath;
  readonly source: HostPath | 'tmpfs';
  readonly kind: 'file' | 'directory';
  readonly writable: boolean;
}

function place(mount: WantedMount, { target, points }: { target: OwnedTree; points: MountPoint[] }): Mount {
  const point = makeMountPoint(target, mount.target, mount.kind);
  points.push(point);
  return mount.source === 'tmpfs'
    ? { kind: 'tmpfs', target: point.path }
    : { kind: 'bind', source: mount.source, target: point.path, writable: mount.writable };
}

const SCRIPT_TARGET = '/run/.alproot-script';

/** Name service as on the host, without a trace in the image. */
function hostFiles({ network, hosts = [] }: RunStep, context: RunContext): WantedMount[] {
  const injected = network === 'none' ? [] : nameServiceFiles(context.scratch);
  const files =
    hosts.length === 0
      ? injected
      : [...injected.filter(({ target }) => target !== HOSTS), addHosts(injected, hosts, context)];
  return files.map((file) => ({ ...file, kind: 'file', writable: true }));
}

const HOSTS = treePathFromUser('etc/hosts');

/** /etc/hosts as it would be without them, and the lines of `--add-host`. */
function addHosts(
  injected: ReturnType<typeof nameServiceFiles>,
  hosts: readonly string[],
  { scratch, target: { tree } }: RunContext,
): (typeof injected)[number] {
  const own = injected.find(({ target }) => target === HOSTS)?.source;
  const inside = tree.resolve(HOSTS);
  const before =
    own !== undefined
      ? readFileCapped(own, limits.metadata)
      : tree.stat(inside)?.kind === 'file'
        ? tree.readFile(inside, limits.metadata)
        : undefined;
  const source = joinHost(scratch, 'hosts');
  writeFileAtomic(source, Buffer.concat([before ?? Buffer.alloc(0), Buffer.from(`\n${hosts.join('\n')}\n`)]), {
    mode: 0o644,
  });
  return { target: HOSTS, source };
}

/** undefined in a tree made from Debian's packages, which has a database and no apk. */
function readOwnApk({ tree }: OwnedTree): Buffer | undefined {
  const path = tree.resolve(treePathFromUser('sbin/apk'));
  return tree.stat(path)?.kind === 'file' ? tree.readFile(path, limits.minirootfs) : undefined;
}

/** Through which the shim and we talk; the tree's own apk is there for what only it can do. */
function shimMounts(mailbox: HostPath, own: Buffer | undefined): WantedMount[] {
  if (own !== undefined) writeFileAtomic(joinHost(mailbox, 'apk'), own, { mode: 0o755 });
  return [{ target: treePathFromUser(MAILBOX_TARGET), source: mailbox, kind: 'directory', writable: true }];
}

function scriptMounts({ script }: RunStep, { scratch }: RunContext): WantedMount[] {
  if (script === undefined) return [];
  const directory = joinHost(scratch, 'script');
  writeFileAtomic(joinHost(directory, script.name.replaceAll('/', '_')), script.text, { mode: 0o755 });
  return [{ target: treePathFromUser(SCRIPT_TARGET), source: directory, kind: 'directory', writable: false }];
}
