/**
 * The CA certificates that count for TLS, and where each comes from: Mozilla's list as alproot ships it, what
 * `--ca-file` names, what the usual variables name, and the host's own store. Each adds to the others, none takes any
 * away. TLS keeps what is fetched private; that it is right is proven by signatures.
 */
import { X509Certificate } from 'node:crypto';
import type { Config } from '../../core/config.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { packageRoot } from '../../system/files/assets.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { hostFailure } from '../../core/file-error.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { exists, isDirectory, isFile, linkTarget, realPath } from '../../system/files/host-paths.ts';

const PEM_BYTES = 4 * 1024 * 1024;
const DIRECTORY_FILES = 4096;

/**
 * Where distributions keep theirs: the first of the files, which their tools make of all there are; where there is
 * none, the directories, whose many small files take ten times as long to read.
 *
 * @see Go 1.22 src/crypto/x509/root_linux.go
 */
const STORE_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
const STORE_DIRECTORIES = ['/etc/ssl/certs', '/etc/pki/tls/certs'];
export const HOST_STORE = "this host's store";

export interface CaSource {
  readonly path: HostPath;
  /** `--ca-file`, names of variables, `HOST_STORE`. */
  readonly namedBy: readonly string[];
  /** Certificates in it. */
  readonly count: number;
  /** PEM texts of those that no earlier source has. */
  readonly added: readonly string[];
  /** What in it does not count, and why. */
  readonly failures: readonly string[];
}

export interface CaCertificates {
  /** PEM texts of Mozilla's list. */
  readonly bundled: readonly string[];
  /** In the order in which they were asked. */
  readonly sources: readonly CaSource[];
}

interface Place {
  readonly path: HostPath;
  readonly namedBy: readonly string[];
}

/**
 * Reads all of them.
 *
 * @throws ALP_USAGE_OPTION for a `--ca-file` that holds none; what else cannot be used is a failure of its source
 */
export function readCaCertificates({ caFiles, hostCa }: Config): CaCertificates {
  const bundled = certificatesIn(joinHost(packageRoot(), 'keys', 'ca-certificates.pem'));
  const known = new Set(bundled.map(bodyOf));
  const given = caFiles.map((path) => requireCaSource(path, known));
  const named = merge(hostCa?.named ?? []).map((place) => readPlace(place, known));
  const store = hostCa?.store === true ? storePlaces().map((place) => readPlace(place, known)) : [];
  return { bundled, sources: [...given, ...named, ...store] };
}

/** What the user and the host add to Mozilla's list. */
export const addedCertificates = ({ sources }: CaCertificates): string[] => sources.flatMap(({ added }) => added);

export const allCertificates = (found: CaCertificates): string[] => [...found.bundled, ...addedCertificates(found)];

/** One path named twice is read once. */
function merge(places: readonly { readonly path: HostPath; readonly variable: string }[]): Place[] {
  const paths = [...new Set(places.map(({ path }) => path))];
  return paths.map((path) => ({
    path,
    namedBy: places.filter((other) => other.path === path).map(({ variable }) => variable),
  }));
}

function storePlaces(): Place[] {
  const file = STORE_FILES.find(isFile);
  const places =
    file === undefined ? new Set(STORE_DIRECTORIES.filter(isDirectory).map((path) => realPath(path) ?? path)) : [file];
  return [...places].map((path) => ({ path: path as HostPath, namedBy: [HOST_STORE] }));
}

interface Read {
  readonly files: readonly { readonly path: HostPath; readonly found: readonly string[] }[];
  readonly failures?: readonly string[];
  /** Bodies of certificates that count already; added to. */
  readonly known: Set<string>;
}

/** A file, or a directory of files. */
function readPlace(place: Place, known: Set<string>): CaSource {
  const { path } = place;
  const isStore = place.namedBy.includes(HOST_STORE);
  try {
    if (!exists(path)) return sourceOf(place, { files: [], failures: ['does not exist'], known });
    if (!isDirectory(path)) {
      const found = certificatesIn(path);
      return sourceOf(place, {
        files: [{ path, found }],
        failures: found.length === 0 ? ['holds no certificate (BEGIN CERTIFICATE)'] : [],
        known,
      });
    }
    const { files, failures } = readDirectory(path);
    const none =
      files.length === 0 && !isStore
        ? ['holds no file with a certificate (*.pem, *.crt, *.cer or a hash such as 1a2b3c4d.0)']
        : [];
    // What lies in the host's directories beside certificates is nobody's mistake: keys that are closed to us, for
    // one.
    return sourceOf(place, { files, failures: isStore ? [] : [...failures, ...none], known });
  } catch (error) {
    return sourceOf(place, { files: [], failures: [reasonOf(error)], known });
  }
}

function readDirectory(directory: HostPath): { readonly files: Read['files']; readonly failures: readonly string[] } {
  const failures: string[] = [];
  const files = namesOf(directory)
    .filter((name) => /\.(?:pem|crt|cer)$|^[\da-f]{8}\.\d+$/.test(name))
    .slice(0, DIRECTORY_FILES)
    .flatMap((name) => {
      const path = joinHost(directory, name);
      // Hashed names are links to their neighbours, which are read as such.
      if (linkTarget(path)?.includes('/') === false || !isFile(path)) return [];
      try {
        const found = certificatesIn(path);
        return found.length === 0 ? [] : [{ path, found }];
      } catch (error) {
        failures.push(`${name}: ${reasonOf(error)}`);
        return [];
      }
    });
  return { files, failures };
}

function sourceOf({ path, namedBy }: Place, { files, failures = [], known }: Read): CaSource {
  const broken: string[] = [];
  const added = files.flatMap(({ path: file, found }) =>
    found.filter((pem) => {
      const body = bodyOf(pem);
      if (known.has(body)) return false;
      known.add(body);
      if (isCertificate(pem)) return true;
      broken.push(`${file === path ? '' : `${file.slice(path.length + 1)}: `}a certificate that cannot be read`);
      return false;
    }),
  );
  const count = files.reduce((sum, { found }) => sum + found.length, 0) - broken.length;
  return { path, namedBy, count, added, failures: [...failures, ...new Set(broken)] };
}

/** What tells certificates apart. */
const bodyOf = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s+/g, '');

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

const reasonOf = (error: unknown): string => {
  const known = hostFailure(error);
  if (isAlprootError(known)) return known.message;
  throw error;
};

/** @throws ALP_USAGE_OPTION when it does not exist, or holds none */
function requireCaSource(path: HostPath, known: Set<string>): CaSource {
  if (!exists(path)) throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(path)} does not exist`);
  const source = sourceOf({ path, namedBy: ['--ca-file'] }, { files: [{ path, found: certificatesIn(path) }], known });
  if (source.count === 0)
    throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(path)} holds no certificate`, {
      hint: '--ca-file takes PEM files (BEGIN CERTIFICATE)',
    });
  return source;
}

const certificatesIn = (path: HostPath): string[] =>
  (readFileCapped(path, PEM_BYTES)?.toString('latin1') ?? '').match(
    /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g,
  ) ?? [];
