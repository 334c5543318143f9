/** Local trees: made in one go, checked against their database. */
import type { Config } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOfHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { makeDirectory, moveDirectory, namesOf } from '../system/directories.ts';
import { isTaken } from '../system/host-paths.ts';
import { removeTree } from '../system/removal.ts';
import { addDebianPackages } from './debian-packages.ts';
import { fillTree } from './environment.ts';
import { chooseMirrors, type ChosenMirrors } from './mirrors.ts';
import { announcePins, withPinned } from './pins.ts';
import { withProject, type Session } from './session.ts';
import { fetchMinirootfs, fetchSources } from './sources.ts';
import { randomBytes } from 'node:crypto';
import { removeEmptyDirectory } from '../system/directories.ts';

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
 * fetch → verify → solve → unpack into a directory beside `directory`, which takes its place when all is done.
 *
 * @throws ALP_UNPACK_TREE when the directory is not empty; ALP_* of every stage
 */
export const createRootfs = (config: Config, { directory, packages }: CreateRootfs): Promise<CreatedRootfs> =>
  withProject(config, async (session) => {
    if (isTaken(directory) && namesOf(directory).length > 0) {
      throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(directory)} is not empty`, { hint: 'name a directory that does not exist yet' });
    }
    announcePins(session);
    const chosen = await chooseMirrors(session);
    return withPinned(session, (extended) => createFrom(session, { directory, packages, chosen, extended }));
  });

interface CreateFrom extends CreateRootfs {
  readonly chosen: ChosenMirrors;
  readonly extended: boolean;
}

async function createFrom(session: Session, { directory, packages, chosen, extended }: CreateFrom): Promise<CreatedRootfs> {
  if (session.pins === undefined || extended) await addDebianPackages(session, chosen, packages);
  const [minirootfs, sources] = await Promise.all([fetchMinirootfs(session, chosen), fetchSources(session, chosen, extended)]);
  const staged = joinHost(parentOfHost(directory), `.alproot-${randomBytes(6).toString('hex')}`);
  makeDirectory(staged, 0o755);
  try {
    const installed = await fillTree(session, { root: staged, minirootfs, sources, packages });
    if (isTaken(directory)) removeEmptyDirectory(directory);
    if (!moveDirectory(staged, directory)) throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(directory)} was filled by somebody else meanwhile`);
    return { directory, release: minirootfs.version, arch: session.config.arch, packages: installed };
  } finally {
    removeTree(staged);
  }
}
