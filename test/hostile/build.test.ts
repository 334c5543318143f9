/** Attacks by a Dockerfile, its context, and what runs in a RUN, on the machine that builds. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDockerfile } from '../../src/formats/dockerfile/dockerfile.ts';
import { planBuild } from '../../src/build/planner.ts';
import { type BuildBench, describeTree, makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

let bench: BuildBench;
let outside: string;
beforeEach(() => {
  bench = makeBench();
  outside = mkdtempSync(join(tmpdir(), 'alproot-outside-'));
  writeFileSync(join(outside, 'secret'), 'host secret');
});
afterEach(() => {
  bench.close();
  rmSync(outside, { recursive: true, force: true });
});

describe('the context', () => {
  it('does not let a link lead to a file of the host', async () => {
    const files = { link: { link: join(outside, 'secret') }, dir: { link: outside } };
    for (const step of [
      'COPY link /x',
      'COPY dir/secret /x',
      'ADD link /x',
      'COPY lin? /x',
      'COPY dir/* /x/',
      'COPY --parents dir/secret /x/',
    ]) {
      await expect(
        bench.build(`FROM scratch\n${step}`, files, () => undefined),
        step,
      ).rejects.toMatchObject({ code: 'ALP_BUILD_CONTEXT' });
    }
    expect(await bench.build('FROM scratch\nCOPY . /', files, describeTree)).toEqual([
      `dir -> ${outside}`,
      `link -> ${join(outside, 'secret')}`,
    ]);
  });

  it('does not let a source climb out', async () => {
    await expect(
      bench.build(`FROM scratch\nCOPY ../../../../..${outside}/secret /x`, {}, () => undefined),
    ).rejects.toMatchObject({ code: 'ALP_BUILD_CONTEXT' });
  });
});

describe('links of a stage', () => {
  it('lead COPY, WORKDIR, ADD and mount points nowhere but inside', async () => {
    const files = { a: 'A', 'l/out': { link: outside }, 'l/up': { link: '../../../../../../../../..' } };
    const inside = await bench.build(
      `FROM scratch\nCOPY l /l\nCOPY a /l/out/new\nWORKDIR /l/up${outside}/dir\nCOPY a /l/up${outside}/b`,
      files,
      describeTree,
    );
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(inside).toContain(`${outside.slice(1)}/new 644 "A"`);
  });

  it('lead an archive nowhere but inside', async () => {
    const packed = join(outside, 'in');
    mkdirSync(packed);
    symlinkSync(outside, join(packed, 'd'));
    execFileSync('tar', ['-cf', join(packed, 'x.tar'), '-C', packed, 'd']);
    rmSync(join(packed, 'd'));
    mkdirSync(join(packed, 'd'));
    writeFileSync(join(packed, 'd', 'planted'), 'x');
    execFileSync('tar', ['-rf', join(packed, 'x.tar'), '-C', packed, 'd/planted']);
    const archive = readFileSync(join(packed, 'x.tar'));
    await bench.build('FROM scratch\nADD x.tar /t/', { 'x.tar': archive }, describeTree);
    expect(existsSync(join(outside, 'planted'))).toBe(false);
  });
});

const bwrap = capability('upstream', 'bwrap');
describe.skipIf(bwrap.skip)(`what a RUN leaves behind${bwrap.reason}`, () => {
  it('cannot lead later steps or outputs out of the tree', async () => {
    const dockerfile =
      `FROM alpine\nRUN rm -rf /srv /etc && ln -s ${outside} /srv && ln -s ${outside} /etc\nCOPY a ` +
      `/srv/planted\nUSER 0\nRUN --mount=type=cache,target=/srv/cache echo x > /srv/cache/y`;
    await bench
      .build(dockerfile, { a: 'A' }, describeTree)
      .catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^ALP_(?:RUN|BUILD)_/) }));
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  it('cannot reach a file of the host through what is mounted', async () => {
    await expect(bench.build(`FROM alpine\nRUN cat ${outside}/secret`, {}, () => undefined)).rejects.toMatchObject({
      code: 'ALP_BUILD_RUN',
    });
    await expect(
      bench.build(
        `FROM alpine AS a\nRUN ln -s ${outside} /l\nFROM alpine\nRUN --mount=from=a,source=/l,target=/m cat /m/secret`,
        {},
        () => undefined,
      ),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_BUILD_/) });
  });

  it('cannot make the builder read or write elsewhere through the apk exchange', async () => {
    const dockerfile = [
      'FROM alpine',
      `RUN cd /run/.alproot && ln -s ${outside}/secret request.77 && mkdir request.78 && mkfifo ` +
        `request.79 && head -c 8000000 /dev/zero > request.80 && printf 'no nul' > request.81 && ln ` +
        `-s ${outside}/secret answer.9 && apk add ok`,
    ].join('\n');
    await bench.build(dockerfile, {}, () => undefined);
    expect([bench.apkCalls.map((call) => call.args), readFileSync(join(outside, 'secret'), 'utf8')]).toEqual([
      [['add', 'ok']],
      'host secret',
    ]);
  });

  it('cannot have packages installed as another user than root', async () => {
    const seen = await bench.build(
      'FROM alpine\nUSER 1000\nRUN apk add x > /tmp/said 2>&1; echo $? >> /tmp/said',
      {},
      (image) => readFileSync(join(image.opened.tree.root, 'tmp/said'), 'utf8'),
    );
    expect([seen, bench.apkCalls.length]).toEqual([expect.stringContaining('Permission denied'), 0]);
  });
});

describe('a Dockerfile', () => {
  it('that is huge is refused before it is parsed', () => {
    expect(() => parseDockerfile('#'.repeat(5 * 1024 * 1024))).toThrow(
      expect.objectContaining({ code: 'ALP_LIMIT_SIZE' }),
    );
  });

  it.each([
    'FROM alpine\nENV A=${'.repeat(2000),
    `FROM alpine\nENV A=${'${A:-'.repeat(3000)}`,
    'FROM alpine\nRUN <<A\n'.repeat(1000),
    `FROM alpine\nCOPY ${'a '.repeat(50_000)}/x/`,
    '\0\u0001\u202e',
    'FROM alpine\nONBUILD '.repeat(100),
  ])('of nonsense gives refusals, nothing worse (%#)', (text) => {
    const plan = planBuild(text, {
      file: 'Dockerfile',
      target: undefined,
      buildArgs: {},
      buildArch: 'x86_64',
      targetArch: 'x86_64',
      runnable: ['x86_64'],
      network: 'none',
    });
    expect(plan.refusals.every((refusal) => refusal.code.startsWith('ALP_'))).toBe(true);
  });
});
