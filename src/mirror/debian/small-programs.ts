/**
 * Programs that Alpine has and Debian's busybox and musl packages lack, written for any POSIX shell: user and group
 * administration with the options that Dockerfiles use, and musl's little tools.
 */
import type { Arch } from '../../core/package.ts';
import type { TarItem } from '../../formats/tar-writer.ts';
import { textFile } from './recipe.ts';

const program = (path: string, text: string): TarItem => textFile(path, `#!/bin/sh\n${text}`, 0o755);

/** Shared by the four: the next free id from 100 (system) or 1000, and atomic changes of a database. */
const COMMON = `set -e
die() { echo "\${0##*/}: $*" >&2; exit 1; }
has() { grep -q "^$2:" "/etc/$1"; }
taken() { cut -d: -f3 "/etc/$1" | grep -qx "$2"; }
free() { id=$2; while taken "$1" "$id"; do id=$((id + 1)); done; echo "$id"; }
gid_of() { sed -n "s/^$1:[^:]*:\\([0-9]*\\):.*/\\1/p" /etc/group; }
name_ok() { case "$1" in ''|-*|*[!A-Za-z0-9._-]*) die "bad name '$1'";; esac; }
edit() { sed "$2" "/etc/$1" > "/etc/$1.new" && cat "/etc/$1.new" > "/etc/$1" && rm "/etc/$1.new"; }
join() { has group "$2" || die "unknown group $2"
  line=$(grep "^$2:" /etc/group); members=\${line##*:}
  case ",$members," in *",$1,"*) return;; esac
  edit group "s/^\\($2:.*:\\)\\(.*\\)\\$/\\1\${members:+$members,}$1/"; }
`;

const ADDGROUP = `${COMMON}gid=; system=
while getopts 'g:S' o; do case $o in g) gid=$OPTARG;; S) system=1;; *) exit 1;; esac; done
shift $((OPTIND - 1))
if [ $# -eq 2 ]; then has passwd "$1" || die "unknown user $1"; join "$1" "$2"; exit 0; fi
[ $# -eq 1 ] || die 'usage: addgroup [-g GID] [-S] [USER] GROUP'
name_ok "$1"; has group "$1" && die "group '$1' in use"
if [ -n "$gid" ]; then taken group "$gid" && die "gid '$gid' in use"
elif [ -n "$system" ]; then gid=$(free group 100); else gid=$(free group 1000); fi
echo "$1:x:$gid:" >> /etc/group
`;

const ADDUSER = `${COMMON}home=; gecos=; shell=; group=; system=; nohome=; uid=; nopass=
while getopts 'h:g:s:G:SDHu:k:' o; do case $o in
h) home=$OPTARG;; g) gecos=$OPTARG;; s) shell=$OPTARG;; G) group=$OPTARG;; S) system=1;; D) nopass=1;; H) nohome=1;; u) uid=$OPTARG;; k) :;; *) exit 1;; esac; done
shift $((OPTIND - 1))
if [ $# -eq 2 ]; then has passwd "$1" || die "unknown user $1"; join "$1" "$2"; exit 0; fi
[ $# -eq 1 ] || die 'usage: adduser [-h DIR] [-g GECOS] [-s SHELL] [-G GROUP] [-S] [-D] [-H] [-u UID] USER [GROUP]'
name_ok "$1"; has passwd "$1" && die "user '$1' in use"
if [ -n "$uid" ]; then taken passwd "$uid" && die "uid '$uid' in use"
elif [ -n "$system" ]; then uid=$(free passwd 100); else uid=$(free passwd 1000); fi
if [ -n "$group" ]; then gid=$(gid_of "$group"); [ -n "$gid" ] || die "unknown group $group"
elif [ -n "$system" ]; then gid=65533
else gid=$uid; taken group "$gid" && gid=$(free group 1000); has group "$1" && die "group '$1' in use"; echo "$1:x:$gid:" >> /etc/group; fi
: "\${home:=/home/$1}"
if [ -z "$shell" ]; then if [ -n "$system" ]; then shell=/sbin/nologin; else shell=/bin/sh; fi; fi
[ -n "$gecos" ] || gecos="Linux User"
echo "$1:x:$uid:$gid:$gecos:$home:$shell" >> /etc/passwd
[ ! -f /etc/shadow ] || echo "$1:!:0:0:99999:7:::" >> /etc/shadow
if [ -z "$nohome" ] && [ ! -e "$home" ]; then mkdir -p "$home"; [ ! -d /etc/skel ] || cp -R /etc/skel/. "$home"; chown -R "$uid:$gid" "$home"; chmod 2755 "$home"; fi
[ -z "$group" ] || join "$1" "$group"
`;

const DELGROUP = `${COMMON}
if [ $# -eq 2 ]; then has group "$2" || die "unknown group $2"
  line=$(grep "^$2:" /etc/group); rest=$(echo "\${line##*:}" | tr ',' '\\n' | grep -vx "$1" | paste -s -d, - || true)
  edit group "s/^\\($2:.*:\\).*/\\1$rest/"; exit 0; fi
[ $# -eq 1 ] || die 'usage: delgroup [USER] GROUP'
has group "$1" || die "unknown group $1"
edit group "/^$1:/d"
`;

const DELUSER = `${COMMON}remove=
[ "$1" != --remove-home ] || { remove=1; shift; }
[ $# -ge 1 ] || die 'usage: deluser [--remove-home] USER [GROUP]'
[ $# -eq 1 ] || exec delgroup "$1" "$2"
has passwd "$1" || die "unknown user $1"
home=$(sed -n "s/^$1:.*:\\(.*\\):.*/\\1/p" /etc/passwd)
edit passwd "/^$1:/d"; [ ! -f /etc/shadow ] || edit shadow "/^$1:/d"
! has group "$1" || edit group "/^$1:/d"
edit group "s/\\([:,]\\)$1,/\\1/; s/,$1\\$//; s/:$1\\$/:/"
[ -z "$remove" ] || [ -z "$home" ] || rm -rf "$home"
`;

/** adduser, addgroup, deluser and delgroup, as busybox has them in Alpine. */
export const busyboxScripts = (): readonly TarItem[] => [
  program('usr/sbin/adduser', ADDUSER), program('usr/sbin/addgroup', ADDGROUP),
  program('usr/sbin/deluser', DELUSER), program('usr/sbin/delgroup', DELGROUP),
];

const GETENT = `db=$1; [ $# -ge 1 ] || { echo 'usage: getent DATABASE [KEY...]' >&2; exit 1; }; shift
case $db in passwd|group|shadow|hosts|services|protocols|networks|ethers) ;; *) echo "Unknown database: $db" >&2; exit 1;; esac
[ $# -gt 0 ] || { cat "/etc/$db"; exit 0; }
status=0
for key do
  case $db in
  passwd|group|shadow) awk -F: -v k="$key" '$1 == k || $3 == k { print; found = 1 } END { exit !found }' "/etc/$db" || status=2;;
  *) awk -v k="$key" '!/^#/ { for (i = 1; i <= NF; i++) if ($i == k) { print; found = 1; break } } END { exit !found }' "/etc/$db" || status=2;;
  esac
done
exit $status
`;

/** ldd, ldconfig, getent and getconf's most asked questions. */
export const MUSL_UTILS = (arch: Arch): readonly TarItem[] => [
  program('usr/bin/ldd', `exec /lib/ld-musl-${arch}.so.1 --list "$@"\n`),
  program('sbin/ldconfig', 'exit 0\n'),
  program('usr/bin/getent', GETENT),
  program('usr/bin/getconf', `case "$1" in
_NPROCESSORS_ONLN|_NPROCESSORS_CONF) nproc;; PAGE_SIZE|PAGESIZE) echo 4096;; LONG_BIT) echo 64;; ARG_MAX) echo 131072;;
PATH) echo /bin:/usr/bin;; NAME_MAX) echo 255;; PATH_MAX) echo 4096;; OPEN_MAX) ulimit -n;; CLK_TCK) echo 100;;
*) echo "getconf: unknown variable '$1'" >&2; exit 1;; esac
`),
];
