/** Where private keys lie: in the user's own directory, never in a mirror, which is there to be handed out. */
import type { Config } from '../../core/config.ts';
import { isAlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { isFile } from '../../system/files/host-paths.ts';
import type { Session } from './session.ts';
import { openUserDirectory, userDirectory } from './user-directory.ts';

const KEYS = 'keys';

/** The user's own directory of signing keys. @throws ALP_USAGE_CONFIG, ALP_STORE_OWNER, ALP_STORE_WRITE */
export const openPrivateKeys = ({ env }: Pick<Config, 'env'>): HostPath => openUserDirectory(env, KEYS);

/**
 * For a mirror that alproot makes: the keys of those in the store are the store's, which is as closed as the user's
 * own directory; so are those of a user who has none.
 */
export function privateKeysFor({ config, store }: Pick<Session, 'config' | 'store'>, mirror: HostPath): HostPath {
  const own = (): HostPath => makeDirectory(store.path(KEYS), 0o700);
  if (mirror.startsWith(`${store.root}/`)) return own();
  try {
    return openPrivateKeys(config);
  } catch (error) {
    if (isAlprootError(error, 'ALP_USAGE_CONFIG', 'ALP_STORE_WRITE')) return own();
    throw error;
  }
}

/** A key that `--sign-with` names: a path, or the bare name of one in the user's own directory. */
export function findSigningKey(
  { env }: Pick<Config, 'env'>,
  { given, path }: { readonly given: string; readonly path: HostPath },
): HostPath {
  if (given.includes('/') || isFile(path)) return path;
  try {
    const own = joinHost(userDirectory(env), KEYS, given);
    return isFile(own) ? own : path;
  } catch {
    return path;
  }
}
