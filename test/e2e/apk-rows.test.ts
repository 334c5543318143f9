/**
 * What real Dockerfiles ask of apk in a RUN, served from outside: every call ends as apk's would, and the tree says so
 * afterwards.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('proot', 'upstream');
let work: string;
let mirror: ReleaseMirror;
let other: ReleaseMirror;

beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-rows-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    {
      name: 'zee',
      version: '1.2.13-r1',
      provides: ['so:libzee.so.1=1.2.13', 'pc:zee=1.2.13', 'zee-alias=1'],
      files: { 'usr/lib/libzee.so.1': 'z' },
    },
    {
      name: 'gcc',
      version: '13.2-r0',
      depends: ['so:libzee.so.1'],
      provides: ['cmd:gcc=13.2'],
      files: { 'usr/bin/gcc': '#!/bin/sh\necho gcc\n' },
      modes: { 'usr/bin/gcc': 0o755 },
    },
    { name: 'make', version: '4.3-r0', files: { 'usr/bin/make': 'make' } },
    { name: 'make', version: '4.4.1-r2', files: { 'usr/bin/make': 'make' } },
    {
      name: 'app',
      version: '2.1-r0',
      depends: ['zee'],
      files: { 'usr/bin/app': 'app' },
      scripts: { 'post-install': '#!/bin/sh\necho installed > /app-ran\n' },
    },
    { name: 'rival', version: '1-r0', files: { 'usr/bin/app': 'rival' } },
  ]);
  other = await makeReleaseMirror(
    join(work, 'other'),
    [
      { name: 'vendor', version: '7-r0', files: { 'opt/vendor': 'v' } },
      { name: 'make', version: '9-r0' },
    ],
    mirror.key,
  );
});
afterAll(() => {
  if (!needs.skip) rmSync(work, { recursive: true, force: true });
});

const build = (
  lines: readonly string[],
  { files = {} }: { readonly files?: Readonly<Record<string, Buffer | string>> } = {},
): Promise<CliResult> => {
  const context = mkdtempSync(join(work, 'context-'));
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(context, name), content);
  return runCli(
    ['build', '--backend', 'proot', '--network', 'none', '-o', join(work, 'out'), ...mirror.args, context],
    { cwd: work, cache: join(work, 'cache') },
  );
};
const read = (path: string): string => readFileSync(join(work, 'out', path), 'utf8');

const OWN = new Set(['zee', 'gcc', 'make', 'app', 'rival', 'vendor']);

function shownName(name: string, version: string): string[] {
  if (name.startsWith('.')) return [name];
  return OWN.has(name) ? [`${name}-${version}`] : [];
}

/** World and the names of what is installed, besides the minirootfs's, of a stage whose database was copied. */
function stateOf(directory: string): { world: string[]; installed: string[] } {
  const names = [...read(`${directory}/installed`).matchAll(/^P:(.*)\nV:(.*)$/gm)].flatMap(
    ([, name = '', version = '']) => shownName(name, version),
  );
  const world = read(`${directory}/world`)
    .trim()
    .split('\n')
    .map((line) => line.replace(/=\d{8}\.\d{6}$/, ''));
  return {
    world: world.filter(
      (line) => !['alpine-baselayout', 'alpine-keys', 'apk-tools', 'busybox', 'libc-utils'].includes(line),
    ),
    installed: names.sort(),
  };
}

/** One build for all: each entry is a stage of its own, whose database and `/said` come out under its name. */
async function buildAll(
  stages: Readonly<Record<string, readonly string[]>>,
  files: Readonly<Record<string, Buffer | string>> = {},
): Promise<void> {
  rmSync(join(work, 'out'), { recursive: true, force: true });
  const names = Object.keys(stages);
  const { status, stderr } = await build(
    [
      ...names.flatMap((name) => [
        `FROM alpine:3.19 AS ${name}`,
        'RUN mkdir /said',
        ...(stages[name] ?? []),
        'USER root',
        'RUN cp /etc/apk/world /lib/apk/db/installed /said/',
      ]),
      'FROM scratch',
      ...names.map((name) => `COPY --from=${name} /said /${name}`),
    ],
    { files },
  );
  expect(status, stderr).toBe(0);
}

interface Row {
  readonly title: string;
  readonly steps: readonly string[];
  readonly world: readonly string[];
  readonly installed: readonly string[];
}
const run = (command: string): string[] => [`RUN ${command}`];
const row = (title: string, steps: readonly string[], [world, installed]: readonly [string, string]): Row => ({
  title,
  steps,
  world: world.split(' ').filter((word) => word !== ''),
  installed: installed.split(' ').filter((word) => word !== ''),
});

const ROWS: readonly Row[] = [
  row(
    'flags before and after the command, lists from variables, and empty ones',
    [
      'ARG NONE=""',
      'ENV LIST="make app"',
      'RUN apk --no-cache --update add $LIST && apk add --no-cache $NONE && apk -q --no-progress add --update-cache gcc && /usr/bin/gcc',
    ],
    ['app gcc make', 'app-2.1-r0 gcc-13.2-r0 make-4.4.1-r2 zee-1.2.13-r1'],
  ),
  row(
    'a virtual package that takes along only what nothing else wants',
    [
      'RUN set -eux; \\',
      '  # build',
      '  apk add --no-cache --virtual .build-deps gcc make; \\',
      '',
      '  apk add --no-cache -t .run-deps so:libzee.so.1; \\',
      '  gcc; \\',
      '  apk del --no-network .build-deps; ! test -e /usr/bin/gcc',
    ],
    ['.run-deps', '.run-deps zee-1.2.13-r1'],
  ),
  row('a provided library', run("apk add 'so:libzee.so.1'"), ['so:libzee.so.1', 'zee-1.2.13-r1']),
  row('a provided command and a pkg-config file', run('apk add cmd:gcc pc:zee'), [
    'cmd:gcc pc:zee',
    'gcc-13.2-r0 zee-1.2.13-r1',
  ]),
  row('a name that another package provides', run('apk add zee-alias'), ['zee-alias', 'zee-1.2.13-r1']),
  row('an exact version', run('apk add make=4.3-r0'), ['make=4.3-r0', 'make-4.3-r0']),
  row('a fuzzy version, in every spelling', run('apk add make=~4.3 zee~=1.2 app~2'), [
    'app~2 make~4.3 zee~1.2',
    'app-2.1-r0 make-4.3-r0 zee-1.2.13-r1',
  ]),
  row('bounds', run("apk add 'make<4.4' gcc\\>=13"), ['gcc>=13 make<4.4', 'gcc-13.2-r0 make-4.3-r0 zee-1.2.13-r1']),
  row('xargs and loops', run('echo make gcc | xargs apk add && for p in app; do apk add $p || exit 1; done'), [
    'app gcc make',
    'app-2.1-r0 gcc-13.2-r0 make-4.4.1-r2 zee-1.2.13-r1',
  ]),
  row('a purge', run('apk add make && apk del --purge make'), ['', '']),
  row('an upgrade of all', run('apk add make=4.3-r0 && sed -i s/make=.*/make/ /etc/apk/world && apk -U upgrade -a'), [
    'make',
    'make-4.4.1-r2',
  ]),
  row(
    'update and upgrade, and the removal of what they leave',
    run(
      'apk update && apk upgrade --no-cache --available && apk add make && rm -rf /var/cache/apk/* && apk cache clean',
    ),
    ['make', 'make-4.4.1-r2'],
  ),
  row(
    'overwriting by force',
    run(
      'apk add app && ! apk add rival && apk add --force-overwrite --clean-protected rival && test "$(cat /usr/bin/app)" = rival',
    ),
    ['app rival', 'app-2.1-r0 rival-1-r0 zee-1.2.13-r1'],
  ),
  row(
    'no scripts when told so',
    run('apk add --no-scripts app && test ! -e /app-ran && apk fix && apk del app && apk add app && test -e /app-ran'),
    ['app', 'app-2.1-r0 zee-1.2.13-r1'],
  ),
  row(
    'mirrors and tags that an earlier RUN wrote',
    [
      "RUN sed -i -e 's/dl-cdn.alpinelinux.org/mirrors.aliyun.com/' -e 's/https/http/' /etc/apk/repositories && echo '@same http://dl-4.alpinelinux.org/alpine/v3.19/main/' >> /etc/apk/repositories",
      'RUN apk add make@same app',
    ],
    ['app make@same', 'app-2.1-r0 make-4.4.1-r2 zee-1.2.13-r1'],
  ),
  row(
    'only a repository of the command line',
    run(
      'echo "# none" > /etc/apk/repositories && apk add --no-cache -X http://dl-cdn.alpinelinux.org/alpine/v3.19/main make',
    ),
    ['make', 'make-4.4.1-r2'],
  ),
  row(
    'a package file signed by a key that lies in the tree',
    ['COPY vendor.apk /tmp/', 'COPY *.rsa.pub /etc/apk/keys/', 'RUN cd /tmp && apk add --no-cache vendor.apk'],
    ['vendor><', 'vendor-7-r0'],
  ),
  row(
    'a package file of a stranger, untrusted by request',
    ['COPY vendor.apk /tmp/', 'RUN ! apk add /tmp/vendor.apk && apk add --allow-untrusted /tmp/vendor.apk'],
    ['vendor><', 'vendor-7-r0'],
  ),
  row(
    'a repository that lies in the tree',
    ['COPY vendor-7-r0.apk APKINDEX.tar.gz /repo/x86_64/', 'RUN apk add --allow-untrusted --repository /repo vendor'],
    ['vendor', 'vendor-7-r0'],
  ),
];

describe.skipIf(needs.skip)(`apk in real Dockerfiles${needs.reason}`, () => {
  beforeAll(async () => {
    const from = join(other.directory, 'v3.19/main/x86_64');
    const files = {
      'vendor.apk': readFileSync(join(from, 'vendor-7-r0.apk')),
      'vendor-7-r0.apk': readFileSync(join(from, 'vendor-7-r0.apk')),
      'APKINDEX.tar.gz': readFileSync(join(from, 'APKINDEX.tar.gz')),
      [mirror.key.publicName]: mirror.key.publicPem,
    };
    await buildAll(Object.fromEntries(ROWS.map(({ steps }, at) => [`row${at}`, steps])), files);
  });

  it.each(ROWS.map((one, at) => [one.title, one, at] as const))(
    'understands %s',
    (_title, { world, installed }, at) => {
      const seen = stateOf(`row${at}`);
      expect({ ...seen, world: seen.world.map((line) => line.replace(/><.*/, '><')) }).toEqual({ world, installed });
    },
  );
});

describe.skipIf(needs.skip)(`apk and its surroundings${needs.reason}`, () => {
  it('has no tag that no repository has', async () => {
    const { status, stderr } = await build(['FROM alpine:3.19', 'RUN apk add make@more']);
    expect([status, stderr]).toEqual([
      8,
      expect.stringContaining("WARNING: The repository tag for world dependency 'make@more' does not exist"),
    ]);
  });

  it('reads no repository of the host', async () => {
    const { status, stderr } = await build([
      'FROM alpine:3.19',
      `RUN apk add --allow-untrusted --repository ${other.directory}/v3.19/main vendor`,
    ]);
    expect([status, stderr]).toEqual([8, expect.stringContaining('vendor (no such package)')]);
  });

  it.each(['rm /etc/apk/repositories', ': > /etc/apk/repositories'])('has no repository after %s', async (command) => {
    const { status, stderr } = await build(['FROM alpine:3.19', `RUN ${command} && apk add make`]);
    expect([status, stderr]).toEqual([8, expect.stringContaining('make (no such package)')]);
  });

  it('goes on without a host that does not answer, and names it', async () => {
    const { status, stderr } = await build([
      'FROM alpine:3.19',
      'RUN echo http://127.0.0.1:1/alpine/main >> /etc/apk/repositories && apk add make && false',
    ]);
    expect(status).toBe(8);
    expect(stderr).toContain('Installing make (4.4.1-r2)');
    expect(stderr).toMatch(/WARNING: fetching http:\/\/127\.0\.0\.1:1\/alpine\/main: /);
  });

  it('asks a host that does not answer in the first call of a build, and not in later ones', async () => {
    let asked = 0;
    const mute = createServer((socket) => {
      asked++;
      socket.destroy();
    });
    const port = await new Promise<number>((resolve) =>
      mute.listen(0, '127.0.0.1', () => resolve((mute.address() as AddressInfo).port)),
    );
    try {
      const line = `http://127.0.0.1:${port}/alpine/main`;
      const { status, stdout, stderr } = await build([
        'FROM alpine:3.19',
        `RUN echo ${line} >> /etc/apk/repositories && apk add make`,
        'RUN apk add app',
        'RUN apk add zee',
      ]);
      expect(status, stderr).toBe(0);
      expect(`${stdout}${stderr}`.split(`WARNING: fetching ${line}: `)).toHaveLength(4);
      expect(asked).toBe(5);
    } finally {
      mute.close();
    }
  });

  it('fetches packages as files, and answers about itself as the real one does', async () => {
    await buildAll({
      fetch: [
        'WORKDIR /w',
        'RUN mkdir all && apk fetch make && apk fetch -R -o all app && apk fetch -q --stdout zee | tar -tz > /said/list && ls . all > /said/names && apk add --no-network --allow-untrusted ./make-4.4.1-r2.apk && ! apk fetch nothing 2>/said/none',
        'USER nobody',
        'WORKDIR /tmp',
        'RUN apk fetch gcc && stat -c %U gcc-13.2-r0.apk > owner',
        'USER root',
        'RUN mv owner /said/',
      ],
      ask: [
        'RUN apk add make && { apk --print-arch; cat /etc/apk/arch; apk info -e make; apk search -q gcc; apk list -I make; apk version -t 1 2; apk audit --system; apk info | grep -c .; } > /said/answers',
      ],
    });
    expect(stateOf('fetch').installed).toEqual(['make-4.4.1-r2']);
    expect(read('fetch/names')).toBe('.:\nall\nmake-4.4.1-r2.apk\n\nall:\napp-2.1-r0.apk\nzee-1.2.13-r1.apk\n');
    expect(read('fetch/list')).toContain('usr/lib/libzee.so.1');
    expect([read('fetch/owner'), read('fetch/none')]).toEqual([
      'nobody\n',
      expect.stringContaining('ERROR: nothing: unable to select package'),
    ]);
    expect(read('ask/answers')).toBe(
      'x86_64\nx86_64\nmake\ngcc\nmake-4.4.1-r2 x86_64 {make} (MIT) [installed]\n<\n16\n',
    );
  });
});

describe.skipIf(needs.skip)(`apk --root${needs.reason}`, () => {
  const install = 'apk --no-cache --initdb --root /target --arch $(apk --print-arch) --keys-dir /etc/apk/keys';

  it('installs into a second root, with a world and repositories of its own', async () => {
    mkdirSync(join(work, 'host-root'), { recursive: true });
    await buildAll({
      own: [
        `RUN mkdir -p /target/etc/apk && cp /etc/apk/repositories /target/etc/apk/ && ${install} add make && apk -p /target add zee && apk --root=/target info > /said/info && chown -R 5:6 /target/usr`,
        'RUN apk --root /target add gcc && stat -c %u:%g /target/usr/bin/make > /said/owner; cp -a /target /said/',
      ],
      told: [
        `RUN ${install} --repositories-file /etc/apk/repositories add app --no-scripts && ${install} -X http://dl-cdn.alpinelinux.org/alpine/v3.19/main add make --no-scripts && cp /target/etc/apk/world /said/inner`,
      ],
      unasked: [`RUN ! ${install} add make 2>/said/error`],
      none: [
        'RUN mkdir -p /d/e && { apk --root /d add make 2>/said/error || echo status $? >/said/status; ls -A /d > /said/list; }',
      ],
      link: [
        `RUN ln -s ${work}/host-root /target && ${install} --repositories-file /etc/apk/repositories add make || true`,
      ],
    });
    expect([stateOf('own').installed, stateOf('own').world]).toEqual([[], []]);
    expect([read('own/target/etc/apk/world'), read('own/target/etc/apk/arch')]).toEqual([
      'gcc\nmake\nzee\n',
      'x86_64\n',
    ]);
    expect(readdirSync(join(work, 'out/own/target/usr/bin')).sort()).toEqual(['gcc', 'make']);
    expect([read('own/info'), read('own/owner')]).toEqual(['make\nzee\n', '5:6\n']);
    expect(read('told/inner')).toBe('app\nmake\n');
    expect(read('unasked/error')).toContain('make (no such package)');
    expect([read('none/error'), read('none/status'), read('none/list')]).toEqual([
      'ERROR: Unable to read database: No such file or directory\nERROR: Failed to open apk database: No such file or directory\n',
      'status 99\n',
      'e\n',
    ]);
    expect(readdirSync(join(work, 'host-root'))).toEqual([]);
  });
});
