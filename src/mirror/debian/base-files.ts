/**
 * The ground of the tree: directories with their modes, users, groups, shells, names. Facts of any Alpine system
 * (ids, paths), texts of our own; `os-release` says what this is.
 */
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { textFile } from './recipe.ts';

const DIRECTORIES =
  `bin dev dev/pts dev/shm etc etc/apk etc/apk/keys etc/apk/protected_paths.d etc/conf.d etc/init.d etc/modprobe.d
etc/modules-load.d etc/network etc/opt etc/periodic etc/periodic/15min etc/periodic/daily etc/periodic/hourly
etc/periodic/monthly etc/periodic/weekly etc/profile.d etc/ssl etc/ssl/certs etc/sysctl.d home lib lib/firmware
lib/mdev lib/modules-load.d lib/sysctl.d media media/cdrom media/floppy media/usb mnt opt run sbin srv sys usr
usr/bin usr/lib usr/lib/modules-load.d usr/local usr/local/bin usr/local/lib usr/local/share usr/sbin usr/share
usr/share/man usr/share/misc var var/cache var/cache/apk var/cache/misc var/lib var/lib/apk var/lib/misc
var/local var/lock var/lock/subsys var/log var/mail var/opt var/spool var/spool/cron`.split(/\s+/);

const MODES: Readonly<Record<string, number>> = {
  proc: 0o555,
  root: 0o700,
  tmp: 0o1777,
  'var/empty': 0o555,
  'var/tmp': 0o1777,
  'etc/crontabs': 0o755,
};

/** name:uid:gid:gecos:home:shell, where nologin is `-`. */
const USERS = `root:0:0:root:/root:/bin/ash bin:1:1:bin:/bin:- daemon:2:2:daemon:/sbin:- lp:4:7:lp:/var/spool/lpd:-
sync:5:0:sync:/sbin:/bin/sync shutdown:6:0:shutdown:/sbin:/sbin/shutdown halt:7:0:halt:/sbin:/sbin/halt
mail:8:12:mail:/var/mail:- news:9:13:news:/usr/lib/news:- uucp:10:14:uucp:/var/spool/uucppublic:-
cron:16:16:cron:/var/spool/cron:- ftp:21:21::/var/lib/ftp:- sshd:22:22:sshd:/dev/null:-
games:35:35:games:/usr/games:- ntp:123:123:NTP:/var/empty:- guest:405:100:guest:/dev/null:-
nobody:65534:65534:nobody:/:-`.split(/\s+/);

/** name:gid:members */
const GROUPS =
  `root:0:root bin:1:root,bin,daemon daemon:2:root,bin,daemon sys:3:root,bin adm:4:root,daemon tty:5: disk:6:root
lp:7:lp kmem:9: wheel:10:root floppy:11:root mail:12:mail news:13:news uucp:14:uucp cron:16:cron audio:18:
cdrom:19: dialout:20:root ftp:21: sshd:22: input:23: tape:26:root video:27:root netdev:28: kvm:34:kvm games:35:
shadow:42: www-data:82: users:100:games ntp:123: abuild:300: utmp:406: ping:999: nogroup:65533: nobody:65534:`.split(
    /\s+/,
  );

const PROFILE = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PAGER=less
umask 022
PS1='\\h:\\w\\$ '
for script in /etc/profile.d/*.sh; do
  [ ! -r "$script" ] || . "$script"
done
unset script
`;

/** What the tree says of itself. */
export interface Identity {
  /** `3.19.0` */
  readonly release: string;
  /** `Debian GNU/Linux 12 (bookworm)`, from the host's own os-release. */
  readonly distribution: string;
}

const row = (text: string, format: (fields: readonly string[]) => string): string => `${format(text.split(':'))}\n`;

/** Entries of `alpine-baselayout`. */
export function baseEntries({ release, distribution }: Identity): TarItem[] {
  const passwd = USERS.map((user) =>
    row(
      user,
      ([name, uid, gid, gecos, home, shell]) =>
        `${name}:x:${uid}:${gid}:${gecos}:${home}:${shell === '-' ? '/sbin/nologin' : shell}`,
    ),
  );
  const wrapper = USERS.map((user) => row(user, ([name]) => `${name}:${name === 'root' ? '*' : '!'}::0:::::`));
  const group = GROUPS.map((line) => row(line, ([name, gid, members]) => `${name}:x:${gid}:${members}`));
  const branch = release.replace(/\.\d+$/, '');
  const madeFrom = distribution.replace(/["$`\\]/g, '');
  const osRelease = [
    'NAME="alproot"',
    'ID=alproot',
    'ID_LIKE=alpine',
    `VERSION_ID=${release}`,
    `PRETTY_NAME="alproot: Alpine ${branch} layout, made from ${madeFrom}"`,
  ];
  const directories: TarItem[] = [...DIRECTORIES, ...Object.keys(MODES)].map((path) => ({
    kind: 'directory',
    path,
    mode: MODES[path] ?? 0o755,
  }));
  const link = (path: string, target: string): TarItem => ({ kind: 'symlink', path, mode: 0o777, target });
  return [
    ...directories,
    textFile('etc/passwd', passwd.join('')),
    textFile('etc/group', group.join('')),
    { ...textFile('etc/shadow', wrapper.join(''), 0o640), gid: 42, gname: 'shadow' },
    textFile('etc/shells', '/bin/sh\n/bin/ash\n'),
    textFile('etc/profile', PROFILE),
    textFile('etc/hostname', 'localhost\n'),
    textFile('etc/hosts', '127.0.0.1\tlocalhost localhost.localdomain\n::1\t\tlocalhost localhost.localdomain\n'),
    textFile('etc/nsswitch.conf', 'hosts: files dns\n'),
    textFile('etc/fstab', ''),
    textFile('etc/motd', ''),
    textFile('etc/os-release', `${osRelease.join('\n')}\n`),
    textFile('etc/alpine-release', `${release}\n`),
    textFile('etc/services', SERVICES),
    textFile('etc/protocols', PROTOCOLS),
    link('etc/mtab', '../proc/mounts'),
    link('var/run', '../run'),
    link('var/spool/mail', '../mail'),
    link('var/spool/cron/crontabs', '../../../etc/crontabs'),
  ];
}

const SERVICES = `ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
http 80/tcp www
pop3 110/tcp
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
ldap 389/tcp
https 443/tcp
syslog 514/udp
ldaps 636/tcp
imaps 993/tcp
postgresql 5432/tcp
redis 6379/tcp
http-alt 8080/tcp
`;

const PROTOCOLS = `ip 0 IP
icmp 1 ICMP
igmp 2 IGMP
tcp 6 TCP
udp 17 UDP
ipv6 41 IPv6
ipv6-icmp 58 IPv6-ICMP
`;
