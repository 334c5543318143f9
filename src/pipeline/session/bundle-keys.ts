/**
 * Whether all that a bundle holds is signed by keys that are trusted here: asked before anything of it is used, so
 * that a key that is missing is no surprise halfway through a build. What is found here is verified again where it is
 * used.
 */
import type { Config } from '../../core/config.ts';
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { LockedEnvironment } from '../../formats/lock/lockfile.ts';
import { branchOf } from '../../formats/release/release-names.ts';
import type { Bundle } from '../../ship/bundle.ts';
import { packageRoot } from '../../system/files/assets.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { verifyPackage } from '../../verify/package-file.ts';
import { bundledPins, mirrorKeys } from './trusted-keys.ts';

export interface BundleKeysRequest {
  readonly path: HostPath;
  readonly bundle: Bundle;
  /** What stands for every mirror, with the keys that count for it. */
  readonly mirror: MirrorSpec;
}

/** A file of the bundle that no trusted key signed. */
interface Unsigned {
  readonly file: string;
  /** As the file names them; the id of the key for files of apk v3. */
  readonly signers: readonly string[];
}

/**
 * @throws ALP_VERIFY_KEY naming the keys that are missing, where they were looked for, and what they are for;
 * ALP_VERIFY_* as verifyPackage
 */
export function requireBundleKeys(config: Config, { path, bundle, mirror }: BundleKeysRequest): void {
  const unsigned = bundle.manifest.lock.environments.flatMap((environment) => {
    const keys = mirrorKeys(mirror, environment.arch);
    return [...unsignedBase(bundle, environment, keys), ...unsignedPackages(bundle, environment, keys)];
  });
  if (unsigned.length > 0) throw missingKeys(config, { path, bundle, unsigned });
}

/** Alpine's releases are known by their digest, or by its release key; a mirror of one's own signs what it made. */
function unsignedBase(
  { find, manifest }: Bundle,
  { release, arch, minirootfs: { file, sha512 } }: LockedEnvironment,
  keys: TrustedKeys,
): Unsigned[] {
  const pins = bundledPins();
  const path = `${branchOf(release)}/releases/${arch}/${file}`;
  if (pins.byName.has(file) || pins.byDigest.has(sha512) || find(`${path}.asc`) !== undefined) return [];
  const mark = `${path}.rsa256.`;
  const signers = manifest.files.filter((one) => one.path.startsWith(mark)).map((one) => one.path.slice(mark.length));
  return signers.length === 0 || signers.some((name) => keys.has(name)) ? [] : [{ file, signers }];
}

/** Those of foreign repositories are verified by keys of the tree that they go to. */
function unsignedPackages({ find }: Bundle, { arch, packages }: LockedEnvironment, keys: TrustedKeys): Unsigned[] {
  return packages
    .filter(({ repository }) => !repository.startsWith('https://'))
    .flatMap(({ record: { name, version }, repository, sha256 }): Unsigned[] => {
      const found = find(`${repository}/${arch}/${name}-${version}.apk`);
      if (found === undefined) return [];
      try {
        // The whole was hashed when the bundle was opened; its data is verified by who unpacks it.
        verifyPackage(found.source, { keys, requireSignature: true, hashed: { sha256 }, deferData: true });
        return [];
      } catch (error) {
        if (!isAlprootError(error, 'ALP_VERIFY_KEY')) throw error;
        const { keyNames = error.facts['keyIds'] ?? [] } = error.facts;
        return [{ file: `${name}-${version}`, signers: keyNames as readonly string[] }];
      }
    });
}

interface MissingKeys {
  readonly path: HostPath;
  readonly bundle: Bundle;
  readonly unsigned: readonly Unsigned[];
}

function missingKeys(config: Config, { path, bundle, unsigned }: MissingKeys): AlprootError {
  const keyNames = [...new Set(unsigned.flatMap(({ signers }) => signers))].sort();
  const files = unsigned.map(({ file }) => file);
  const shown = files.slice(0, 3).map(quoteName).join(', ');
  const rest = files.length > 3 ? ` and ${files.length - 3} more` : '';
  const names = keyNames.map(quoteName).join(', ');
  return new AlprootError(
    'ALP_VERIFY_KEY',
    `${quoteName(path)} holds ${shown}${rest}, signed by ${names}, which is not trusted here; ` +
      `looked for in ${placesOf(config).map(quoteName).join(', ')}`,
    {
      hint: `if you trust who made the bundle, get ${makers(bundle, names)} from them and name it with --key FILE`,
      facts: { keyNames, files },
    },
  );
}

/** The key of who signed the bundle stands for those that came in it. */
const makers = ({ signers }: Bundle, names: string): string =>
  signers.length === 0
    ? `the public key ${names}`
    : `the public key ${signers.map(quoteName).join(', ')}, which signed it whole, or ${names}`;

/** All places that keys were read from. */
const placesOf = ({ mirrors, keys }: Config): HostPath[] => [
  ...new Set([
    joinHost(packageRoot(), 'keys', 'alpine'),
    ...(mirrors === 'auto' ? [] : mirrors.flatMap((mirror) => mirror.keys)),
    ...keys,
  ]),
];
