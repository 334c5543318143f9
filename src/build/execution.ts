/** What the parts of one build share while it is executed: options, workspace, and what was opened so far. */
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { BuildPlan } from './build-plan.ts';
import { type ContextRoots, openContextRoots } from './context-roots.ts';
import type { BaseTree, BuildHost } from './host.ts';
import type { Secrets } from './run-context.ts';
import { closeStage } from './stage.ts';
import type { StageBuild } from './stage-chain.ts';
import type { OpenTree } from './stage-tree.ts';

export interface ExecuteOptions {
  readonly host: BuildHost;
  /** Directory of the context; undefined: an empty one. */
  readonly context: HostPath | undefined;
  /** The Dockerfile's path, for its own ignore file. */
  readonly dockerfile: HostPath | undefined;
  readonly secrets: Secrets;
  /** Take no step from the cache: of any stage, or of the stages named. Results are stored all the same. */
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
}

export interface Execution extends ExecuteOptions {
  readonly plan: BuildPlan;
  readonly workspace: HostPath;
  /** The stage of the plan, begun when it is first needed. */
  readonly buildStage: (index: number) => Promise<StageBuild>;
  readonly stages: Map<number, Promise<StageBuild>>;
  readonly builds: StageBuild[];
  readonly images: Map<string, Promise<BaseTree>>;
  readonly imageTrees: Map<string, OpenTree>;
  readonly contexts: ContextRoots<HostPath>;
  readonly stop: AbortController;
}

export interface OpenedExecution {
  readonly execution: Execution;
  /** Also closes trees of stages that have failed: what was finished in them need not be made again. */
  readonly close: () => Promise<void>;
}

/** @param buildStage begins a stage; called once for each */
export function openExecution(
  plan: BuildPlan,
  options: ExecuteOptions,
  startStage: (execution: Execution, index: number) => Promise<StageBuild>,
): OpenedExecution {
  const { host, context, dockerfile } = options;
  const workspace = host.makeWorkspace();
  const stop = new AbortController();
  const abort = (): void => stop.abort(host.signal?.reason);
  host.signal?.addEventListener('abort', abort, { once: true });
  if (host.signal?.aborted === true) abort();
  const stages = new Map<number, Promise<StageBuild>>();
  const execution: Execution = {
    ...options,
    plan,
    workspace,
    stages,
    buildStage: (index) => {
      const started = stages.get(index) ?? startStage(execution, index);
      stages.set(index, started);
      return started;
    },
    builds: [],
    images: new Map(),
    imageTrees: new Map(),
    contexts: openContextRoots({ directory: () => context ?? emptyDirectory(workspace), dockerfile }),
    stop,
  };
  const close = async (): Promise<void> => {
    host.signal?.removeEventListener('abort', abort);
    await Promise.allSettled(stages.values());
    for (const build of execution.builds) closeStage(build, { host, workspace });
    for (const { tree } of execution.imageTrees.values()) tree.close();
    execution.contexts.close();
    host.removeWorkspace(workspace);
  };
  return { execution, close };
}

/** Of the workspace: the context that was not given, or the tree of scratch. */
export function emptyDirectory(workspace: HostPath): HostPath {
  const path = joinHost(workspace, 'empty');
  openWorkTree(workspace).makeDirectory(treePathFromUser('empty'), 0o755);
  return path;
}
