/**
 * The user administration of mirrors made from Debian, beside the real busybox's: the same commands, the same files.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxScripts } from '../../src/mirror/debian/small-programs.ts';
import { type BuildBench, type Files, makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

const needs = capability('upstream', 'bwrap');
let bench: BuildBench;
beforeAll(() => {
  bench = makeBench();
});
afterAll(() => bench.close());

const scripts: Files = Object.fromEntries(
  busyboxScripts().map((item) => [
    `ours/${item.path.split('/').at(-1) ?? ''}`,
    { mode: 0o755, text: item.kind === 'file' ? Buffer.from(item.bytes).toString() : '' },
  ]),
);

const MADE = [
  'adduser -D app',
  'adduser -S bitcoin && adduser -S -D -H second',
  'adduser _smtpd -h /var/lib/empty/ -D -H -s /bin/false',
  'addgroup -S -g 91 dovecot && adduser -S -u 90 -D -s /sbin/nologin -H -h /dev/null -G dovecot -g dovecot dovecot',
  'addgroup --gid 99 --system haproxy && adduser --disabled-password --home /var/lib/haproxy ' +
    '--ingroup haproxy --no-create-home --system --uid 199 haproxy',
  'adduser -u 1500 -DG www-data --home=/srv/aports dev && addgroup -g 3333 g1 && addgroup dev g1 && ' +
    'adduser dev wheel && delgroup dev wheel',
  'adduser -D --gecos "Some One,,," --shell /bin/ash --uid=2222 some && adduser -Dg "" -s/bin/sh -h/srv/x other',
  'addgroup --gid 1000 first && adduser -D third && adduser -S -D -H -u 1000 fourth',
  'adduser -D gone && addgroup gone wheel && addgroup gone audio && deluser gone',
  'adduser -D gone && addgroup stays && deluser --remove-home gone && delgroup stays',
];
const REFUSED = [
  'adduser -D root',
  'adduser -D -u 0 x',
  'addgroup --gid 1000 first && adduser -D -u 1000 second',
  'adduser -D -G nope x',
  'adduser -D --nope x',
  'adduser',
  'addgroup wheel',
  'addgroup root nope',
  'deluser nope',
  'delgroup nope',
  'adduser -D a b c',
];

/** Each command on files as they were at first: its status, the files after it, and the homes that it made. */
const SCRIPT =
  `cd /etc && cp passwd group shadow /srv
each() {
  mkdir /out; ( eval "$1" ) >/dev/null 2>&1; echo "$?" > /out/status
  cat passwd > /out/passwd; cat group > /out/group; find /home /var/lib /srv -mindepth 1 -type d ` +
  `-exec stat -c '%n %u:%g %a' {} + | sort > /out/homes
  cat /srv/passwd > passwd; cat /srv/group > group; cat /srv/shadow > shadow; rm -rf /home/* /srv/aports /srv/x
  mv /out "/results/$2"
}
mkdir /results
${[...MADE, ...REFUSED].map((command, at) => `each '${command}' ${at}`).join('\n')}
printf 'root:secret\\nnobody:$6$x$y\\n' | chpasswd -e && grep -qF 'nobody:$6$x$y:' shadow && echo ` +
  `'root:a:b' | chpasswd 2> /results/said
salt=$(grep '^root:' shadow | cut -d'$' -f3)
grep -qF "root:$(printf 'a:b' | mkpasswd -m sha512 -P 0 -S "$salt"):" shadow && echo right >> /results/said
echo 'nope:x' | chpasswd || echo refused >> /results/said
`;

async function results(ours: boolean): Promise<{ of: Map<string, Record<string, string>>; said: string }> {
  return bench.build(
    `FROM alpine:3.19\n${ours ? 'COPY ours /usr/sbin/\n' : ''}COPY script /\nRUN sh /script`,
    { ...scripts, script: SCRIPT },
    (image) => {
      const read = (at: number, name: string): string =>
        readFileSync(join(image.opened.tree.root, 'results', String(at), name), 'utf8');
      return {
        said: readFileSync(join(image.opened.tree.root, 'results/said'), 'utf8'),
        of: new Map(
          [...MADE, ...REFUSED].map((command, at) => [
            command,
            Object.fromEntries(['status', 'passwd', 'group', 'homes'].map((name) => [name, read(at, name)])),
          ]),
        ),
      };
    },
    { backend: 'bwrap' },
  );
}

describe.skipIf(needs.skip)(`users and groups as busybox makes them${needs.reason}`, () => {
  it('leave the same files, homes and statuses', async () => {
    const [ours, theirs] = [await results(true), await results(false)];
    for (const command of MADE) expect(ours.of.get(command), command).toEqual(theirs.of.get(command));
    for (const command of MADE) expect(theirs.of.get(command)?.['status'], command).toBe('0\n');
    for (const command of REFUSED)
      expect([ours.of.get(command)?.['status'], theirs.of.get(command)?.['status']], command).toEqual(['1\n', '1\n']);
    for (const { said } of [ours, theirs])
      expect(said).toBe("chpasswd: password for 'root' changed\nright\nrefused\n");
  });
});
