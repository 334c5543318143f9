/** Local trees: made, or copied from the store, beside their place. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { moveDirectory, namesOf, removeEmptyDirectory } from '../../system/files/host-directories.ts';
import { isOtherDevice, isRealDirectory, isTaken } from '../../system/files/host-paths.ts';
import { requireTreePlace } from '../../system/files/file-system-probe.ts';
import { stagingPath } from '../../system/files/publish.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { placeEnvironment } from './environment.ts';
import { announceLockPolicy } from '../session/lock-policy.ts';
import { withProject } from '../repository/install-context.ts';

export interface CreateRootfs {
  /** Missing or empty. */
  readonly directory: HostPath;
  readonly packages: readonly string[];
}

export interface CreatedRootfs {
  readonly directory: string;
  readonly release: string;
  readonly arch: string;
  readonly packages: readonly string[];
}

/**
 * fetch → verify → solve → unpack beside `directory`, whose place the tree takes when all is done.
 *
 * @throws ALP_UNPACK_TREE when the directory is not empty; ALP_* of every stage
 */
export const createRootfs = (config: Config, { directory, packages }: CreateRootfs): Promise<CreatedRootfs> =>
  withProject(config, async (session) => {
    requireFree(directory);
    const staged = stagingPath(directory);
    try {
      requireTreePlace(staged, { what: 'a tree', path: directory });
      announceLockPolicy(session);
      const contents = await placeEnvironment(session, packages, staged);
      if (isTaken(directory)) removeEmptyDirectory(directory);
      if (!moveDirectory(staged, directory))
        throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(directory)} was filled by somebody else meanwhile`);
      return { directory, release: contents.release, arch: config.arch, packages: contents.packages };
    } finally {
      removeTree(staged);
    }
  });

/** @throws ALP_UNPACK_TREE where something is that no tree can take the place of */
function requireFree(directory: HostPath): void {
  const refuse = (why: string, hint = 'name a directory that does not exist yet'): never => {
    throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(directory)} ${why}`, { hint });
  };
  if (!isTaken(directory)) return;
  if (!isRealDirectory(directory)) refuse('is not a directory, but a file or a link');
  if (namesOf(directory).length > 0) refuse('is not empty');
  if (isOtherDevice(directory))
    refuse('is a mount point, whose place no tree can take', 'name a directory below it that does not exist yet');
}
