/** `RUN --mount`: caches, binds, tmpfs and secrets as directories and files of the host, ready to be mounted. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { hostPath, joinHost, TREE_ROOT, treePathFromUser, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { moveDirectory, namesOf } from '../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { MountSpec } from '../formats/dockerfile/dockerfile-mount.ts';
import type { RunStep } from './build-plan.ts';
import type { RequestedMount, RunContext } from './run-context.ts';

/** Everything that the mounts of a RUN give to it. */
export interface StepMounts {
  readonly mounts: readonly RequestedMount[];
  /** Secrets that go into variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Values to keep out of the log. */
  readonly secrets: readonly string[];
  readonly releases: readonly (() => void)[];
}

type PlannedMount = RunStep['mounts'][number];

/** @throws ALP_BUILD_INSTRUCTION for a missing source, or a required secret that was not given */
export async function openStepMounts(step: RunStep, context: RunContext): Promise<StepMounts> {
  const opened: OpenedMount[] = [];
  for (const [index, mount] of step.mounts.entries()) opened.push(await openMount(mount, index, context));
  return {
    mounts: opened.flatMap(({ mount }) => mount ?? []),
    env: Object.assign({}, ...opened.map(({ env }) => env ?? {})) as Record<string, string>,
    secrets: opened.flatMap(({ secret }) => secret ?? []),
    releases: opened.flatMap(({ release }) => release ?? []),
  };
}

/** What one --mount gives to its RUN. */
interface OpenedMount {
  readonly mount?: RequestedMount;
  readonly env?: Readonly<Record<string, string>>;
  readonly secret?: string;
  readonly release?: () => void;
}

async function openMount(mount: PlannedMount, index: number, context: RunContext): Promise<OpenedMount> {
  switch (mount.type) {
    case 'secret':
      return openSecret(mount, index, context);
    case 'tmpfs':
      return { mount: { ...targetOfMount(mount), source: 'tmpfs', kind: 'directory', writable: true } };
    case 'cache':
      return openCacheMount(mount, context);
    default: {
      const writable = !mount.readOnly;
      const { path, kind } = await context.openMountSource(mount.base, { path: mount.source ?? '', writable });
      return { mount: { ...targetOfMount(mount), source: path, kind, writable } };
    }
  }
}

const targetOfMount = ({ target }: PlannedMount): Pick<RequestedMount, 'target'> => ({
  target: treePathFromUser(target ?? ''),
});

async function openCacheMount(mount: PlannedMount, context: RunContext): Promise<OpenedMount> {
  const { host, target } = context;
  const cache = await host.openCache(mount.id ?? mount.target ?? '', mount.sharing);
  await seedCache(cache.path, mount, context);
  const tree = openWorkTree(cache.path);
  try {
    if (target.real) tree.setOwner(TREE_ROOT, { uid: mount.uid ?? 0, gid: mount.gid ?? 0 });
    tree.setMode(TREE_ROOT, mount.mode ?? 0o755);
  } finally {
    tree.close();
  }
  return {
    release: cache.release,
    mount: { ...targetOfMount(mount), source: cache.path, kind: 'directory', writable: !mount.readOnly },
  };
}

/** A new cache begins as a copy of what `from` and `source` name; of two builds that make it at once, one wins. */
async function seedCache(path: HostPath, mount: PlannedMount, { openMountSource, target }: RunContext): Promise<void> {
  if (mount.base === undefined || namesOf(path).length > 0) return;
  const source = await openMountSource(mount.base, { path: mount.source ?? '', writable: false });
  if (source.kind !== 'directory')
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `RUN --mount: ${quoteName(mount.source ?? '')} is not a directory to begin a cache with`,
    );
  const staged = hostPath(`${path}.${process.pid}`);
  try {
    await cloneTree(source.path, staged, { owners: target.real });
    moveDirectory(staged, path);
  } finally {
    removeTree(staged);
  }
}

function openSecret(mount: MountSpec, index: number, context: RunContext): OpenedMount {
  const id = mount.id ?? mount.source ?? mount.target?.slice(mount.target.lastIndexOf('/') + 1) ?? '';
  const bytes = readSecret(id, mount, context);
  if (bytes === undefined) return {};
  const secret = bytes.toString('utf8');
  const inVariable = mount.env === undefined ? {} : { env: { [mount.env]: secret } };
  if (mount.env !== undefined && mount.target === undefined) return { secret, ...inVariable };
  const file = joinHost(context.scratch, 'secrets', String(index));
  writeFileAtomic(file, bytes, { mode: mount.mode ?? 0o400 });
  setSecretOwner(file, mount, context);
  const target = treePathFromUser(mount.target ?? `run/secrets/${id}`);
  return { secret, ...inVariable, mount: { target, source: file, kind: 'file', writable: false } };
}

/** undefined for one that was not given and need not be. */
function readSecret(id: string, { required }: MountSpec, { secrets }: RunContext): Buffer | undefined {
  const secret = secrets.get(id);
  if (secret === undefined) {
    if (!required) return undefined;
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `RUN needs the secret ${quoteName(id)}`, {
      hint: `give it with --secret id=${id},src=FILE`,
    });
  }
  const bytes = secret.kind === 'value' ? Buffer.from(secret.value) : readFileCapped(secret.path, limits.metadata);
  if (bytes === undefined)
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `the file of the secret ${quoteName(id)} is missing`, {
      hint: 'check the src of --secret',
    });
  return bytes;
}

function setSecretOwner(file: HostPath, mount: MountSpec, { scratch, target }: RunContext): void {
  if (!target.real) return;
  const tree = openWorkTree(joinHost(scratch, 'secrets'));
  tree.setOwner(treePathFromUser(file.slice(file.lastIndexOf('/') + 1)), { uid: mount.uid ?? 0, gid: mount.gid ?? 0 });
  tree.close();
}
