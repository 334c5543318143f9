/** RUN in real sandboxes, over the real minirootfs. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import type { Secret } from '../../src/build/run-context.ts';
import { type BenchOptions, type BuildBench, type Files, makeBench, type OpenedImage } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

let bench: BuildBench;
beforeEach(() => {
  bench = makeBench();
});
afterEach(() => bench.close());

const read = (image: OpenedImage, path: string): string => readFileSync(join(image.opened.tree.root, path), 'utf8');
const file =
  (path: string) =>
  (image: OpenedImage): string =>
    read(image, path);

for (const backend of ['bwrap', 'userns', 'proot'] as const) {
  const needs = capability('upstream', backend);
  describe.skipIf(needs.skip)(`RUN under ${backend}${needs.reason}`, () => {
    const run = <T>(
      dockerfile: string,
      use: (image: OpenedImage) => T,
      files: Files = {},
      options: BenchOptions = {},
    ) => bench.build(dockerfile, files, use, { backend, ...options });

    it('runs the shell form with ENV and ARG, in WORKDIR, and keeps what it makes', async () => {
      const dockerfile =
        'FROM alpine:3.19\nARG B=arg\nENV A=env\nWORKDIR /w\nRUN echo "$A $B $PWD $HOME $(id -u)" > out';
      expect(await run(dockerfile, file('w/out'))).toBe('env arg /w /root 0\n');
    });

    it('runs the exec form, a heredoc, a heredoc with #!, and a SHELL', async () => {
      const dockerfile = [
        'FROM alpine:3.19',
        'RUN ["/bin/busybox", "touch", "/exec"]',
        'RUN <<EOF',
        'x=1',
        '# comment',
        'echo here$x > /here',
        'EOF',
        'RUN <<EOF',
        '#!/usr/bin/awk -f',
        'BEGIN { print "awk" > "/awk" }',
        'EOF',
        'SHELL ["/bin/sh", "-ec"]',
        'RUN false; true || touch /not',
        'RUN true',
      ].join('\n');
      await expect(run(dockerfile, () => undefined)).rejects.toMatchObject({
        code: 'ALP_BUILD_RUN',
        facts: { status: 1, line: 13 },
      });
      const made = await run(dockerfile.replace('false; ', ''), (image) => [
        existsSync(join(image.opened.tree.root, 'exec')),
        read(image, 'here'),
        read(image, 'awk'),
      ]);
      expect(made).toEqual([true, 'here1\n', 'awk\n']);
    });

    it('gives outputs that can be opened again, as links to /dev/stdout do', async () => {
      const dockerfile =
        'FROM alpine:3.19\nRUN ln -sf /dev/stdout /var/log/access.log && ln -sf /dev/stderr /var/log/error.log && echo through >/var/log/access.log && echo hello | tee /dev/stderr && adduser -D app\nUSER app\nRUN echo as app >/dev/stdout';
      await run(dockerfile, () => undefined);
      expect(
        bench
          .output()
          .match(/through|hello|as app/g)
          ?.sort(),
      ).toEqual(['as app', 'hello', 'hello', 'through']);
    });

    it('shows a context of another name, and hosts that were added', async () => {
      const directory = mkdtempSync(join(bench.root, 'other-'));
      writeFileSync(join(directory, 'kept'), 'kept\n');
      writeFileSync(join(directory, 'left'), 'left\n');
      writeFileSync(join(directory, '.dockerignore'), 'left\n');
      const dockerfile =
        'FROM base\nCOPY --from=extra . /copied/\nRUN --mount=from=extra,target=/seen ls /seen > /list; grep added /etc/hosts > /hosts';
      const plan = {
        hosts: ['192.0.2.7\tadded'],
        contexts: new Map<string, HostPath | { image: string }>([
          ['extra', hostPath(directory)],
          ['base', { image: 'alpine:3.19' }],
        ]),
      };
      const made = await run(
        dockerfile,
        (image) => [
          readdirSync(join(image.opened.tree.root, 'copied')),
          read(image, 'list'),
          read(image, 'hosts'),
          read(image, 'etc/hosts').includes('added'),
        ],
        {},
        { plan },
      );
      expect(made).toEqual([['.dockerignore', 'kept'], 'kept\n', '192.0.2.7\tadded\n', false]);
      await run(dockerfile, () => undefined, {}, { plan });
      expect(bench.steps().ran).toEqual([]);
      writeFileSync(join(directory, 'kept'), 'changed\n');
      await run(dockerfile, () => undefined, {}, { plan });
      expect(bench.steps().cached).toEqual([]);
      await expect(run('FROM extra', () => undefined, {}, { plan })).rejects.toMatchObject({
        code: 'ALP_BUILD_UNSUPPORTED',
      });
    });

    it('fails with the line, the status and the end of the output', async () => {
      await expect(
        run('FROM alpine:3.19\nRUN echo before\nRUN echo words >&2; \\\n  exit 3', () => undefined),
      ).rejects.toMatchObject({
        code: 'ALP_BUILD_RUN',
        exitStatus: 8,
        message: expect.stringMatching(/^Dockerfile:3: `RUN echo words.*` ended with status 3\n {2}\| words$/s),
        facts: { status: 3 },
      });
      await run('FROM alpine:3.19\nRUN echo before\nRUN true', () => undefined);
      expect(bench.steps().cached).toEqual(['[stage-0 1/2] RUN echo before']);
    });

    it('serves apk in any shell construction, also concurrently, and leaves queries to the real one', async () => {
      bench.apk = (request) =>
        Promise.resolve({
          kind: 'done',
          status: request.args.includes('bad') ? 7 : 0,
          stdout: `served ${request.args.join('|')} in ${request.cwd}\n`,
          stderr: '',
        });
      const dockerfile = [
        'FROM alpine:3.19',
        'WORKDIR /work',
        'RUN apk add --no-cache gcc "so:lib z.so" && for p in a b; do apk add $p; done; echo c | xargs apk add',
        'RUN apk add 1 & apk add 2 & apk add 3 & wait',
        'RUN apk add bad || echo status $? > /status',
        'RUN apk --version > /version; apk info -e musl > /info',
      ].join('\n');
      const seen = await run(dockerfile, (image) => [
        read(image, 'status'),
        read(image, 'version'),
        read(image, 'info'),
      ]);
      expect(seen).toEqual(['status 7\n', expect.stringContaining('apk-tools 2.14'), 'musl\n']);
      expect(bench.apkCalls.map((call) => call.args.join(' ')).sort()).toEqual([
        'add --no-cache gcc so:lib z.so',
        'add 1',
        'add 2',
        'add 3',
        'add a',
        'add b',
        'add bad',
        'add c',
      ]);
      expect(bench.output()).toContain('served add|--no-cache|gcc|so:lib z.so in /work');
    });

    it('lets a RUN remove or replace apk itself, and keeps what is done to it', async () => {
      const dockerfile = [
        'FROM alpine:3.19 AS a',
        'RUN apk add x && rm -rf /sbin/apk /etc/apk /lib/apk && ! apk --version',
        'FROM alpine:3.19 AS b',
        'RUN rm /sbin/apk && echo mine > /sbin/apk',
        'FROM alpine:3.19',
        'RUN chmod 700 /sbin/apk && apk add x',
        'RUN apk --version > /version',
        'COPY --from=a /sbin /a',
        'COPY --from=b /sbin/apk /b',
      ].join('\n');
      const made = await run(dockerfile, (image) => {
        const { root } = image.opened.tree;
        return [
          existsSync(join(root, 'a/apk')),
          read(image, 'b'),
          read(image, 'version'),
          statSync(join(root, 'sbin/apk')).size > 10_000,
          statSync(join(root, 'sbin/apk')).mode & 0o777,
        ];
      });
      expect(made).toEqual([false, 'mine\n', expect.stringContaining('apk-tools'), true, 0o700]);
    });

    it('leaves no trace of shim, mounts or name service in the layer', async () => {
      const made = await run(
        'FROM alpine:3.19\nRUN --mount=type=cache,target=/c/d --mount=type=tmpfs,target=/t echo x > /c/d/x; echo y > /t/y; apk add z',
        (image) => {
          const root = image.opened.tree.root;
          return [readdirSync(root).sort(), readdirSync(join(root, 'run')), readdirSync(join(root, 'tmp'))];
        },
      );
      expect(made).toEqual([
        [
          'bin',
          'dev',
          'etc',
          'home',
          'lib',
          'media',
          'mnt',
          'opt',
          'proc',
          'root',
          'run',
          'sbin',
          'srv',
          'sys',
          'tmp',
          'usr',
          'var',
        ],
        [],
        [],
      ]);
    });

    it('keeps a cache between builds, drops writes to a bind, and shows files of other stages', async () => {
      const dockerfile = (word: string): string =>
        [
          'FROM alpine:3.19 AS src',
          'RUN mkdir /s && echo stage > /s/f',
          'FROM alpine:3.19',
          `RUN --mount=type=cache,target=/c --mount=target=/ctx,rw --mount=from=src,source=/s,target=/s echo ${word} >> /c/log; cat /c/log /ctx/a /s/f > /out; echo no > /ctx/new`,
        ].join('\n');
      const files = { a: 'context\n' };
      expect(await run(dockerfile('1'), file('out'), files)).toBe('1\ncontext\nstage\n');
      expect(await run(dockerfile('2'), file('out'), files)).toBe('1\n2\ncontext\nstage\n');
    });

    it('begins a cache with a directory of another stage', async () => {
      const dockerfile = [
        'FROM alpine:3.19 AS seed',
        'RUN mkdir -p /s/d && echo seed > /s/d/f',
        'FROM alpine:3.19',
        'RUN --mount=type=cache,target=/c,from=seed,source=/s cat /c/d/f > /one && echo more >> /c/d/f',
        'RUN --mount=type=cache,target=/c,from=seed,source=/s cat /c/d/f > /two',
      ].join('\n');
      expect(await run(dockerfile, (image) => [read(image, 'one'), read(image, 'two')])).toEqual([
        'seed\n',
        'seed\nmore\n',
      ]);
    });

    it('gives secrets to the RUN that asks, and to nothing else', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'alproot-secret-'));
      try {
        writeFileSync(join(directory, 's'), 'hunter22');
        const secrets = new Map<string, Secret>([
          ['s', { kind: 'file', path: hostPath(join(directory, 's')) }],
          ['v', { kind: 'value', value: 'valuable' }],
        ]);
        const dockerfile =
          'FROM alpine:3.19\nRUN --mount=type=secret,id=s --mount=type=secret,id=v,env=V --mount=type=secret,id=absent cat /run/secrets/s; echo; echo $V; wc -c < /run/secrets/s > /n';
        expect(await run(dockerfile, file('n'), {}, { secrets })).toBe('8\n');
        expect(bench.output()).toBe('***\n***\n');
        const layers = readdirSync(join(bench.root, 'layers'))
          .map((name) => readFileSync(join(bench.root, 'layers', name), 'latin1'))
          .join('');
        expect(layers).not.toMatch(/hunter22|valuable/);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });

    it('removes files in a layer, and the next stage does not see them', async () => {
      const dockerfile =
        'FROM alpine:3.19 AS a\nRUN mkdir -p /x/y && touch /x/y/f /x/g\nRUN rm -r /x/y /etc/motd\nFROM a\nRUN ls /x > /list';
      expect(
        await run(dockerfile, (image) => [read(image, 'list'), existsSync(join(image.opened.tree.root, 'etc/motd'))]),
      ).toEqual(['g\n', false]);
      const again = await run(dockerfile, (image) => [
        read(image, 'list'),
        existsSync(join(image.opened.tree.root, 'etc/motd')),
      ]);
      expect([again, bench.steps().ran]).toEqual([['g\n', false], []]);
    });

    it('has no input, and can be interrupted', async () => {
      expect(await run('FROM alpine:3.19\nRUN cat > /empty; echo done >> /empty', file('empty'))).toBe('done\n');
      const abort = new AbortController();
      const building = run(
        'FROM alpine:3.19\nRUN echo started; sleep 1000',
        () => undefined,
        {},
        { signal: abort.signal },
      );
      const started = new Promise<void>((resolve) => {
        const push = bench.events.push.bind(bench.events);
        bench.events.push = (event) => {
          if (event.kind === 'output') resolve();
          return push(event);
        };
      });
      await Promise.race([started, building]);
      abort.abort(new Error('interrupted'));
      await expect(building).rejects.toThrow('interrupted');
      expect(readdirSync(bench.root).filter((name) => name.startsWith('workspace'))).toEqual([]);
    });
  });
}
