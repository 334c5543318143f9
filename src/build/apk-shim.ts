/**
 * The program that stands in for `/sbin/apk` inside a RUN, and the directory through which it talks to the builder.
 *
 * A call writes `request.N` (NUL-separated: directory, user id, arguments) under a temporary name and renames it, then
 * waits for `answer.N`, whose text is a status or `pass`; `out.N` and `err.N` hold what to print. Plain files and a
 * rename work in every sandbox; whoever renames last is the one who has finished. Calls are numbered by directories
 * that only one of them can make, so any number may run at once.
 */

/** Where the directory appears inside. */
export const MAILBOX_TARGET = '/run/.alproot';

/** POSIX sh; uses only mkdir, mv, cat, rm, id and sleep of the tree's own busybox or coreutils. */
export const APK_SHIM = `#!/bin/sh
# Stands in for apk during an alproot build: the builder installs.
d=${MAILBOX_TARGET}
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
n=$$
while ! mkdir "$d/call.$n" 2>/dev/null; do
  n=$n.x
  [ -d "$d" ] || { echo "ERROR: apk: the builder has gone" >&2; exit 99; }
  case $n in *.x.x.x.x.x.x.x.x) echo "ERROR: apk: $d is not writable" >&2; exit 99;; esac
done
printf '%s\\0' "$PWD" "$(id -u)" "$@" >"$d/call.$n/request"
mv "$d/call.$n/request" "$d/request.$n"
while [ ! -e "$d/answer.$n" ]; do
  [ -e "$d/closed" ] && { echo "ERROR: apk: the builder has gone" >&2; exit 99; }
  sleep 0.02 2>/dev/null || sleep 1
done
read -r status <"$d/answer.$n"
if [ "$status" = pass ]; then
  rm -rf "$d/call.$n" "$d/answer.$n"
  [ -x "$d/apk" ] && exec "$d/apk" "$@"
  echo "ERROR: apk: not in this tree" >&2
  exit 127
fi
cat "$d/out.$n"
cat "$d/err.$n" >&2
rm -rf "$d/call.$n" "$d/out.$n" "$d/err.$n" "$d/answer.$n"
exit "$status"
`;

export interface ShimRequest {
  readonly id: string;
  readonly cwd: string;
  readonly uid: number;
  readonly args: readonly string[];
}

/** @returns undefined for bytes that our shim did not write */
export function parseShimRequest(id: string, bytes: Uint8Array): ShimRequest | undefined {
  const fields = Buffer.from(bytes).toString('utf8').split('\0');
  const [cwd = '', uid = '', ...args] = fields.slice(0, -1);
  if (fields.length < 3 || fields.at(-1) !== '' || !cwd.startsWith('/') || !/^\d{1,10}$/.test(uid)) return undefined;
  return { id, cwd, uid: Number(uid), args };
}

/** Answered from the tree alone. */
const LOOKING = new Set([
  'info',
  'stats',
  'dot',
  'manifest',
  'verify',
  'index',
  'query',
  'adbdump',
  'adbgen',
  'adbsign',
  'mkndx',
  'mkpkg',
  'convdb',
  'convndx',
  'extract',
  '--version',
  '-V',
  '--help',
  '-h',
  '--print-arch',
]);
/** Answered from the repositories too, which nothing inside can reach, or from the tree as it is without the shim. */
const ASKING = new Set(['search', 'policy', 'list', 'version', 'fetch', 'audit', 'cache']);
const VALUE_OPTIONS = new Set([
  '-p',
  '--root',
  '-X',
  '--repository',
  '--repositories-file',
  '--keys-dir',
  '--arch',
  '--cache-dir',
  '--cache-max-age',
  '--progress-fd',
  '--timeout',
  '--wait',
  '-t',
  '--virtual',
]);

/** What a call wants: to look at the tree, to ask about what there is, or to change something. */
export function intentOf(args: readonly string[]): 'look' | 'ask' | 'change' {
  if (args.some((arg) => arg === '--print-arch' || arg === '--version' || arg === '-V')) return 'look';
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (LOOKING.has(arg)) return 'look';
    if (ASKING.has(arg)) return 'ask';
    if (VALUE_OPTIONS.has(arg)) at++;
    else if (!arg.startsWith('-')) return 'change';
  }
  return args.length === 0 ? 'look' : 'change';
}
