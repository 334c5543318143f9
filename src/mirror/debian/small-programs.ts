/**
 * Programs that Alpine has and Debian's busybox and musl packages lack, written for any POSIX shell: user and group
 * administration with the options that Dockerfiles use, and musl's little tools.
 */
import type { Arch } from '../../core/package.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { textFile } from './recipe.ts';

const program = (path: string, text: string): TarItem => textFile(path, `#!/bin/sh\n${text}`, 0o755);

/**
 * Shared by the four: words of the command line as GNU's getopt takes them (operands first or last, long names,
 * clusters), the next free id from 100 (system) or 1000, and atomic changes of a database.
 */
const COMMON = `set -e
die() { echo "\${0##*/}: $*" >&2; exit 1; }
operand() { if [ -z "$first" ]; then first=$1; elif [ -z "$second" ]; then second=$1; else usage; fi; }
words() { valued=$1 plain=$2 long=$3; shift 3; first=; second=
  while [ $# -gt 0 ]; do w=$1; shift
    case $w in
    --) for w do operand "$w"; done; break;;
    --*) name=\${w#--}; name=\${name%%=*}; c=
      for pair in $long; do case $pair in "$name:"*) c=\${pair#*:}; break;; "$name"*) c=\${pair#*:};; esac; done
      [ -n "$c" ] || usage
      case $w in *=*) w=-$c\${w#*=};; *) w=-$c;; esac;;
    esac
    case $w in
    -?*) w=\${w#-}
      while [ -n "$w" ]; do c=\${w%"\${w#?}"}; w=\${w#?}
        case $valued in *"$c"*)
          if [ -n "$w" ]; then v=$w; w=; elif [ $# -gt 0 ]; then v=$1; shift; else usage; fi
          eval "opt_$c=\\$v"; continue;;
        esac
        case $plain in *"$c"*) eval "opt_$c=1";; *) usage;; esac
      done;;
    *) operand "$w";;
    esac
  done
  [ -n "$first" ] || usage; }
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

const ADDGROUP = `${COMMON}usage() { die 'usage: addgroup [-g GID] [-S] [USER] GROUP'; }
words g S 'gid:g system:S' "$@"; gid=\${opt_g-}
if [ -n "$second" ]; then has passwd "$first" || die "unknown user $first"; join "$first" "$second"; exit 0; fi
name_ok "$first"; has group "$first" && die "group '$first' in use"
if [ -n "$gid" ]; then taken group "$gid" && die "gid '$gid' in use"
elif [ -n "\${opt_S-}" ]; then gid=$(free group 100); else gid=$(free group 1000); fi
echo "$first:x:$gid:" >> /etc/group
`;

const ADDUSER = `${COMMON}usage() {
  die 'usage: adduser [-h DIR] [-g GECOS] [-s SHELL] [-G GROUP] [-S] [-D] [-H] [-u UID] USER [GROUP]'
}
words hgsGuk SDH 'home:h gecos:g shell:s ingroup:G uid:u skel:k system:S disabled-password:D no-create-home:H' "$@"
system=\${opt_S-}; group=\${opt_G-}; uid=\${opt_u-}
if [ -n "$second" ]; then has passwd "$first" || die "unknown user $first"; join "$first" "$second"; exit 0; fi
name_ok "$first"; has passwd "$first" && die "user '$first' in use"
[ -n "$group" ] || [ -z "$system" ] || group=nogroup
# A group of its own has the user's number: it must be free in both files.
used() { taken passwd "$1" || { [ -z "$group" ] && taken group "$1"; }; }
if [ -n "$uid" ]; then used "$uid" && die "uid '$uid' in use"
else uid=1000; [ -z "$system" ] || uid=100; while used "$uid"; do uid=$((uid + 1)); done; fi
if [ -n "$group" ]; then gid=$(gid_of "$group"); [ -n "$gid" ] || die "unknown group $group"
else gid=$uid; has group "$first" && die "group '$first' in use"; echo "$first:x:$gid:" >> /etc/group; fi
home=\${opt_h:-/home/$first}
if [ -n "$system" ]; then shell=/sbin/nologin; else shell=$(sed -n 's/^root:.*://p' /etc/passwd); fi
echo "$first:x:$uid:$gid:\${opt_g-Linux User,,,}:$home:\${opt_s:-$shell}" >> /etc/passwd
[ ! -f /etc/shadow ] || echo "$first:!:0:0:99999:7:::" >> /etc/shadow
if [ -z "\${opt_H-}" ] && [ ! -e "$home" ]; then
  mkdir -p "$home"; skel=\${opt_k:-/etc/skel}; [ ! -d "$skel" ] || cp -R "$skel/." "$home"
  chown -R "$uid:$gid" "$home"; chmod 2755 "$home"
fi
[ -z "$group" ] || join "$first" "$group"
`;

const DELGROUP = `${COMMON}usage() { die 'usage: delgroup [USER] GROUP'; }
words '' '' '' "$@"
if [ -n "$second" ]; then has group "$second" || die "unknown group $second"
  line=$(grep "^$second:" /etc/group)
  rest=$(echo "\${line##*:}" | tr ',' '\\n' | grep -vx "$first" | paste -s -d, - || true)
  edit group "s/^\\($second:.*:\\).*/\\1$rest/"; exit 0; fi
has group "$first" || die "unknown group $first"
edit group "/^$first:/d"
`;

const DELUSER = `${COMMON}usage() { die 'usage: deluser [--remove-home] USER [GROUP]'; }
words '' r 'remove-home:r' "$@"
[ -z "$second" ] || exec delgroup "$first" "$second"
has passwd "$first" || die "unknown user $first"
home=$(sed -n "s/^$first:.*:\\(.*\\):.*/\\1/p" /etc/passwd)
edit passwd "/^$first:/d"; [ ! -f /etc/shadow ] || edit shadow "/^$first:/d"
! has group "$first" || edit group "/^$first:/d"
edit group "s/\\([:,]\\)$first,/\\1/; s/,$first\\$//; s/:$first\\$/:/"
[ -z "\${opt_r-}" ] || [ -z "$home" ] || rm -rf "$home"
`;

const CHPASSWD = `${COMMON}usage() { die 'usage: chpasswd [-e] [-m] [-c ALGORITHM]'; }
words cR em 'encrypted:e md5:m crypt-method:c' - "$@"; method=\${opt_c:-sha512}; [ -z "\${opt_m-}" ] || method=md5
while IFS= read -r line; do
  name=\${line%%:*}; hash=\${line#*:}; has shadow "$name" || die "unknown user $name"
  [ -n "\${opt_e-}" ] || hash=$(printf '%s' "$hash" | mkpasswd -m "$method" -P 0)
  NAME=$name HASH=$hash \\
    awk -F: 'BEGIN { OFS = ":" } $1 == ENVIRON["NAME"] { $2 = ENVIRON["HASH"] } { print }' \\
    /etc/shadow > /etc/shadow.new
  cat /etc/shadow.new > /etc/shadow; rm /etc/shadow.new
  echo "chpasswd: password for '$name' changed" >&2
done
`;

/** adduser, addgroup, deluser, delgroup and chpasswd, as busybox has them in Alpine. */
export const busyboxScripts = (): readonly TarItem[] => [
  program('usr/sbin/adduser', ADDUSER),
  program('usr/sbin/addgroup', ADDGROUP),
  program('usr/sbin/deluser', DELUSER),
  program('usr/sbin/delgroup', DELGROUP),
  program('usr/sbin/chpasswd', CHPASSWD),
];

const GETENT = `db=$1; [ $# -ge 1 ] || { echo 'usage: getent DATABASE [KEY...]' >&2; exit 1; }; shift
case $db in
  passwd|group|shadow|hosts|services|protocols|networks|ethers) ;;
  *) echo "Unknown database: $db" >&2; exit 1;;
esac
[ $# -gt 0 ] || { cat "/etc/$db"; exit 0; }
status=0
for key do
  case $db in
  passwd|group|shadow)
    awk -F: -v k="$key" '$1 == k || $3 == k { print; found = 1 } END { exit !found }' "/etc/$db" || status=2;;
  *)
    awk -v k="$key" '
      !/^#/ { for (i = 1; i <= NF; i++) if ($i == k) { print; found = 1; break } }
      END { exit !found }' "/etc/$db" || status=2;;
  esac
done
exit $status
`;

/** ldd, ldconfig, getent and getconf's most asked questions. */
export const MUSL_UTILS = (arch: Arch): readonly TarItem[] => [
  program('usr/bin/ldd', `exec /lib/ld-musl-${arch}.so.1 --list "$@"\n`),
  program('sbin/ldconfig', 'exit 0\n'),
  program('usr/bin/getent', GETENT),
  program(
    'usr/bin/getconf',
    `case "$1" in
_NPROCESSORS_ONLN|_NPROCESSORS_CONF) nproc;; PAGE_SIZE|PAGESIZE) echo 4096;; LONG_BIT) echo 64;; ARG_MAX) echo 131072;;
PATH) echo /bin:/usr/bin;; NAME_MAX) echo 255;; PATH_MAX) echo 4096;; OPEN_MAX) ulimit -n;; CLK_TCK) echo 100;;
*) echo "getconf: unknown variable '$1'" >&2; exit 1;; esac
`,
  ),
];
