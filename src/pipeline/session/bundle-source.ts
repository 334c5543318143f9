/**
 * A bundle in place of every mirror: its files, its lock, and its keys when a key that is trusted has signed them.
 */
import type { Config } from '../../core/config.ts';
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { createBundleFetcher } from '../../fetch/bundle-fetcher.ts';
import type { Fetcher } from '../../fetch/fetcher.ts';
import { openBundle, type BundleSignature } from '../../ship/bundle.ts';
import { requireNoDrift, isSameLock } from '../../ship/lock-file.ts';
import type { Store } from '../../store/store.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { keyring, type TrustedKeys } from '../../verify/key.ts';
import { isRsaSignature } from '../../verify/rsa.ts';
import { requireBundleKeys } from './bundle-keys.ts';
import type { LockPolicy } from './lock-policy.ts';
import { alpineKeys, keysOf, readKeys } from './trusted-keys.ts';

export interface BundleSource {
  /** Offline, with the bundle as its only mirror. */
  readonly config: Config;
  readonly lockPolicy: LockPolicy;
  readonly fetcher: Fetcher;
  readonly close: () => void;
}

export interface BundleSourceRequest {
  readonly store: Store;
  readonly bundle: HostPath;
  /** A lock that was found beside the Dockerfile or `alproot.yaml`; it must say the same. */
  readonly lockPolicy: LockPolicy | undefined;
}

/**
 * @throws ALP_VERIFY_*, ALP_FORMAT_LOCK, ALP_USAGE_ARGUMENT as openBundle; ALP_VERIFY_KEY for what no trusted
 * key signed; ALP_STALE_LOCK when it was made from another lock
 */
export function openBundleSource(
  config: Config,
  { store, bundle: path, lockPolicy }: BundleSourceRequest,
): BundleSource {
  const trusted = userKeys(config);
  const bundle = openBundle(path, { verify: signatureVerifier(trusted) });
  const keys = store.makeTemporary('keys');
  const close = (): void => {
    bundle.close();
    removeTree(keys);
  };
  try {
    const { lock } = bundle.manifest;
    if (lockPolicy !== undefined && !isSameLock(lockPolicy.lock, lock))
      requireNoDrift({ path: lockPolicy.name as HostPath, lock: lockPolicy.lock, wanted: lock });
    // Keys that a stranger put into a bundle count for nothing.
    if (bundle.signedBy !== undefined)
      for (const { name, pem } of bundle.manifest.keys) writeFileAtomic(joinHost(keys, name), pem);
    const mirrors = config.mirrors === 'auto' ? [] : config.mirrors;
    const own = mirrors.flatMap((mirror) => mirror.keys);
    const mirror: MirrorSpec = {
      kind: 'directory',
      base: path,
      keys: [...new Set([...own, ...config.keys, keys])],
      publicKeys: mirrors.flatMap(({ publicKeys = [] }) => publicKeys),
    };
    requireBundleKeys(config, { path, bundle, mirror });
    return {
      config: { ...config, mirrors: [mirror], offline: true },
      lockPolicy: {
        name: path,
        lock,
        strict: true,
        update: new Set(),
        hint: 'make the bundle again, from a lock that has it',
      },
      fetcher: createBundleFetcher({ store, name: path, find: bundle.find }),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Alpine's keys and all that the user named. */
export const userKeys = (config: Config): TrustedKeys =>
  keyring(alpineKeys(undefined).values(), [
    ...(config.mirrors === 'auto' ? [] : config.mirrors.flatMap(keysOf)),
    ...config.keys.flatMap(readKeys),
  ]);

/**
 * The first trusted key that signed; a wrong signature under a trusted name ends everything.
 *
 * @throws ALP_VERIFY_SIGNATURE
 */
export const signatureVerifier =
  (keys: TrustedKeys) =>
  (manifest: Uint8Array, signatures: readonly BundleSignature[]): string | undefined => {
    const known = signatures.filter(({ keyName }) => keys.has(keyName));
    for (const { keyName, signature } of known) {
      const key = keys.get(keyName);
      if (key === undefined || !isRsaSignature({ data: manifest, signature, digest: 'sha256', key })) {
        throw new AlprootError(
          'ALP_VERIFY_SIGNATURE',
          `the signature of ${quoteName(keyName)} over the bundle is wrong`,
          { hint: 'the bundle was damaged or tampered with: get it again' },
        );
      }
    }
    return known[0]?.keyName;
  };
