/** Dockerfiles and ignore files changed at random: planned, or refused with an error of ours, in good time. */
import fc from 'fast-check';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planBuild } from '../../src/build/planner.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { parseDockerignore } from '../../src/formats/dockerfile/dockerignore.ts';
import { BOX, SECONDS } from '../helpers/fuzz.ts';
import { projectRoot } from '../helpers/cli.ts';

const EXAMPLES = readdirSync(join(projectRoot, 'examples'))
  .flatMap((name) => ['Dockerfile', 'Dockerfile.alpine'].map((file) => join(projectRoot, 'examples', name, file)))
  .filter(existsSync)
  .map((path) => readFileSync(path, 'utf8'));
const RICH = [
  '# syntax=docker/dockerfile:1',
  '# escape=\\',
  'ARG V=3.19',
  'FROM --platform=$BUILDPLATFORM alpine:${V:-3.20} AS a',
  'ARG V',
  'ENV A=1 B="$A x" C=${B:+y}',
  'ENV OLD style value',
  'RUN --mount=type=cache,id=x,target=/c,sharing=locked --mount=type=secret,id=s,env=S,required=true --network=none set -eux; \\',
  '  # why',
  '',
  '  echo "a\\',
  '  b"',
  'RUN <<-EOF',
  '\tcat <<IN',
  '\tIN',
  '\tEOF',
  'SHELL ["/bin/sh", "-c"]',
  'COPY --link --parents --exclude=*.o --chown=1:2 --chmod=u+x a* ["b c"] ./',
  'COPY <<"E" <<F /d/',
  '$x',
  'E',
  'y',
  'F',
  'ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://e.org/x.tgz /t/',
  'ADD --keep-git-dir=true https://e.org/r.git#v1:d /g',
  'WORKDIR r/$A',
  'USER $A:b',
  'ONBUILD RUN x',
  'HEALTHCHECK --interval=5s --retries=3 CMD ["a"]',
  'EXPOSE 80/tcp 90-99',
  'VOLUME ["/a"]',
  'STOPSIGNAL 9',
  'LABEL a="b c" d=e',
  'FROM scratch',
  'COPY --from=a / /',
  'ENTRYPOINT ["a"]',
  'CMD b c',
  '',
].join('\n');

/** Pieces that mean something to somebody. */
const pieces = fc.oneof(
  fc.constantFrom(
    '\n',
    '\\\n',
    '\r\n',
    '<<EOF\n',
    '<<',
    '"',
    "'",
    '\\',
    '$',
    '${',
    '${a:-',
    '}',
    '--mount=',
    'type=',
    ',',
    '=',
    '#',
    '[',
    ']',
    '["',
    '\0',
    '\t',
    '--',
    '/..',
    '*',
    '**',
    '!',
    '🙂',
    'FROM ',
    'RUN ',
    'COPY ',
    'ARG ',
    'ENV ',
    'ONBUILD ',
  ),
  fc.string({ maxLength: 8 }),
);
const edits = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.constantFrom(0, 1, 5, 40), pieces),
  { minLength: 1, maxLength: 8 },
);

const changed = (text: string, list: readonly (readonly [number, number, string])[]): string =>
  list.reduce((all, [where, cut, piece]) => {
    const at = Math.floor(where * (all.length + 1));
    return all.slice(0, at) + piece + all.slice(at + cut);
  }, text);

function only(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(AlprootError);
    expect((error as AlprootError).code).toMatch(/^ALP_(?:FORMAT|BUILD|USAGE|LIMIT|UNPACK)_/);
  }
}

it(
  'a Dockerfile is planned or refused in plain words',
  () => {
    const options = {
      file: 'Dockerfile',
      target: undefined,
      buildArgs: {},
      buildArch: 'x86_64',
      targetArch: 'x86_64',
      runnable: ['x86_64'],
      network: 'none',
    } as const;
    fc.assert(
      fc.property(fc.constantFrom(RICH, ...EXAMPLES), edits, (text, list) => {
        const started = performance.now();
        only(() => JSON.stringify(planBuild(changed(text, list), { ...options, runnable: [...options.runnable] })));
        expect(performance.now() - started).toBeLessThan(10_000);
      }),
      BOX,
    );
  },
  (SECONDS + 60) * 1000,
);

it(
  'an ignore file is read whatever it says, and asked without end',
  () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.string({ maxLength: 200 }), (parts, path) => {
        const started = performance.now();
        only(() => {
          const rules = parseDockerignore(parts.join(''));
          rules.isIgnored(path);
          rules.mayHoldExceptions(path);
        });
        expect(performance.now() - started).toBeLessThan(10_000);
      }),
      BOX,
    );
  },
  (SECONDS + 60) * 1000,
);
