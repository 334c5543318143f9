/**
 * Results put where the user wants them: made complete beside the place first, then renamed, so that no half of them
 * is ever seen. Single files are on the disk before they have their name; of a directory's files nothing is forced
 * there, as with `cp` and `tar`.
 */
import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath, joinHost } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { makeDirectory } from './host-directories.ts';
import { isAbandoned, temporaryName, workerOf } from '../process/process-identity.ts';
import { fileError } from '../../core/file-error.ts';
import { syncDirectory, syncFile } from './files.ts';
import { removeTree } from './remove-tree.ts';

/**
 * A name beside `path`, on its file system, hidden until it is renamed. What killed processes left there for the same
 * place goes.
 *
 * @throws ALP_FILE_WRITE
 */
export function stagingPath(path: HostPath): HostPath {
  const directory = hostPath(dirname(path));
  const prefix = `.${basename(path)}.alproot-`;
  makeDirectory(directory);
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith(prefix))) {
    if (isAbandoned(workerOf(name.slice(prefix.length)), joinHost(directory, name)))
      removeTree(joinHost(directory, name));
  }
  return joinHost(directory, `${prefix}${temporaryName('staged')}`);
}

/** Puts a complete file or directory in the place of whatever is there. @throws ALP_FILE_WRITE */
export function publishStaged(staged: HostPath, path: HostPath): void {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    const staging = lstatSync(staged);
    if (staging.isFile()) syncFile(staged);
    const old =
      found === undefined || (!found.isDirectory() && !staging.isDirectory()) ? undefined : stagingPath(path);
    if (old !== undefined) renameSync(path, old);
    renameSync(staged, path);
    syncDirectory(dirname(path));
    if (old !== undefined) removeTree(old);
  } catch (error) {
    throw fileError('write', path, error);
  }
}

/**
 * Moves the entries of a complete directory into one that may exist, each by a rename; what else is there stays. Links
 * of the place are replaced, not followed.
 *
 * @throws ALP_FILE_WRITE; a file of the place in the way of a directory
 */
export function mergeDirectory(staged: HostPath, path: HostPath): void {
  if (!requireMergeable(path)) return publishStaged(staged, path);
  try {
    mergeInto(Buffer.from(staged), Buffer.from(path));
    removeTree(staged);
  } catch (error) {
    throw fileError('write', path, error);
  }
}

/** @returns whether there is a directory @throws ALP_FILE_WRITE when something else is there, a link included */
export function requireMergeable(path: HostPath): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory())
    throw new AlprootError('ALP_FILE_WRITE', `${quoteName(path)} is not a directory`, {
      hint: 'choose another output directory, or remove it',
      facts: { path },
    });
  return found !== undefined;
}

function mergeInto(from: Buffer, to: Buffer): void {
  for (const name of readdirSync(from, { encoding: 'buffer' })) {
    const source = Buffer.concat([from, SLASH, name]);
    const target = Buffer.concat([to, SLASH, name]);
    const isDirectory = lstatSync(source).isDirectory();
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (isDirectory && found?.isDirectory() === true) mergeInto(source, target);
    else {
      if (found !== undefined && found.isDirectory() !== isDirectory) rmSync(target, { recursive: true });
      renameSync(source, target);
    }
  }
}

const SLASH = Buffer.from('/');
