/**
 * A mirror served to a room of machines, over HTTP or HTTPS. What a mirror consists of is served, and nothing else.
 */
import { hostname } from 'node:os';
import type { Emit } from '../core/events.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName, showName } from '../core/redact.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { serveFiles, type FileServer } from '../system/http/http-server.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { findSmallFile } from '../system/files/small-files.ts';
import { makeCertificate, type ServerCertificate } from './certificate.ts';
import { holdsPrivateKey, isServedContent, isServedName } from './served-names.ts';

export interface ServeOptions {
  readonly directory: HostPath;
  /** `127.0.0.1` unless given. */
  readonly host?: string;
  /** Any free one unless given. */
  readonly port?: number;
  /** HTTPS, with a certificate whose private key is kept where this says, closed to others and out of the mirror. */
  readonly tls?: { readonly privateDirectory: HostPath } | undefined;
  /** Further names for the certificate. */
  readonly names?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly emit: Emit;
}

export interface ServedMirror extends FileServer {
  /** The certificate that clients trust with `--ca-file`; undefined over plain HTTP. */
  readonly certificateFile: HostPath | undefined;
}

const MAX_PEM_BYTES = 64 * 1024;

/**
 * Serves until `close()`. The certificate is made once and kept in the mirror.
 *
 * @throws ALP_USAGE_ARGUMENT, also for a private key in the directory; ALP_FILE_WRITE
 */
export async function serveMirror({
  directory,
  host = '127.0.0.1',
  port = 0,
  tls,
  names = [],
  now,
  emit,
}: ServeOptions): Promise<ServedMirror> {
  refusePrivateKeys(directory);
  const certificateFile = joinHost(directory, 'mirror-ca.pem');
  const all = [
    ...new Set([
      'localhost',
      '127.0.0.1',
      '::1',
      hostname(),
      ...(['0.0.0.0', '::'].includes(host) ? [] : [host]),
      ...names,
    ]),
  ];
  const certificate =
    tls === undefined
      ? undefined
      : keptCertificate({ secret: tls.privateDirectory, certificateFile, names: all, now });
  const server = await serveFiles({
    directory,
    host,
    port,
    tls: certificate,
    allows: isServedName,
    allowsContent: isServedContent,
    onRequest: ({ method, path, status }) => {
      emit({ kind: 'note', message: `${status} ${showName(method)} ${showName(path)}` });
    },
  });
  return { ...server, certificateFile: tls === undefined ? undefined : certificateFile };
}

/** Other servers would hand it out, and so does whoever copies the directory. */
function refusePrivateKeys(directory: HostPath): void {
  const found = findSmallFile(
    directory,
    { maxBytes: MAX_PEM_BYTES, skips: (name) => name.endsWith('.apk') },
    holdsPrivateKey,
  );
  if (found === undefined) return;
  throw new AlprootError(
    'ALP_USAGE_ARGUMENT',
    `${quoteName(directory)} is not served: it holds the private key ${quoteName(found)}`,
    {
      hint:
        'move it out, into a directory that only you can read, such as ~/.config/alproot/keys, where ' +
        '`--sign-with NAME` finds it; if others may have read it, make a new one',
      facts: { file: found },
    },
  );
}

function keptCertificate({
  secret,
  certificateFile,
  names,
  now,
}: {
  readonly secret: HostPath;
  readonly certificateFile: HostPath;
  readonly names: readonly string[];
  readonly now: number;
}): ServerCertificate {
  const keyFile = joinHost(secret, 'serve.key');
  const namesFile = joinHost(secret, 'serve.names');
  const wanted = `${names.join('\n')}\n`;
  const [key, kept, certified] = [keyFile, namesFile, certificateFile].map((path) =>
    readFileCapped(path, MAX_PEM_BYTES)?.toString('latin1'),
  );
  if (key !== undefined && certified !== undefined && kept === wanted)
    return { keyPem: key, certificatePem: certified };
  const made = makeCertificate(names, now);
  makeDirectory(secret, 0o700);
  writeFileAtomic(keyFile, made.keyPem, { mode: 0o600 });
  writeFileAtomic(certificateFile, made.certificatePem);
  writeFileAtomic(namesFile, wanted);
  return made;
}
