/**
 * A tree that no Dockerfile made, such as an environment of packages, as something that the outputs of builds can
 * write.
 */
import type { HostPath } from '../core/paths.ts';
import type { Arch } from '../core/package.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { BuiltImage } from './executor.ts';
import type { BaseTree, BuildHost } from './host.ts';
import { ALPINE_CONFIG, type ImageConfig } from './image-config.ts';
import type { OpenTree } from './stage-tree.ts';

export interface TreeImageOptions {
  readonly base: BaseTree;
  readonly arch: Arch;
  readonly host: Pick<BuildHost, 'layers' | 'realOwners'>;
  readonly workspace: HostPath;
  readonly config?: ImageConfig;
}

/** Hands the tree over as an image of one layer while `use` runs; the tree is only read. */
export async function withTreeImage<T>(
  { base, arch, host, workspace, config = ALPINE_CONFIG }: TreeImageOptions,
  use: (image: BuiltImage) => Promise<T>,
): Promise<T> {
  const tree: OpenTree = {
    tree: openWorkTree(base.tree),
    owners: base.owners,
    real: host.realOwners,
    state: new Map(),
  };
  const stage = { index: 0, line: 1, base: { kind: 'scratch' as const }, arch, steps: [], config, needs: [] };
  try {
    return await use({
      build: {
        stage,
        base,
        parent: undefined,
        key: base.key,
        cachedAs: '',
        finished: [],
        tree: { state: 'open', tree },
      },
      host,
      workspace,
      tree: () => Promise.resolve(tree),
    });
  } finally {
    tree.tree.close();
  }
}
