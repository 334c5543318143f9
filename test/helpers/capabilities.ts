/**
 * What a test needs of its machine. A test without its capability is skipped with the reason, unless
 * ALPROOT_MUST lists the capability: then it runs, and fails.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The real data beside the checkout. */
export const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared');

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

const PROBES = {
  upstream: () => existsSync(join(SHARED, 'upstream')) && existsSync(join(SHARED, 'conformance')),
  bwrap: () => works('bwrap', '--ro-bind', '/', '/', '--unshare-all', 'true'),
  userns: () => works('unshare', '--user', '--map-root-user', '--mount', 'true'),
  overlay: () =>
    works(
      'unshare',
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-ec',
      'd=$(mktemp -d); trap "rm -rf $d" EXIT; mkdir $d/l $d/u $d/w $d/m; mount -t overlay -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w,userxattr,volatile" overlay $d/m; echo > $d/m/x; umount $d/m',
    ),
  proot: () => works('proot', '-0', 'true'),
  chroot: () => process.getuid?.() === 0 && works('unshare', '--mount', 'true'),
  gpg: () => works('gpg', '--version'),
  gcc: () => works('gcc', '--version'),
  /** The kernel lets a program type into its terminal: without that nothing can be shown. */
  tiocsti: () =>
    existsSync('/proc/sys/dev/tty/legacy_tiocsti') &&
    readFileSync('/proc/sys/dev/tty/legacy_tiocsti', 'utf8').trim() === '1',
  git: () => works('git', '--version'),
  /** A file system without links of either kind, without owners and modes, to which case means nothing. */
  exfat: () =>
    process.getuid?.() === 0 &&
    existsSync('/dev/fuse') &&
    works('sh', '-c', 'command -v mkfs.exfat && command -v mount.exfat-fuse && losetup -f'),
  tmux: () => works('tmux', '-V'),
  strace: () => works('strace', '-e', 'trace=none', 'true'),
  gvisor: () => works('runsc', '--version'),
  apt: () => works('dpkg-deb', '--version') && works('apt-cache', 'show', 'musl-dev'),
} as const satisfies Record<string, () => boolean>;

export type Capability = keyof typeof PROBES;

/**
 * Whether to run what needs all of `names`; `skip` is for `it.skipIf` and `describe.skipIf`, `reason` for its title.
 */
export function capability(...names: readonly Capability[]): { readonly skip: boolean; readonly reason: string } {
  const must = (process.env['ALPROOT_MUST'] ?? '').split(',');
  const missing = names.filter((name) => !must.includes(name) && !PROBES[name]());
  return { skip: missing.length > 0, reason: missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : '' };
}
