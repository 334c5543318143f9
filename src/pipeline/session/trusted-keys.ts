/** Keys and pins from files: those that ship with alproot, and those that the user names. */
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { joinHost, parentOfHost, type HostPath } from '../../core/paths.ts';
import { packageRoot } from '../../system/files/assets.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { isDirectory } from '../../system/files/host-paths.ts';
import { keyring, lateKey, parseTrustedKey, type TrustedKey, type TrustedKeys } from '../../verify/key.ts';
import { parsePins, type MinirootfsPins } from '../../verify/minirootfs-file.ts';
import { pinnedPgpKey, RELEASE_KEY_FINGERPRINT, type PgpKeys } from '../../verify/pgp-signature.ts';

const KEY_BYTES = 64 * 1024;
const PIN_BYTES = 1024 * 1024;

/** Alpine's own keys for an architecture, or all of them. */
export function alpineKeys(arch: Arch | undefined): TrustedKeys {
  const root = joinHost(packageRoot(), 'keys', 'alpine');
  const arches = arch === undefined ? namesOf(root) : [arch];
  return keyring(arches.flatMap((name) => keysIn(joinHost(root, name), lateKey)));
}

/** Keys that count for one mirror: Alpine's and the user's for it. @throws ALP_VERIFY_KEY, ALP_USAGE_OPTION */
export const mirrorKeys = (mirror: MirrorSpec, arch: Arch): TrustedKeys =>
  keyring(alpineKeys(arch).values(), keysOf(mirror));

/** Those that the user has named for a mirror. @throws ALP_VERIFY_KEY, ALP_USAGE_OPTION */
export const keysOf = ({ keys, publicKeys = [] }: MirrorSpec): TrustedKey[] => [
  ...keys.flatMap(readKeys),
  ...publicKeys.map(({ pem, name }) => parseTrustedKey(pem, name)),
];

/** A key file, or all `*.pub` of a directory. */
export function readKeys(path: HostPath): TrustedKey[] {
  return isDirectory(path) ? keysIn(path) : [readKey(parentOfHost(path), path.slice(path.lastIndexOf('/') + 1))];
}

const keysIn = (directory: HostPath, parse = parseTrustedKey): TrustedKey[] =>
  namesOf(directory)
    .filter((name) => name.endsWith('.pub'))
    .map((name) => readKey(directory, name, parse));

function readKey(directory: HostPath, name: string, parse = parseTrustedKey): TrustedKey {
  const bytes = readFileCapped(joinHost(directory, name), KEY_BYTES);
  if (bytes === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `there is no key file ${joinHost(directory, name)}`, {
      hint: '--key names the public key (PEM) of the mirror before it, or of a --bundle and its maker',
    });
  return parse(bytes.toString('utf8'), name);
}

export function bundledPins(): MinirootfsPins {
  return parsePins(
    readFileCapped(joinHost(packageRoot(), 'keys', 'minirootfs.sha512'), PIN_BYTES)?.toString('utf8') ?? '',
  );
}

/** The key that signs Alpine's releases. @throws ALP_VERIFY_KEY when the file is not that key's */
export function releaseKeys(): PgpKeys {
  const bytes = readFileCapped(joinHost(packageRoot(), 'keys', 'ncopa.asc'), KEY_BYTES);
  return bytes === undefined ? new Map() : pinnedPgpKey(bytes, RELEASE_KEY_FINGERPRINT);
}
