/**
 * `alproot verify --deep`: each file of a tree, or of a minirootfs, against the signed packages that its database
 * claims. Neither the database nor the archive is believed: the packages come from a mirror, are verified by their own
 * signatures, and every file of the tree has to be in one of them.
 */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { joinTree, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { showName } from '../../core/redact.ts';
import type { InstalledEntry } from '../../formats/apk/installed-db.ts';
import { branchOf, SECTIONS } from '../../formats/release/release-names.ts';
import { formatChecksum } from '../../formats/apk/package-checksum.ts';
import { closeDescriptor, descriptorSource } from '../../system/files/hashed-file.ts';
import { openNamedFile } from '../../system/files/named-file.ts';
import { isDirectory } from '../../system/files/host-paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { digestOfFile } from '../../system/tree/tree-digest.ts';
import type { TreeEntryKind } from '../../system/tree/tree-stat.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase } from '../../unpack/database.ts';
import { unpackRootfs } from '../../unpack/minirootfs-unpack.ts';
import { verifyDataMember } from '../../verify/data-member.ts';
import { verifyPackage } from '../../verify/package-file.ts';
import { chooseMirrors } from '../repository/mirrors.ts';
import { withSession, type Session } from '../session/session.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';

/**
 * `edited`: configuration below /etc, `generated`: made by apk or by scripts; these two are expected. The others are
 * not.
 */
export interface DeepFinding {
  readonly reason: 'changed' | 'missing' | 'unowned' | 'edited' | 'generated';
  readonly path: string;
  readonly package?: string;
}

export interface DeepVerdict {
  readonly packages: number;
  /** Files and links that are as a signed package has them. */
  readonly proven: number;
  readonly findings: readonly DeepFinding[];
}

/** What a package says that lies at a path: a file's SHA-1, or where a link leads. */
interface Claim {
  readonly content: string;
  readonly owner: string;
}

type Claims = Map<TreePath, Claim[]>;

/**
 * @param path a directory, or a minirootfs file
 * @throws ALP_FETCH_NOT_FOUND naming every package that no mirror has, ALP_VERIFY_*, ALP_FORMAT_*
 */
export const verifyDeep = (config: Config, path: HostPath): Promise<DeepVerdict> =>
  withSession(config, async (session) => {
    if (isDirectory(path)) return verifyTreeDeep(session, path);
    const scratch = session.store.makeTemporary('deep');
    try {
      unpackFile(path, scratch);
      return await verifyTreeDeep(session, scratch);
    } finally {
      removeTree(scratch);
    }
  });

function unpackFile(path: HostPath, into: HostPath): void {
  const fd = openNamedFile(path);
  const tree = openWorkTree(into);
  try {
    unpackRootfs(descriptorSource(fd, path), tree, { owners: 'record' });
  } finally {
    tree.close();
    closeDescriptor(fd);
  }
}

async function verifyTreeDeep(session: Session, root: HostPath): Promise<DeepVerdict> {
  const tree = openWorkTree(root);
  try {
    const { packages } = readDatabase(tree);
    if (packages.length === 0)
      throw new AlprootError(
        'ALP_VERIFY_UNKNOWN',
        'there is no package database: nothing says which packages the files are from',
      );
    const release = session.config.release ?? releaseOf(tree);
    const claims = await readClaims({ ...session, config: { ...session.config, release } }, packages);
    return { packages: packages.length, ...compareTree(tree, claims) };
  } finally {
    tree.close();
  }
}

function releaseOf(tree: WorkTree): string | undefined {
  const file = tree.resolve('etc/alpine-release' as TreePath);
  const text = tree.stat(file)?.kind === 'file' ? tree.readFile(file, limits.metadata).toString('latin1').trim() : '';
  return /^\d+\.\d+(?:\.\d+)?$/.test(text) ? text : undefined;
}

/** What all installed packages together claim. */
async function readClaims(session: Session, packages: readonly InstalledEntry[]): Promise<Claims> {
  const claims: Claims = new Map();
  const absent: string[] = [];
  for (const entry of packages)
    if (!(await addClaims(session, entry, claims))) absent.push(`${entry.record.name}-${entry.record.version}`);
  if (absent.length > 0) {
    throw new AlprootError(
      'ALP_FETCH_NOT_FOUND',
      `no mirror has ${absent.length} of the ${packages.length} packages: ${absent.sort().join(', ')}`,
      { hint: 'name a --mirror that keeps old packages', facts: { packages: absent } },
    );
  }
  return claims;
}

/** @returns false when no mirror has the package */
async function addClaims(session: Session, { record }: InstalledEntry, claims: Claims): Promise<boolean> {
  const { config, fetcher, store } = session;
  const { mirrors, release } = await chooseMirrors(session);
  const id = `${record.name}-${record.version}`;
  for (const mirror of mirrors) {
    for (const section of SECTIONS) {
      const ref = await fetcher.fetchOptional({
        base: mirror.base,
        path: `${branchOf(release)}/${section}/${config.arch}/${id}.apk`,
        maxBytes: limits.packageFile,
        label: id,
        remember: 'fixed',
      });
      const blob = ref === undefined ? undefined : store.openBlob(ref.sha256, `${id}.apk`);
      if (blob === undefined) continue;
      try {
        const { package: opened } = verifyPackage(blob, {
          keys: mirrorKeys(mirror, config.arch),
          requireSignature: true,
        });
        const [wanted, got] = [record.checksum, opened.record.checksum].map((checksum) =>
          checksum === undefined ? 'none' : formatChecksum(checksum),
        );
        // Another package of that name and version: another mirror may have the right one.
        if (wanted !== got) continue;
        if (opened.data === undefined)
          throw new AlprootError('ALP_VERIFY_UNKNOWN', `${id} is a v3 package, whose files cannot be compared yet`);
        const own = new Map<string, string>();
        verifyDataMember(blob, opened, (entry) => {
          if (entry.kind === 'directory') return;
          if (entry.kind === 'symlink') own.set(entry.path, `-> ${entry.target}`);
          else own.set(entry.path, (entry.kind === 'hardlink' ? own.get(entry.target) : entry.sha1) ?? '');
        });
        for (const [path, content] of own)
          claims.set(path as TreePath, [...(claims.get(path as TreePath) ?? []), { content, owner: id }]);
        return true;
      } finally {
        blob.close();
      }
    }
  }
  return false;
}

/** apk's own records, and what it and alproot write beside packages. */
const GENERATED = new RegExp(
  [
    String.raw`^(?:lib/apk/(?:db|exec)/|var/cache/(?:apk|misc)/|etc/apk/(?:world|repositories|arch)$`,
    String.raw`|etc/(?:shells|mtab|ld-musl-\w+\.path)$)`,
  ].join(''),
);

function contentOf(tree: WorkTree, path: TreePath, kind: TreeEntryKind): string {
  if (kind === 'symlink') return `-> ${tree.readLink(path)}`;
  return kind === 'file' ? sha1Of(tree, path) : 'special';
}

function compareTree(tree: WorkTree, claims: Claims): Pick<DeepVerdict, 'proven' | 'findings'> {
  const findings: DeepFinding[] = [];
  const met = new Set<TreePath>();
  let proven = 0;
  const resolved: Claims = new Map(
    [...claims].map(([path, list]) => [tree.resolve(path, { followLast: false }), list]),
  );
  const walk = (directory: TreePath): void => {
    for (const name of tree.list(directory)) {
      const path = joinTree(directory, name);
      const stat = tree.stat(path);
      if (stat?.kind === 'directory') walk(path);
      if (stat === undefined || stat.kind === 'directory') continue;
      met.add(path);
      const content = contentOf(tree, path, stat.kind);
      const wanted = resolved.get(path);
      if (wanted?.some((claim) => claim.content === content) === true) proven++;
      else findings.push(verifyEntry({ path, content, owner: wanted?.[0]?.owner }));
    }
  };
  walk(TREE_ROOT);
  for (const [path, [first]] of resolved)
    if (!met.has(path))
      findings.push({
        reason: 'missing',
        path: showName(path),
        ...(first === undefined ? {} : { package: first.owner }),
      });
  return { proven, findings: findings.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

function verifyEntry({
  path,
  content,
  owner,
}: {
  readonly path: TreePath;
  readonly content: string;
  readonly owner: string | undefined;
}): DeepFinding {
  const common = { path: showName(path), ...(owner === undefined ? {} : { package: owner }) };
  if (owner === undefined && (GENERATED.test(path) || /^-> \/bin\/(?:busybox|bbsuid)$/.test(content)))
    return { reason: 'generated', ...common };
  // What lies below /etc is for people to edit; programs there are not.
  if (path.startsWith('etc/') && !path.startsWith('etc/apk/keys/') && content !== 'special')
    return { reason: 'edited', ...common };
  return { reason: owner === undefined ? 'unowned' : 'changed', ...common };
}

const sha1Of = (tree: WorkTree, path: TreePath): string => digestOfFile(tree, path, 'sha1').toString('hex');
