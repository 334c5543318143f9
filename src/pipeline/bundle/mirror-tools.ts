/** Making mirrors: from the host's Debian archive, indexes, keys, signatures, and serving them. */
import type { Config } from '../../core/config.ts';
import { keyOf } from '../../core/digest.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { fromDebian, type FromDebianResult } from '../../mirror/debian/from-debian.ts';
import { buildablePorts } from '../../mirror/debian/from-ports.ts';
import { indexAdbDirectory, indexDirectory } from '../../mirror/repository.ts';
import { serveMirror, type ServedMirror } from '../../mirror/serve.ts';
import { signFile } from '../../mirror/sign-file.ts';
import { generateSigningKey, readSigningKey, writeSigningKey } from '../../mirror/signing.ts';
import { debianOptions } from '../repository/debian-options.ts';
import { addMissing } from '../repository/debian-packages.ts';
import { openPrivateKeys } from '../session/signing-keys.ts';
import { withSession } from '../session/session.ts';
import { openPortSandbox } from '../environment/environment.ts';
import { requireDirectory } from '../../system/files/named-file.ts';
import { openUserDirectory } from '../session/user-directory.ts';

export { findSigningKey } from '../session/signing-keys.ts';

/** Makes or completes a mirror; ports are built in a tree made from the mirror itself. */
export const mirrorFromDebian = (
  config: Config,
  directory: HostPath,
  packages: readonly string[],
): Promise<FromDebianResult> =>
  withSession(config, async (session) => {
    const ports = packages.filter((name) => buildablePorts().includes(name));
    const result = await fromDebian({
      ...debianOptions(session, { directory, release: config.release }),
      offline: config.offline,
      refresh: config.refresh,
      packages: packages.length === 0 ? undefined : packages.filter((name) => !ports.includes(name)),
    });
    const more =
      ports.length === 0
        ? []
        : await addMissing(session, {
            directory,
            release: config.release,
            names: ports,
            openSandbox: openPortSandbox,
          });
    return { ...result, made: [...result.made, ...more] };
  });

export interface IndexRequest {
  readonly directory: HostPath;
  readonly description: string;
  readonly signWith: HostPath | undefined;
  readonly format: IndexFormat;
}

/** v2: APKINDEX.tar.gz of v2 packages. v3: Packages.adb of either. */
export type IndexFormat = 'v2' | 'v3';

/** Writes an index beside the .apk files of `directory`. @returns the packages listed */
export async function indexMirror(
  config: Config,
  { directory, description, signWith, format }: IndexRequest,
): Promise<string[]> {
  requireDirectory(directory, 'a directory of .apk files');
  const options = {
    directory,
    description,
    arch: config.arch,
    time: config.epochSeconds ?? Math.floor(Date.now() / 1000),
    key: signWith === undefined ? undefined : readSigningKey(signWith),
  };
  return format === 'v3' ? indexAdbDirectory(options) : await indexDirectory(options);
}

/** Signs each file: packages and indexes inside, others by a file beside them. @returns the files written */
export const signFiles = (paths: readonly HostPath[], signWith: HostPath): Promise<HostPath[]> => {
  const key = readSigningKey(signWith);
  return Promise.all(paths.map((path) => signFile(path, key)));
};

export interface KeyRequest {
  /** Where the public half goes; undefined: beside the private one. */
  readonly directory: HostPath | undefined;
  /** Where the private half goes; undefined: the user's own directory. */
  readonly privateDirectory: HostPath | undefined;
  readonly owner: string;
}

/** A new key pair. @throws ALP_USAGE_CONFIG for a user without a home, ALP_STORE_OWNER, ALP_STORE_WRITE */
export async function makeSigningKey(
  config: Config,
  { directory, privateDirectory, owner }: KeyRequest,
): Promise<{ readonly publicKey: HostPath; readonly privateKey: HostPath }> {
  const secret = privateDirectory ?? openPrivateKeys(config);
  const key = await generateSigningKey(owner);
  writeSigningKey(key, secret, directory ?? secret);
  return {
    publicKey: joinHost(directory ?? secret, key.publicName),
    privateKey: joinHost(secret, key.publicName.replace(/\.pub$/, '')),
  };
}

export interface ServeRequest {
  readonly directory: HostPath;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls: boolean;
}

/** @throws ALP_USAGE_ARGUMENT when there is no such directory, and what `serveMirror` throws */
export async function serveDirectory(
  config: Config,
  { directory, host, port, tls }: ServeRequest,
): Promise<ServedMirror> {
  requireDirectory(directory, 'the directory of a mirror');
  const secret = tls
    ? { privateDirectory: joinHost(openUserDirectory(config.env, 'serve'), keyOf(directory).slice(0, 16)) }
    : undefined;
  return serveMirror({
    directory,
    tls: secret,
    now: Date.now(),
    emit: config.emit,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  });
}
