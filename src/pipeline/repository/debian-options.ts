/** What every making of packages from the Debian archive is told of the invocation. */
import type { HostPath } from '../../core/paths.ts';
import type { FromDebianOptions } from '../../mirror/debian/from-debian.ts';
import type { Session } from '../session/session.ts';
import { privateKeysFor } from '../session/signing-keys.ts';

export const debianOptions = (
  session: Session,
  { directory, release }: { readonly directory: HostPath; readonly release: string | undefined },
): Omit<FromDebianOptions, 'packages'> => {
  const { arch, env, emit, signal } = session.config;
  return { directory, release, privateKeys: () => privateKeysFor(session, directory), arch, env, emit, signal };
};
