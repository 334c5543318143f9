/** `alproot verify`: files verified one by one, offline. */
import { resolve } from 'node:path';
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, parentOfHost, joinHost, type HostPath } from '../../core/paths.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { closeDescriptor, descriptorSource } from '../../system/files/hashed-file.ts';
import { openNamedFile } from '../../system/files/named-file.ts';
import { auditTree, formatAudit } from '../../unpack/audit.ts';
import { isDirectory } from '../../system/files/host-paths.ts';
import { openBundle } from '../../ship/bundle.ts';
import { verifyAnyFile, type Verdict } from '../../verify/any-file.ts';
import { keyring, type TrustedKeys } from '../../verify/key.ts';
import type { DetachedSignature, ReleaseSignature } from '../../verify/minirootfs-file.ts';
import { signatureVerifier } from '../session/bundle-source.ts';
import { withDatabase } from './package-query.ts';
import { alpineKeys, bundledPins, keysOf, readKeys, releaseKeys } from '../session/trusted-keys.ts';

export interface FileVerdict {
  readonly path: string;
  readonly verdict: Verdict | AlprootError;
}

export interface VerifyOptions {
  readonly directory: string;
}

/** Each file's verdict, in order; what is wrong with a file is its verdict, not an exception. */
export function verifyPaths(
  config: Config,
  paths: readonly string[],
  { directory }: VerifyOptions,
): Promise<FileVerdict[]> {
  const mirrors = config.mirrors === 'auto' ? [] : config.mirrors;
  const keys = keyring(alpineKeys(undefined).values(), [...mirrors.flatMap(keysOf), ...config.keys.flatMap(readKeys)]);
  return Promise.resolve(
    paths.map((path) => {
      try {
        return { path, verdict: verifyPath(resolve(directory, path), keys) };
      } catch (error) {
        if (!(error instanceof AlprootError)) throw error;
        return { path, verdict: error };
      }
    }),
  );
}

const SIGNATURE_BYTES = 16 * 1024;

/** A bundle is a tar that begins with its manifest. */
const BUNDLE_START = 'manifest.json\0';

function readStart(file: HostPath): string {
  const fd = openNamedFile(file);
  try {
    const bytes = Buffer.alloc(BUNDLE_START.length);
    descriptorSource(fd, file).read(bytes, 0);
    return bytes.toString('latin1');
  } finally {
    closeDescriptor(fd);
  }
}

function verifyPath(path: string, keys: TrustedKeys): Verdict {
  const file = hostPath(path);
  if (isDirectory(file)) return verifyTree(file);
  if (readStart(file) === BUNDLE_START) {
    const bundle = openBundle(file, { verify: signatureVerifier(keys) });
    bundle.close();
    return {
      kind: 'bundle',
      name: `${bundle.manifest.files.length} files`,
      signers: bundle.signedBy === undefined ? [] : [{ kind: 'key', keyName: bundle.signedBy, algorithm: 'sha256' }],
    };
  }
  const fd = openNamedFile(file);
  try {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return verifyAnyFile(descriptorSource(fd, name, { path }), {
      name,
      keys,
      pins: bundledPins(),
      signatures: signaturesBeside(path, name),
      pgp: releaseSignatureBeside(file),
    });
  } finally {
    closeDescriptor(fd);
  }
}

const SHOWN_FINDINGS = 5;

/**
 * Every file of a package is what the tree's own database says; whether that database is to be believed, --deep finds
 * out.
 */
const verifyTree = (directory: HostPath): Verdict =>
  withDatabase(directory, ({ tree, database }) => {
    const findings = auditTree(tree, database, { mode: 'packages' });
    if (findings.length === 0) return { kind: 'tree', name: `${database.packages.length} packages`, signers: [] };
    const lines = formatAudit(findings.slice(0, SHOWN_FINDINGS), { verbosity: 1, packages: false });
    throw new AlprootError(
      'ALP_VERIFY_DIGEST',
      `${findings.length} files are not what the tree's database says: ${lines.join(', ')}` +
        (findings.length > SHOWN_FINDINGS ? ' …' : ''),
      { hint: `\`alproot rootfs audit --full ${directory}\` lists them` },
    );
  });

/** `NAME.asc`, as Alpine's mirrors have it. */
function releaseSignatureBeside(file: HostPath): ReleaseSignature | undefined {
  const signature = readFileCapped(hostPath(`${file}.asc`), SIGNATURE_BYTES);
  return signature === undefined ? undefined : { signature, keys: releaseKeys(), now: Date.now() };
}

function signaturesBeside(path: string, name: string): DetachedSignature[] {
  const directory = parentOfHost(hostPath(path));
  const prefix = `${name}.rsa256.`;
  return namesOf(directory)
    .filter((entry) => entry.startsWith(prefix))
    .flatMap((entry) => {
      const bytes = readFileCapped(joinHost(directory, entry), SIGNATURE_BYTES);
      return bytes === undefined ? [] : [{ keyName: entry.slice(prefix.length), bytes }];
    });
}
