/**
 * Owners, modes and capabilities that RUN gives: seen by later RUNs, kept by COPY --from, the same in every output,
 * whoever builds.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { writeOutput } from '../../src/build/output.ts';
import { parseOutputSpec } from '../../src/build/output-spec.ts';
import { type BuildBench, describeTree, makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

let bench: BuildBench;
beforeEach(() => {
  bench = makeBench();
});
afterEach(() => bench.close());

const DOCKERFILE = [
  'FROM alpine:3.19 AS a',
  'RUN adduser -D -u 1234 app && mkdir /srv/d && echo x > /srv/d/f && chown -R app:app /srv/d && chmod 4755 /srv/d/f && install -o app -g 7 -m 600 /srv/d/f /srv/g',
  "RUN stat -c '%U:%G %a' /srv/d /srv/d/f /srv/g > /seen",
  'USER app',
  'WORKDIR /home/app/w',
  'RUN echo "$(id -un) $HOME $PWD" > mine && cat mine > /tmp/who',
  'FROM scratch',
  'COPY --from=a /srv /srv',
  'COPY --from=a /seen /tmp/who /',
  'COPY --from=a /home/app /home',
].join('\n');

for (const backend of ['bwrap', 'userns', 'proot'] as const) {
  const needs = capability('upstream', backend);
  describe.skipIf(needs.skip)(`owners under ${backend}${needs.reason}`, () => {
    it('are what the Dockerfile says, for root and for an ordinary user, cached or not', async () => {
      const files = (lines: string[]): string[] =>
        lines.filter((line) => !line.startsWith('seen') && !line.startsWith('who'));
      const build = () =>
        bench.build(
          DOCKERFILE,
          {},
          async (image) => {
            const written = await writeOutput(image, parseOutputSpec('type=oci,dest=image'), {
              cwd: hostPath(bench.root),
              names: [],
              epoch: undefined,
              writeStandardOutput: () => undefined,
            });
            const read = (name: string): string => readFileSync(join(image.opened.tree.root, name), 'utf8');
            return { tree: files(describeTree(image)), seen: read('seen'), who: read('who'), digest: written?.digest };
          },
          { backend },
        );
      const first = await build();
      expect(first).toEqual({
        tree: [
          'home/ 755',
          'home/w/ 755 1234:1234',
          'home/w/mine 644 1234:1234 "app /home/app /home/app/w\\n"',
          'srv/ 755',
          'srv/d/ 755 1234:1234',
          'srv/d/f 4755 1234:1234 "x\\n"',
          'srv/g 600 1234:7 "x\\n"',
        ],
        seen: 'app:app 755\napp:app 4755\napp:lp 600\n',
        who: 'app /home/app /home/app/w\n',
        digest: 'sha256:0895fa967365df38397416165642de9303f891c176c057c16e0f4df7eadcbf16',
      });
      expect(await build()).toEqual(first);
      expect(bench.steps().ran).toEqual([]);
    });

    it('do not depend on the umask of whoever builds', async () => {
      const before = process.umask(0o077);
      try {
        const seen = await bench.build(
          'FROM alpine:3.19 AS a\nRUN umask > /u && mkdir /d && touch /d/f\nWORKDIR /w\nCOPY conf c\nFROM scratch\nCOPY --from=a /u /d /w /x/\nCOPY --from=a /w /w',
          { conf: { mode: 0o644, text: 'c' } },
          describeTree,
          { backend },
        );
        expect(seen).toEqual(['w/ 755', 'w/c 644 "c"', 'x/ 755', 'x/c 644 "c"', 'x/f 644 ""', 'x/u 644 "0022\\n"']);
      } finally {
        process.umask(before);
      }
    });

    it('leave directories that are closed to their owner open to the build', async () => {
      const dockerfile = [
        'FROM alpine:3.19 AS a',
        'RUN mkdir -p /w/d/in /w/e && cd /w && echo x > d/in/f && chmod 000 d/in/f && chmod 555 d/in && chmod 600 d && chmod 000 e',
        'COPY --chmod=0640 conf /w/c/',
        "RUN cd /w && stat -c '%a' d d/in d/in/f e c/in > /seen && echo y >> d/in/g && chmod 700 e",
        'FROM scratch',
        'COPY --from=a /w /',
        'COPY --from=a /seen /',
      ].join('\n');
      const see = (): Promise<string[]> => bench.build(dockerfile, { 'conf/in/f': 'z' }, describeTree, { backend });
      const first = await see();
      expect(first).toEqual([
        'c/ 755',
        'c/in/ 640',
        'c/in/f 640 "z"',
        'd/ 600',
        'd/in/ 555',
        'd/in/f 0 "x\\n"',
        'd/in/g 644 "y\\n"',
        'e/ 700',
        'seen 644 "600\\n555\\n0\\n0\\n640\\n"',
      ]);
      expect(await see()).toEqual(first);
    });
  });
}

const root = capability('upstream', 'bwrap', 'chroot');
describe.skipIf(root.skip)(`users of a build by root${root.reason}`, () => {
  it('have the groups that /etc/group gives them, unless USER names one', async () => {
    const dockerfile = [
      'FROM alpine:3.19',
      'RUN adduser -D -u 1234 app && addgroup app wheel && addgroup app tty && install -d -m 770 -g wheel /shared',
      'USER app',
      'RUN touch /shared/f && id -G > /tmp/name',
      'USER 1234',
      'RUN id -G > /tmp/number',
      'USER app:app',
      'RUN id -G > /tmp/group; touch /shared/g || true',
    ].join('\n');
    const seen = await bench.build(
      dockerfile,
      {},
      (image) =>
        ['name', 'number', 'group'].map((name) =>
          readFileSync(join(image.opened.tree.root, 'tmp', name), 'utf8')
            .trim()
            .split(' ')
            .sort(),
        ),
      { backend: 'bwrap' },
    );
    expect(seen).toEqual([['10', '1234', '5'], ['10', '1234', '5'], ['1234']]);
  });
});
