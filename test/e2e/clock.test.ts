/**
 * A clock that is wrong, or jumps, and times of files that lie in the future: results are the same, and nothing is
 * taken for newer or older than it is.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap');
/**
 * Preloaded into Node and its threads: what it believes the time to be. Argument of each: the true time, and how often
 * it was asked.
 */
const CLOCKS = {
  'is right': '(now) => now',
  'is ten years slow': '(now) => now - 315576e6',
  'is ten years fast': '(now) => now + 315576e6',
  'jumps back and forth by a year': '(now, turn) => now + (turn % 2 === 0 ? 1 : -1) * 315576e5',
} as const;
type ClockName = keyof typeof CLOCKS;
const DOCKERFILE = 'FROM alpine:3.19\nRUN apk add app && date >/dev/null && echo made >/made\nCOPY file copied\n';

let root: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-clock-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'opt/app': 'app' } },
  ]);
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

/** Runs alproot by that clock, in a directory and with a store that bear `name`. */
function call(name: string, clock: ClockName, args: readonly string[]): Promise<CliResult> {
  const cwd = join(root, name);
  const preload = join(root, `${Object.keys(CLOCKS).indexOf(clock)}.cjs`);
  writeFileSync(
    preload,
    `const True = Date; const believe = ${CLOCKS[clock]}; let turn = 0;
    globalThis.Date = class extends True { constructor(...given) { given.length === 0 ? super(Date.now()) : super(...given); } static now() { return believe(True.now(), turn++); } };`,
  );
  mkdirSync(cwd, { recursive: true });
  return runCli(args, { cwd, cache: join(cwd, 'cache'), env: { NODE_OPTIONS: `--require ${preload}` } });
}

async function build(name: string, clock: ClockName): Promise<CliResult> {
  mkdirSync(join(root, name), { recursive: true });
  if (!existsSync(join(root, name, 'file'))) writeFileSync(join(root, name, 'file'), 'content', { mode: 0o644 });
  writeFileSync(join(root, name, 'Dockerfile'), DOCKERFILE);
  return call(name, clock, [
    'build',
    '.',
    ...mirror.args,
    '-o',
    'type=oci,dest=image,tar=false',
    '--progress',
    'plain',
  ]);
}
const imageOf = (name: string): string => readFileSync(join(root, name, 'image/index.json'), 'utf8');
const FUTURE = new Date('2090-01-01T00:00:00Z');

function putIntoFuture(directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) utimesSync(join(entry.parentPath, entry.name), FUTURE, FUTURE);
  }
}

describe.skipIf(needs.skip)(`a clock${needs.reason}`, () => {
  beforeAll(async () => {
    expect(await build('right', 'is right')).toMatchObject({ status: 0 });
    expect(await call('right', 'is right', ['lock', '.', ...mirror.args])).toMatchObject({ status: 0 });
  });

  it.each(['is ten years slow', 'is ten years fast', 'jumps back and forth by a year'] as const)(
    'that %s changes no byte of an image or a lock',
    async (clock) => {
      const name = clock.replaceAll(' ', '-');
      expect(await build(name, clock)).toMatchObject({ status: 0 });
      expect(imageOf(name)).toBe(imageOf('right'));
      expect(await call(name, clock, ['lock', '.', ...mirror.args])).toMatchObject({ status: 0 });
      expect(readFileSync(join(root, name, 'alproot.lock'), 'utf8')).toBe(
        readFileSync(join(root, 'right', 'alproot.lock'), 'utf8'),
      );
      // Set right again, it finds all steps where they were.
      const again = await build(name, 'is right');
      expect([again.status, again.stderr.match(/CACHED|cached/g)?.length]).toEqual([0, 2]);
      expect(imageOf(name)).toBe(imageOf('right'));
    },
  );

  it('behind all files of the context and the store finds the cached steps, and what has changed', async () => {
    expect(await build('future', 'is right')).toMatchObject({ status: 0 });
    putIntoFuture(join(root, 'future'));
    const again = await build('future', 'is right');
    expect([again.status, again.stderr.match(/CACHED|cached/g)?.length]).toEqual([0, 2]);
    expect(imageOf('future')).toBe(imageOf('right'));
    // As long as before, and of the same time.
    writeFileSync(join(root, 'future/file'), 'CONTENT');
    utimesSync(join(root, 'future/file'), FUTURE, FUTURE);
    expect((await build('future', 'is right')).status).toBe(0);
    expect(imageOf('future')).not.toBe(imageOf('right'));
  });

  it('that was wrong lets the store be cleaned up, and used again', async () => {
    expect(await build('cleaned', 'is ten years fast')).toMatchObject({ status: 0 });
    for (const clock of ['is right', 'is ten years slow', 'is ten years fast'] as const) {
      expect(await call('cleaned', clock, ['cache', 'gc', '--older-than', '0'])).toMatchObject({ status: 0 });
      expect(await build('cleaned', clock)).toMatchObject({ status: 0 });
      expect(imageOf('cleaned')).toBe(imageOf('right'));
    }
  });
});
