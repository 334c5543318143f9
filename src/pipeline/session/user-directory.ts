/** What is the user's own and of no project: what was approved, and private keys. `$XDG_CONFIG_HOME/alproot`. */
import { AlprootError } from '../../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName, showName } from '../../core/redact.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { homeOf } from '../../system/files/host-paths.ts';
import { findForeignWriter } from '../../system/files/ownership.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where it is, or would be; undefined for a user without a home. */
export function findUserDirectory(env: Env): HostPath | undefined {
  const named = env['XDG_CONFIG_HOME'];
  if (named?.startsWith('/') === true) return joinHost(hostPath(named), 'alproot');
  const home = homeOf(env);
  return home === undefined ? undefined : joinHost(home, '.config', 'alproot');
}

/** @throws ALP_USAGE_CONFIG for a user without a home */
export function userDirectory(env: Env): HostPath {
  const found = findUserDirectory(env);
  if (found === undefined)
    throw new AlprootError(
      'ALP_USAGE_CONFIG',
      'there is no place for what is yours alone: this user has no home directory',
      { hint: 'set HOME or XDG_CONFIG_HOME' },
    );
  return found;
}

/** A directory in it, made when it is missing, closed to others. @throws ALP_STORE_OWNER, ALP_STORE_WRITE */
export function openUserDirectory(env: Env, name: string): HostPath {
  const path = joinHost(userDirectory(env), name);
  requireOwnDirectory(path);
  makeDirectory(path, 0o700);
  requireOwnDirectory(path);
  return path;
}

/** @throws ALP_STORE_OWNER when another user could put something there */
export function requireOwnDirectory(path: HostPath): void {
  const found = findForeignWriter(path);
  if (found === undefined) return;
  const isShared = found.kind === 'writable';
  throw new AlprootError(
    'ALP_STORE_OWNER',
    `${quoteName(path)} is not used: ${quoteName(found.path)} ` +
      (isShared ? 'can be written by other users' : `belongs to user ${found.uid}`),
    {
      hint:
        `${isShared ? `\`chmod go-w ${showName(found.path)}\`` : 'run alproot as that user'}, ` +
        'or name another directory with XDG_CONFIG_HOME',
      facts: { path: found.path, uid: found.uid, kind: found.kind },
    },
  );
}
