/** What goes wrong in answering a RUN's `apk` fails the step like any other error, and nothing is left behind. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AlprootError } from '../../src/core/errors.ts';
import { type BuildBench, makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

let bench: BuildBench;
beforeAll(() => {
  bench = makeBench();
});
afterAll(() => bench.close());

const test = it.skipIf(capability('upstream', 'bwrap').skip);
const build = (run: string, apk: BuildBench['apk']): Promise<unknown> => {
  bench.apk = apk;
  return bench
    .build(`FROM alpine:3.19\nRUN ${run}`, {}, () => undefined)
    .then(
      () => 'built',
      (error: unknown) => error,
    );
};
const left = (): string[] => readdirSync(bench.root).filter((name) => /^(?:workspace|scratch)-/.test(name));

test.each(['apk add x', 'apk add x || true', 'apk add x & sleep 1000', 'while true; do apk add x; done'])(
  'an error of ours ends the build with that error: RUN %s',
  async (run) => {
    const before = left();
    const bug = new RangeError('Invalid time value');
    expect(await build(run, () => Promise.reject(bug))).toBe(bug);
    expect(left()).toEqual(before);
  },
);

test('a foreseen error is printed where apk prints its own, and the RUN goes on', async () => {
  const fail = (): Promise<never> =>
    Promise.reject(new AlprootError('ALP_FETCH_OFFLINE', 'app is not in the store', { hint: 'fetch it' }));
  expect(await build('apk add x || true', fail)).toBe('built');
  expect(bench.output()).toContain('ERROR: app is not in the store (ALP_FETCH_OFFLINE)\nhint: fetch it\n');
  expect(await build('apk add x; exit 3', fail)).toMatchObject({ code: 'ALP_BUILD_RUN', facts: { status: 3 } });
});

test('a host that fails is such an error', async () => {
  const fail = (): Promise<never> =>
    Promise.reject(
      Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read', path: '/a/file' }),
    );
  expect(await build('apk add x', fail)).toMatchObject({ code: 'ALP_BUILD_RUN' });
  expect(bench.output()).toMatch(/ERROR: cannot read .*\/a\/file.*: i\/o error \(EIO\)/);
});
