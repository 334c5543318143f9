/** Mounts of the host as this process sees them, where they decide whether a program can be started. */
import { readFileSync, realpathSync } from 'node:fs';

interface MountLine {
  readonly id: string;
  readonly parent: string;
  readonly point: string;
  readonly options: readonly string[];
}

/**
 * The mount that forbids programs to be started from `path`, which exists.
 *
 * @returns its mount point; undefined where programs may be started, or where /proc does not tell
 */
export function noexecMountOf(path: string): string | undefined {
  try {
    const mount = mountOf(realpathSync(path), parseMounts(readFileSync('/proc/self/mountinfo', 'latin1')));
    return mount?.options.includes('noexec') === true ? mount.point : undefined;
  } catch {
    return undefined;
  }
}

/** @see proc_pid_mountinfo(5): id, parent, device, root, mount point, options of the mount */
const parseMounts = (text: string): MountLine[] =>
  text.split('\n').flatMap((line) => {
    const [id, parent, , , point, options] = line.split(' ');
    if (id === undefined || parent === undefined || point === undefined || options === undefined) return [];
    return [{ id, parent, point: unescape(point), options: options.split(',') }];
  });

/** Space, tab, newline and backslash stand as octal numbers; the bytes are UTF-8. */
const unescape = (word: string): string =>
  Buffer.from(
    word.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    'latin1',
  ).toString('utf8');

/** Goes down from the root as a lookup of the path does, so that what a later mount hides does not count. */
function mountOf(path: string, mounts: readonly MountLine[]): MountLine | undefined {
  let found = mounts.find(({ point, parent }) => point === '/' && !mounts.some(({ id }) => id === parent));
  for (let next = found; next !== undefined; next = nextBelow(next, path, mounts)) found = next;
  return found;
}

function nextBelow(above: MountLine, path: string, mounts: readonly MountLine[]): MountLine | undefined {
  const below = mounts.filter(
    ({ id, parent, point }) => id !== above.id && parent === above.id && isAtOrBelow(path, point),
  );
  return below.sort((a, b) => a.point.length - b.point.length)[0];
}

const isAtOrBelow = (path: string, directory: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory}/`);
