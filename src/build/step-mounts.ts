/** `RUN --mount`: caches, binds, tmpfs and secrets as directories and files of the host, ready to be mounted. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { hostPath, joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { moveDirectory, namesOf } from '../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { TREE_ROOT } from '../core/paths.ts';
import type { MountSpec } from '../formats/dockerfile/dockerfile-mount.ts';
import type { PasswdEntry } from './passwd-entry.ts';
import type { RunStep } from './build-plan.ts';
import type { RunContext, WantedMount } from './run-step.ts';

/** `--secret id=…`: a file of the host, or a value from the environment. */
export type Secret =
  { readonly kind: 'file'; readonly path: HostPath } | { readonly kind: 'value'; readonly value: string };
export type Secrets = ReadonlyMap<string, Secret>;

export interface MountSource {
  readonly path: HostPath;
  readonly kind: 'file' | 'directory';
}

export interface PlannedMounts {
  readonly mounts: readonly WantedMount[];
  /** Secrets that go into variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Values to keep out of the log. */
  readonly secrets: readonly string[];
  readonly releases: readonly (() => void)[];
}

type MountContext = RunContext & { readonly account: PasswdEntry };
type PlannedMount = RunStep['mounts'][number];

/** @throws ALP_BUILD_INSTRUCTION for a missing source, or a required secret that was not given */
export async function planMounts(step: RunStep, context: MountContext): Promise<PlannedMounts> {
  const mounts: WantedMount[] = [];
  const releases: (() => void)[] = [];
  const secrets: string[] = [];
  const env: Record<string, string> = {};
  for (const [index, mount] of step.mounts.entries()) {
    if (mount.type === 'secret') addSecret(mount, context, { index, mounts, secrets, env });
    else if (mount.type === 'tmpfs')
      mounts.push({
        target: treePathFromUser(mount.target ?? ''),
        source: 'tmpfs',
        kind: 'directory',
        writable: true,
      });
    else if (mount.type === 'cache') {
      const cache = await openCache(mount, context);
      releases.push(cache.release);
      mounts.push(cache.mount);
    } else {
      const source = await context.openMountSource(mount.base, {
        path: mount.source ?? '',
        writable: !mount.readOnly,
      });
      mounts.push({
        target: treePathFromUser(mount.target ?? ''),
        source: source.path,
        kind: source.kind,
        writable: !mount.readOnly,
      });
    }
  }
  return { mounts, env, secrets, releases };
}

async function openCache(
  mount: PlannedMount,
  context: MountContext,
): Promise<{ mount: WantedMount; release: () => void }> {
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
    mount: {
      target: treePathFromUser(mount.target ?? ''),
      source: cache.path,
      kind: 'directory',
      writable: !mount.readOnly,
    },
  };
}

/** A new cache begins as a copy of what `from` and `source` name; of two builds that make it at once, one wins. */
async function seedCache(
  path: HostPath,
  mount: PlannedMount,
  { openMountSource, target }: MountContext,
): Promise<void> {
  if (mount.base === undefined || namesOf(path).length > 0) return;
  const source = await openMountSource(mount.base, { path: mount.source ?? '', writable: false });
  if (source.kind !== 'directory')
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `RUN --mount: ${quoteName(mount.source ?? '')} is no directory to begin a cache with`,
    );
  const staged = hostPath(`${path}.${process.pid}`);
  try {
    await cloneTree(source.path, staged, { owners: target.real });
    moveDirectory(staged, path);
  } finally {
    removeTree(staged);
  }
}

interface SecretSink {
  readonly index: number;
  readonly mounts: WantedMount[];
  readonly secrets: string[];
  readonly env: Record<string, string>;
}

function addSecret(mount: MountSpec, context: MountContext, { index, mounts, secrets, env }: SecretSink): void {
  const id = mount.id ?? mount.source ?? mount.target?.slice(mount.target.lastIndexOf('/') + 1) ?? '';
  const secret = context.secrets.get(id);
  if (secret === undefined) {
    if (!mount.required) return;
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `RUN needs the secret ${quoteName(id)}`, {
      hint: `give it with --secret id=${id},src=FILE`,
    });
  }
  const bytes = secret.kind === 'value' ? Buffer.from(secret.value) : readFileCapped(secret.path, limits.metadata);
  if (bytes === undefined)
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `the file of the secret ${quoteName(id)} is missing`, {
      hint: 'check the src of --secret',
    });
  secrets.push(bytes.toString('utf8'));
  if (mount.env !== undefined) env[mount.env] = bytes.toString('utf8');
  if (mount.env !== undefined && mount.target === undefined) return;
  const file = joinHost(context.scratch, 'secrets', String(index));
  writeFileAtomic(file, bytes, { mode: mount.mode ?? 0o400 });
  giveSecret(file, mount, context);
  mounts.push({
    target: treePathFromUser(mount.target ?? `run/secrets/${id}`),
    source: file,
    kind: 'file',
    writable: false,
  });
}

function giveSecret(file: HostPath, mount: MountSpec, { scratch, target }: MountContext): void {
  if (!target.real) return;
  const tree = openWorkTree(joinHost(scratch, 'secrets'));
  tree.setOwner(treePathFromUser(file.slice(file.lastIndexOf('/') + 1)), { uid: mount.uid ?? 0, gid: mount.gid ?? 0 });
  tree.close();
}
