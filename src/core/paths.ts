/**
 * Two kinds of path that must never be mixed.
 *
 * A `HostPath` is an ordinary absolute path of the host. A `TreePath` names something inside a tree: relative,
 * no leading or trailing slash, no empty, `.` or `..` component; the root itself is ''. It holds one character
 * for each byte (latin1), since names in packages are bytes: comparing strings compares bytes, and nothing is
 * lost on the way. `treePathBytes` gives the bytes back; `showName` in redact.ts makes it readable.
 */
import { AlprootError } from './errors.ts';
import { limits } from './limits.ts';
import { quoteName } from './redact.ts';

export type HostPath = string & { readonly __path: 'host' };
export type TreePath = string & { readonly __path: 'tree' };

export const TREE_ROOT = '' as TreePath;

/** What Node makes of bytes that are not UTF-8: another path than was meant. */
const REPLACEMENT = '\ufffd';

/** Asserts that `path` is absolute, free of NUL, and was UTF-8. @throws ALP_USAGE_ARGUMENT */
export function hostPath(path: string): HostPath {
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new AlprootError('ALP_USAGE_ARGUMENT', `expected an absolute path, got ${quoteName(path)}`);
  }
  if (path.includes(REPLACEMENT))
    throw new AlprootError('ALP_USAGE_ARGUMENT', `${quoteName(path)} has a name that is not UTF-8`, {
      hint: 'rename it, or use a link to it that has another name',
    });
  return path as HostPath;
}

/** `base` and further components, joined by slashes. Parts may themselves contain slashes. */
export function joinHost(base: HostPath, ...parts: readonly string[]): HostPath {
  const tail = parts.filter((part) => part !== '').join('/');
  if (tail === '') return base;
  return `${base === '/' ? '' : base}/${tail}` as HostPath;
}

/**
 * Checks a name from an archive, an index or a user against the grammar above. Names are taken as they are:
 * nothing is normalised, a name that needs it is refused.
 *
 * @param name one character per byte
 * @throws ALP_UNPACK_PATH for an absolute, empty, dotted, over-long or control-character name
 * @throws ALP_LIMIT_DEPTH for more components than `limits.pathDepth`
 */
export function parseTreePath(name: string): TreePath {
  const refuse = (why: string): never => {
    throw new AlprootError('ALP_UNPACK_PATH', `illegal path ${quoteName(name)}: ${why}`);
  };
  if (name === '') refuse('empty');
  if (name.length > limits.pathBytes) refuse(`longer than ${limits.pathBytes} bytes`);
  if (name.charCodeAt(0) === 0x2f) refuse('absolute');
  if (/[\x00-\x1f\x7f]/.test(name)) refuse('control character');
  if (/[^\x00-\xff]/.test(name)) refuse('not bytes');
  let depth = 0;
  for (const part of name.split('/')) {
    if (part === '') refuse('empty component');
    if (part === '.' || part === '..') refuse(`component \`${part}\``);
    if (part.length > 255) refuse('component longer than 255 bytes');
    if (++depth > limits.pathDepth) {
      throw new AlprootError(
        'ALP_LIMIT_DEPTH',
        `path ${quoteName(name)} has more than ${limits.pathDepth} components`,
      );
    }
  }
  return name as TreePath;
}

/** A tree path from text typed by a user (UTF-8), with leading slashes and `.` components dropped. */
export function treePathFromUser(text: string): TreePath {
  const parts = Buffer.from(text, 'utf8')
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? TREE_ROOT : parseTreePath(parts.join('/'));
}

export const treePathBytes = (path: TreePath): Buffer => Buffer.from(path, 'latin1');

export const joinTree = (base: TreePath, name: string): TreePath =>
  (base === '' ? name : `${base}/${name}`) as TreePath;

/** The containing directory; the root's is the root. */
export function parentOf(path: TreePath): TreePath {
  const cut = path.lastIndexOf('/');
  return (cut < 0 ? '' : path.slice(0, cut)) as TreePath;
}

/** The last component. */
export const nameOf = (path: TreePath): string => path.slice(path.lastIndexOf('/') + 1);

/** The path as programs inside the tree see it. */
export const insidePath = (path: TreePath): string => `/${Buffer.from(path, 'latin1').toString('utf8')}`;

/** The containing directory of a host path, by its text. */
export const parentOfHost = (path: HostPath): HostPath =>
  (path.slice(0, Math.max(1, path.lastIndexOf('/'))) || '/') as HostPath;
