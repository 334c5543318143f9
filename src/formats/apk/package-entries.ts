/**
 * What a package's data may hold, whatever tree it comes into: names, the order of directories and files, links,
 * checksums. Pure, and the only home of these rules: `alproot verify` applies them to nothing but the entries, and
 * installing applies them to each entry before the tree is looked at. What is refused here can be installed nowhere.
 */
import { createHash } from 'node:crypto';
import { contentHash } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { parentOf, parseTreePath, TREE_ROOT, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { TarEntry, TarSink } from '../tar/tar-entry.ts';

const DATABASE = /^lib\/apk\/(?:db|exec)\/.|^(?:usr\/)?lib\/apk\/\.alproot-undo(?:\/|$)/;
const TEMPORARY = /(?:^|\/)\.apk\.[^/]*$|\.apk-new$/;
const SETTINGS = /^etc\/apk\/(?:world|repositories|arch)$/;
const CONTROL = /^\.(?:PKGINFO|INSTALL|SIGN\..*|dummy|(?:pre|post)-(?:install|upgrade|deinstall)|trigger)$/;

export const refusal = (
  code: 'ALP_UNPACK_PATH' | 'ALP_UNPACK_LINK',
  label: string,
  path: string,
  why: string,
): AlprootError =>
  new AlprootError(code, `cannot unpack ${quoteName(path)} of ${label}: ${why}`, { facts: { package: label, path } });

export interface EntryRules {
  /**
   * The entry's path; undefined for what apk does not install: dot files of the root, `.keep_…`.
   *
   * @throws ALP_UNPACK_PATH, ALP_UNPACK_LINK, ALP_LIMIT_DEPTH; ALP_FORMAT_APK for parts of a control member;
   * ALP_VERIFY_DIGEST
   */
  readonly accept: (entry: TarEntry) => TreePath | undefined;
  /** What the package itself has at a path, of the entries accepted so far. */
  readonly kindOf: (path: TreePath) => TarEntry['kind'] | undefined;
  /** @throws ALP_VERIFY_DIGEST where the content is not what the package says */
  readonly checkContent: (entry: TarEntry, digest: Buffer) => void;
}

export interface EntryContext {
  /** `musl-1.2.4-r2` */
  readonly label: string;
  /** Of its checksums: v2 packages have SHA-1, v3 packages SHA-256, and none of links. */
  readonly algorithm: 'sha1' | 'sha256';
}

/** The rules for the entries of one package, in their order. */
export function createEntryRules({ label, algorithm }: EntryContext): EntryRules {
  const seen = new Map<TreePath, TarEntry['kind']>();

  function checkContent(entry: TarEntry, digest: Buffer): void {
    const wanted = entry[algorithm];
    if (wanted === undefined)
      throw new AlprootError('ALP_VERIFY_DIGEST', `${label}: ${quoteName(entry.path)} has no checksum`);
    if (digest.toString('hex') !== wanted)
      throw new AlprootError('ALP_VERIFY_DIGEST', `${label}: ${quoteName(entry.path)} differs from its checksum`);
  }

  function checkLink({ kind, target }: TarEntry, path: TreePath): void {
    if (kind === 'symlink' && (target === '' || target.includes('\0')))
      throw refusal('ALP_UNPACK_LINK', label, path, 'its target is empty');
    if (kind === 'hardlink' && seen.get(parseTreePath(target)) !== 'file') throw noOriginal(label, path, target);
  }

  return {
    checkContent,
    kindOf: (path) => seen.get(path),
    accept: (entry) => {
      const { kind } = entry;
      const path = parseTreePath(entry.path);
      if (checkName(path, label) === 'ignore') return undefined;
      if (seen.has(path)) throw refusal('ALP_UNPACK_PATH', label, path, 'the name comes twice');
      const parent = parentOf(path);
      if (parent !== TREE_ROOT && seen.get(parent) !== 'directory') {
        throw refusal(
          'ALP_UNPACK_PATH',
          label,
          path,
          kind === 'directory'
            ? 'the package does not ship the directory above it'
            : 'the package does not ship its directory',
        );
      }
      checkLink(entry, path);
      seen.set(path, kind);
      if (kind === 'symlink' && algorithm === 'sha1') checkContent(entry, targetDigest(entry, algorithm));
      return path;
    },
  };
}

export const noOriginal = (label: string, path: string, target: string): AlprootError =>
  refusal(
    'ALP_UNPACK_LINK',
    label,
    path,
    `a hard link must name a file of the package that came before, not ${quoteName(target)}`,
  );

/** Of a symbolic link: what stands for its content. */
export const targetDigest = ({ target }: TarEntry, algorithm: EntryContext['algorithm']): Buffer =>
  createHash(algorithm).update(Buffer.from(target, 'latin1')).digest();

/** Where the content of an entry goes that is checked and kept nowhere. @throws as the rules */
export function checkedEntry(rules: EntryRules, entry: TarEntry, { algorithm }: EntryContext): TarSink | undefined {
  if (rules.accept(entry) === undefined || entry.kind !== 'file') return undefined;
  const hash = contentHash(algorithm, entry.sizeBytes);
  return { write: hash.update, close: () => rules.checkContent(entry, hash.digest()) };
}

/** Reserved names. */
function checkName(path: TreePath, label: string): 'install' | 'ignore' {
  if (CONTROL.test(path)) throw new AlprootError('ALP_FORMAT_APK', `${label}: ${quoteName(path)} in the data member`);
  if (DATABASE.test(path))
    throw refusal('ALP_UNPACK_PATH', label, path, 'this name is reserved for the package database');
  if (TEMPORARY.test(path))
    throw refusal('ALP_UNPACK_PATH', label, path, 'this name is reserved for files being installed');
  if (SETTINGS.test(path) && !label.startsWith('alpine-'))
    throw refusal('ALP_UNPACK_PATH', label, path, "only the base system may ship apk's settings");
  if (path.startsWith('.') || /(?:^|\/)\.keep_[^/]+$/.test(path)) return 'ignore';
  return 'install';
}
