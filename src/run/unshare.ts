/**
 * util-linux's unshare, with or without a user namespace. The mounts are made by a fixed shell script, a constant of
 * ours; every path reaches it as an argument of its own, none is ever read as script. Then `unshare --root` changes
 * root, directory and user, and starts the command.
 */
import type { Compile } from './compiled.ts';
import { HOST_ENV, KEPT_CAPABILITIES } from './compiled.ts';
import type { RunDescription } from '../core/run.ts';
import type { MountOp } from './mount-plan.ts';

/** Arguments: mount, root directory, then steps up to `--`, then the command that takes over. */
const SCRIPT = `
set -e
mount=$1 root=$2
shift 2
readonly_bind() {
  "$mount" --bind "$1" "$2"
  "$mount" -o remount,bind,ro "$2" 2>/dev/null || "$mount" -o remount,bind,ro,nosuid,nodev "$2" 2>/dev/null || "$mount" -o remount,bind,ro,nosuid,nodev,relatime "$2"
}
place() {
  case $1 in
    directory) [ -d "$2" ] || mkdir -p "$2" ;;
    file) [ -e "$2" ] || : >"$2" ;;
  esac
}
while [ "$1" != -- ]; do
  case $1 in
    tmpfs) place directory "$root$2"; "$mount" -t tmpfs -o "mode=$3,nosuid,nodev" tmpfs "$root$2"; shift 3 ;;
    write) place "$4" "$root$3"; "$mount" --bind "$2" "$root$3"; shift 4 ;;
    read) place "$4" "$root$3"; readonly_bind "$2" "$root$3"; shift 4 ;;
    symlink) ln -s "$2" "$root$3"; shift 3 ;;
    mkdir) mkdir -p "$root$2"; shift 2 ;;
    proc) "$mount" -t proc -o nosuid,nodev,noexec proc "$root/proc" 2>/dev/null || "$mount" --rbind /proc "$root/proc"; shift ;;
    dev)
      "$mount" -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
      for name in null zero full random urandom tty; do
        : >"$root/dev/$name"
        "$mount" --bind "/dev/$name" "$root/dev/$name"
      done
      ln -s /proc/self/fd "$root/dev/fd"
      ln -s /proc/self/fd/0 "$root/dev/stdin"
      ln -s /proc/self/fd/1 "$root/dev/stdout"
      ln -s /proc/self/fd/2 "$root/dev/stderr"
      mkdir "$root/dev/shm" "$root/dev/pts"
      "$mount" -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
      "$mount" -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts" 2>/dev/null || :
      ln -s pts/ptmx "$root/dev/ptmx"
      shift
      ;;
    seal) "$mount" -o remount,bind,ro,nosuid,nodev "$root/"; shift ;;
  esac
done
shift
exec "$@"
`;

/** @param options.userNamespace maps the caller to root of a new user namespace; otherwise real root is needed */
export const compileUnshare = ({ userNamespace }: { readonly userNamespace: boolean }): Compile => (description, plan, host) => {
  const unshare = host.tools.unshare ?? 'unshare';
  const root = host.scratch();
  const argv = [
    ...(host.tools.setpriv === undefined ? [] : [host.tools.setpriv, '--pdeathsig', 'KILL', '--']),
    unshare,
    ...(userNamespace ? ['--user', '--map-root-user'] : []),
    '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--ipc', '--uts',
    ...(description.network === 'none' ? ['--net'] : []),
    '--', host.tools.sh ?? '/bin/sh', '-c', SCRIPT, 'alproot',
    host.tools.mount ?? '/bin/mount', root,
    ...plan.ops.flatMap(stepArguments), ...(plan.ops[0]?.op === 'tmpfs' ? ['seal'] : []), '--',
    ...(host.tools.setpriv === undefined ? [] : [host.tools.setpriv, `--bounding-set=-all,${KEPT_CAPABILITIES.map((name) => `+${name.slice(4).toLowerCase()}`).join(',')}`, '--']),
    host.tools.env ?? '/usr/bin/env', '-i', ...Object.entries(description.env).map(([name, value]) => `${name}=${value}`),
    ...become(description.user, { unshare, setpriv: host.tools.setpriv, userNamespace }), '--root', root, '--wd', description.cwd,
    '--', ...description.argv,
  ];
  return { argv, env: HOST_ENV };
};

interface Tools {
  readonly unshare: string;
  readonly setpriv: string | undefined;
  readonly userNamespace: boolean;
}

/** Of a namespace with one user, another one is had by a second namespace that renames it. Real groups are set before unshare, which only drops them. */
function become({ uid, gid, groups = [] }: RunDescription['user'], { unshare, setpriv, userNamespace }: Tools): string[] {
  if (uid === 0 && gid === 0) return [unshare];
  if (userNamespace) return [unshare, '--user', `--map-user=${uid}`, `--map-group=${gid}`];
  if (groups.length === 0 || setpriv === undefined) return [unshare, '--setgid', String(gid), '--setuid', String(uid)];
  return [setpriv, `--regid=${gid}`, `--groups=${groups.join(',')}`, '--', unshare, '--setuid', String(uid)];
}

function stepArguments(op: MountOp): string[] {
  switch (op.op) {
    case 'tmpfs':
      return ['tmpfs', op.at, op.at === '/tmp' ? '1777' : '0755'];
    case 'bind':
      return [op.writable ? 'write' : 'read', op.source, op.at, op.kind];
    case 'symlink':
      return ['symlink', op.target, op.at];
    case 'mkdir':
      return ['mkdir', op.at];
    case 'proc':
    case 'dev':
      return [op.op];
  }
}
