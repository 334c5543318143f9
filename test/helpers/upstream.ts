/** Real data beside the checkout; tests that need it name the capability `upstream`. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parsePins, type MinirootfsPins } from '../../src/verify/minirootfs-file.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { projectRoot } from './project.ts';

export { projectRoot } from './project.ts';
export const upstreamRoot = join(projectRoot, '..', 'shared', 'upstream');
export const hasUpstream = existsSync(join(upstreamRoot, 'minirootfs'));

/** All of Alpine's keys, of every architecture. */
export function alpineKeys(): TrustedKeys {
  const root = join(projectRoot, 'keys', 'alpine');
  return keyring(
    readdirSync(root).flatMap((arch) =>
      readdirSync(join(root, arch)).map((name) => parseTrustedKey(readFileSync(join(root, arch, name), 'utf8'), name)),
    ),
  );
}

export const bundledPins = (): MinirootfsPins =>
  parsePins(readFileSync(join(projectRoot, 'keys', 'minirootfs.sha512'), 'utf8'));
