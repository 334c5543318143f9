/**
 * What is injected for a command that has the network, so that `curl` in the tree works where it works on the host:
 * name service, CA certificates, proxy variables. Nothing of it stays in the tree.
 */
import { joinHost, parentOf, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import { errnoOf, isAlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Mount } from '../core/run-description.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

export interface InjectedNetworkFiles {
  /** PEM of the CA certificates that the user adds to those of the tree; '' for none. */
  readonly added: string;
  /** PEM of all CA certificates, for a tree without any. */
  readonly all: () => string;
  /** Proxy variables, in both spellings. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Where programs look for CA certificates: OpenSSL and curl, libressl and busybox. One is often a link to the other.
 */
const CERTIFICATE_FILES = ['etc/ssl/certs/ca-certificates.crt', 'etc/ssl/cert.pem'].map(treePathFromUser);
const NAME_SERVICE = ['etc/resolv.conf', 'etc/hosts'];

export interface InjectedFile {
  /** Free of links. */
  readonly path: TreePath;
  readonly bytes: Buffer;
  /** What is there without the injection. */
  readonly original: Buffer | undefined;
}

const BEGIN = '\n# injected by alproot for one command\n';

/** Certificate files as the command is to see them; those that need no change are left out. */
export function certificateFiles(tree: WorkTree, { added, all }: InjectedNetworkFiles): InjectedFile[] {
  const paths = [...new Set(CERTIFICATE_FILES.map((path) => tree.resolve(path)))];
  return paths.flatMap((path) => {
    const kind = tree.stat(path)?.kind;
    if (kind !== undefined && kind !== 'file') return [];
    const original = kind === undefined ? undefined : tree.readFile(path, limits.packageFile);
    if (original !== undefined && added === '') return [];
    return [
      {
        path,
        original,
        bytes: Buffer.concat([
          original ?? Buffer.alloc(0),
          Buffer.from(`${BEGIN}${original === undefined ? all() : added}\n`),
        ]),
      },
    ];
  });
}

/** An injected file as the command left it, without what was injected. */
export function withoutInjected(now: Buffer, { bytes, original }: InjectedFile): Buffer {
  const at = now.indexOf(bytes.subarray(original?.length ?? 0));
  return at < 0
    ? now
    : Buffer.concat([now.subarray(0, at), now.subarray(at + bytes.length - (original?.length ?? 0))]);
}

/** The host's name service, copied so that nobody writes to the host's. @param scratch private to the command */
export function nameServiceFiles(scratch: HostPath): { readonly target: TreePath; readonly source: HostPath }[] {
  return NAME_SERVICE.flatMap((name) => {
    const bytes = readIfAllowed(`/${name}` as HostPath);
    if (bytes === undefined) return [];
    const source = joinHost(scratch, 'injected', name);
    writeFileAtomic(source, bytes, { mode: 0o644 });
    return [{ target: treePathFromUser(name), source }];
  });
}

/** undefined also for a file that is closed to us: programs of the host cannot read it either. */
function readIfAllowed(path: HostPath): Buffer | undefined {
  try {
    return readFileCapped(path, limits.metadata);
  } catch (error) {
    if (isAlprootError(error) && errnoOf(error.cause) === 'EACCES') return undefined;
    throw error;
  }
}

/** Everything as mounts, for a command that cannot change the tree or whose tree is thrown away. */
export function injectedMounts(tree: WorkTree, injection: InjectedNetworkFiles, scratch: HostPath): Mount[] {
  const certificates = certificateFiles(tree, injection).map(({ path, bytes }) => {
    const source = joinHost(scratch, 'injected', path);
    writeFileAtomic(source, bytes, { mode: 0o644 });
    return { target: path, source };
  });
  return [...nameServiceFiles(scratch), ...certificates]
    .map(({ target, source }) => ({ kind: 'bind' as const, source, target: tree.resolve(target), writable: false }))
    .filter(({ target }) => canHold(tree, target));
}

/** Nothing but a directory lies on the way. */
function canHold(tree: WorkTree, target: TreePath): boolean {
  const kind = tree.stat(target)?.kind;
  if (kind !== undefined) return kind === 'file';
  for (let at = parentOf(target); at !== ''; at = parentOf(at)) {
    const found = tree.stat(at)?.kind;
    if (found !== undefined) return found === 'directory';
  }
  return true;
}

/** The injected variables, without those that `given` sets in either spelling. */
export function injectedEnv(
  { env }: InjectedNetworkFiles,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const taken = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !taken.has(name.toLowerCase())));
}
