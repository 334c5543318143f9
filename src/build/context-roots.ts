/** The build context and those of --build-context, each opened when it is first needed. */
import type { HostPath } from '../core/paths.ts';
import type { NamedContext } from './build-plan.ts';
import { type CopyRoot, openContext, openNamedContext } from './context.ts';

export interface ContextRoots<Directory extends HostPath | undefined = HostPath | undefined> {
  /** @param named undefined for the context itself @throws ALP_BUILD_CONTEXT, ALP_FORMAT_TEXT */
  readonly open: (named?: NamedContext) => CopyRoot | (undefined extends Directory ? undefined : never);
  readonly close: () => void;
}

/** @param options.directory of the context */
export function openContextRoots<Directory extends HostPath | undefined>({
  directory,
  dockerfile,
}: {
  readonly directory: () => Directory;
  /** Its path, for its own ignore file. */
  readonly dockerfile: HostPath | undefined;
}): ContextRoots<Directory> {
  const roots = new Map<string | undefined, CopyRoot>();
  const openRoot = (named: NamedContext | undefined): CopyRoot | undefined => {
    if (named !== undefined) return openNamedContext(named);
    const path = directory();
    return path === undefined ? undefined : openContext(path, dockerfile);
  };
  return {
    open: (named) => {
      const root = roots.get(named?.name) ?? openRoot(named);
      if (root !== undefined) roots.set(named?.name, root);
      return root as CopyRoot;
    },
    close: () => {
      for (const { tree } of roots.values()) tree.close();
    },
  };
}
