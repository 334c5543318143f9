/**
 * What a bundle says of itself: its lock, and for each file of the mirror that it stands for the blob that holds it.
 * Untrusted until every blob was hashed; names in it only ever select blobs, they never become paths.
 */
import type { Sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { parseStrictJson, strictFields, type StrictFields } from './json-fields.ts';
import { parseLockFields } from './lockfile-reader.ts';
import { lockObject, type Lock } from './lockfile.ts';

export const BUNDLE_VERSION = 1;

export interface BundleFile {
  /** Below the mirror: `v3.19/main/x86_64/APKINDEX.tar.gz`. */
  readonly path: string;
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
}

export interface BundleKey {
  /** As signatures name it: `me@example.org-5f3c2d1a.rsa.pub`. */
  readonly name: string;
  readonly pem: string;
}

export interface BundleManifest {
  readonly lock: Lock;
  readonly files: readonly BundleFile[];
  /** Keys of the mirror it was made from; they count only when a key that is trusted already signed the manifest. */
  readonly keys: readonly BundleKey[];
  /** Files of alproot itself, unpacked by `tar` where they are needed: `tool/alproot`. */
  readonly tool: readonly BundleFile[];
}

const FILE_PATH = /^(?!.*(?:^|\/)\.\.?(?:\/|$))[A-Za-z0-9_.+~@:-]+(?:\/[A-Za-z0-9_.+~@:-]+)*$/;
const TOOL_PATH = /^tool\/(?!\.\.?$)[A-Za-z0-9_.+-]{1,80}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const KEY_NAME = /^[\w.@+-]{1,128}$/;
const PEM = /^-----BEGIN PUBLIC KEY-----[\sA-Za-z0-9+/=]+-----END PUBLIC KEY-----\s*$/;

/** The manifest's text; the same bytes for the same content. */
export function formatBundleManifest({ lock, files, keys, tool }: BundleManifest): string {
  const entry = ({ path, sha256, sizeBytes }: BundleFile): Record<string, unknown> => ({
    path,
    size: sizeBytes,
    sha256,
  });
  const sorted = (list: readonly BundleFile[]): Record<string, unknown>[] =>
    [...list].sort((a, b) => (a.path < b.path ? -1 : 1)).map(entry);
  const named = [...keys].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, pem }) => ({ name, pem }));
  const manifest = {
    bundle: BUNDLE_VERSION,
    lock: lockObject(lock),
    files: sorted(files),
    keys: named,
    tool: sorted(tool),
  };
  return `${JSON.stringify(manifest, undefined, 1)}\n`;
}

/** @throws ALP_FORMAT_LOCK naming the field, ALP_USAGE_VERSION for a newer format */
export function parseBundleManifest(text: string): BundleManifest {
  const value = parseStrictJson('the manifest of the bundle', text);
  const version = typeof value === 'object' && value !== null && 'bundle' in value ? value.bundle : undefined;
  if (typeof version === 'number' && version > BUNDLE_VERSION) {
    throw new AlprootError(
      'ALP_USAGE_VERSION',
      `the bundle has format ${version}, this alproot knows ${BUNDLE_VERSION}`,
      { hint: 'update alproot' },
    );
  }
  const fields = strictFields(value, 'bundle', ['bundle', 'lock', 'files', 'keys', 'tool']);
  if (fields.count('bundle', BUNDLE_VERSION) !== BUNDLE_VERSION) fields.fail('bundle', `expected ${BUNDLE_VERSION}`);
  const files = fields.objects('files', ['path', 'size', 'sha256']).map((entry) => fileOf(entry, FILE_PATH));
  const tool = fields.objects('tool', ['path', 'size', 'sha256']).map((entry) => fileOf(entry, TOOL_PATH));
  const paths = [...files, ...tool].map(({ path }) => path);
  if (new Set(paths).size !== paths.length) fields.fail('files', 'a path is there twice');
  return {
    lock: parseLockFields((value as { lock?: unknown }).lock),
    files,
    tool,
    keys: fields
      .objects('keys', ['name', 'pem'])
      .map((entry) => ({ name: entry.text('name', KEY_NAME), pem: entry.text('pem', PEM) })),
  };
}

function fileOf(fields: StrictFields, grammar: RegExp): BundleFile {
  return {
    path: fields.text('path', grammar),
    sizeBytes: fields.count('size', limits.packageFile),
    sha256: fields.text('sha256', SHA256) as Sha256Hex,
  };
}
