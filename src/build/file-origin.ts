/** Where copies and mounts take files from: contexts, other stages, images; opened when needed, each once. */
import { keyOf } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { type CopyStep, type FileOrigin, isContext, type PlannedBase, type PlannedStep } from './build-plan.ts';
import { contextDigest, copyContext } from './context-copy.ts';
import { type CopyOrigin, gatherSources, type Gathering } from './copy-sources.ts';
import { emptyDirectory, type Execution } from './execution.ts';
import type { BaseTree } from './host.ts';
import type { MountSource } from './run-context.ts';
import { materialise } from './stage.ts';
import type { OpenTree } from './stage-tree.ts';
import { baseKey, SCRATCH_KEY } from './step-key.ts';

type AlpineBase = Extract<PlannedBase, { kind: 'alpine' }>;

/** What a step copies; of another stage its key alone is read until the copy has to be made. */
export async function gatherFrom(execution: Execution, step: CopyStep, scratch: HostPath): Promise<Gathering> {
  const { host } = execution;
  const { from } = step;
  if (isContext(from)) {
    const root = execution.contexts.open(from);
    const owned = { tree: root.tree, owners: new Map(), real: false };
    return gatherSources(step, { host, scratch, origin: { root, owned, isStage: false } });
  }
  const digest = keyOf('stage', await originKey(execution, from));
  let gathered: Promise<Gathering> | undefined;
  const open = (): Promise<Gathering> =>
    (gathered ??= openCopyOrigin(execution, from).then((origin) => gatherSources(step, { host, scratch, origin })));
  return { digest, parts: [], open };
}

async function openCopyOrigin(execution: Execution, base: PlannedBase): Promise<CopyOrigin> {
  const owned = await openTreeOfBase(execution, base);
  const label = base.kind === 'stage' ? `stage ${labelOfStage(execution, base.index)}` : 'the image';
  return { owned, isStage: true, root: { tree: owned.tree, label, visibilityOf: () => 'visible' } };
}

const labelOfStage = ({ plan }: Execution, index: number): string | number =>
  plan.stages.find((stage) => stage.index === index)?.name ?? index;

/** Digest of what a step's bind mounts show. */
export async function mountDigest(execution: Execution, step: PlannedStep): Promise<string> {
  if (step.kind !== 'run') return '';
  const digests = await Promise.all(
    step.mounts.map(async (mount) => {
      if (mount.type !== 'bind') return '';
      return isContext(mount.base)
        ? contextDigest(execution.contexts.open(mount.base), mount.source ?? '')
        : originKey(execution, mount.base);
    }),
  );
  return keyOf(...digests);
}

/** The path of the host that a mount binds; writes to it reach neither the context nor another stage. */
export async function openMountSource(
  execution: Execution,
  origin: FileOrigin,
  { path, writable, scratch }: { path: string; writable: boolean; scratch: HostPath },
): Promise<MountSource> {
  const digest = keyOf(JSON.stringify(origin ?? null), path).slice(0, 16);
  const copy = joinHost(scratch, `bind-${digest}-${writable ? 'rw' : 'ro'}`);
  if (isContext(origin)) return copyContext(execution.contexts.open(origin), path, copy);
  const { tree } = await openTreeOfBase(execution, origin);
  const source = tree.resolve(treePathFromUser(path));
  const stat = tree.stat(source);
  if (stat === undefined || (stat.kind !== 'file' && stat.kind !== 'directory'))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `RUN --mount: there is no ${path} to mount`);
  // Writes are dropped with the copy; a read-only mount shows the tree itself.
  if (writable) await cloneTree(tree.hostPathOf(source), copy, { owners: execution.host.realOwners });
  return { path: writable ? copy : tree.hostPathOf(source), kind: stat.kind };
}

async function originKey(execution: Execution, base: PlannedBase): Promise<string> {
  if (base.kind === 'stage') return (await execution.buildStage(base.index)).key;
  return base.kind !== 'alpine' ? SCRATCH_KEY : baseKey((await openBaseTree(execution, base)).key);
}

/** The immutable tree of an image. */
export function openBaseTree({ host, images }: Execution, base: AlpineBase): Promise<BaseTree> {
  const name = JSON.stringify(base);
  const opened = images.get(name) ?? host.resolveBase(base);
  images.set(name, opened);
  return opened;
}

async function openTreeOfBase(execution: Execution, base: PlannedBase): Promise<OpenTree> {
  const { host, workspace, imageTrees } = execution;
  if (base.kind === 'stage') return materialise(await execution.buildStage(base.index), { host, workspace });
  const name = JSON.stringify(base);
  const image = base.kind === 'alpine' ? await openBaseTree(execution, base) : undefined;
  const opened = imageTrees.get(name) ?? {
    tree: openWorkTree(image?.tree ?? emptyDirectory(workspace)),
    owners: new Map(image?.owners ?? []),
    real: host.realOwners,
    state: new Map(),
  };
  imageTrees.set(name, opened);
  return opened;
}
