/**
 * A build that goes on in a cached stage tree, killed where the tree changes hands: the next one gives what it gives
 * elsewhere.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import type { CliResult } from '../helpers/cli.ts';
import { killAtSyscall, runOperation } from '../helpers/faults.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap', 'strace');
const DOCKERFILE =
  'FROM alpine:3.19 AS made\nRUN mkdir /src && echo old > /src/old\nCOPY data /src/\nRUN cat /src/data /src/old > /src/out\nFROM scratch\nCOPY --from=made /src/out /\n';

describe.skipIf(needs.skip)(`a build in a cached stage tree that is killed${needs.reason}`, () => {
  let place: string;
  let mirror: ReleaseMirror;
  const build = (data: string, prefix: readonly string[] = []): Promise<CliResult> => {
    writeFileSync(join(place, 'context', 'data'), `${data}\n`);
    return runOperation({ mirror }, { args: ['build', '-q', '-o', 'out', 'context'] }, { place, prefix });
  };
  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'alproot-killed-'));
    for (const name of ['context', 'home']) mkdirSync(join(place, name));
    writeFileSync(join(place, 'context', 'Dockerfile'), DOCKERFILE);
    mirror = await makeReleaseMirror(join(place, 'mirror'), []);
    expect(await build('first')).toMatchObject({ status: 0 });
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('at rename number %i leaves nothing that matters', async (at) => {
    await build(`killed ${at}`, killAtSyscall('rename', at).prefix);
    const { status, stderr } = await build(`new ${at}`);
    expect([status, stderr]).toEqual([0, '']);
    expect(readFileSync(join(place, 'out', 'out'), 'utf8')).toBe(`new ${at}\nold\n`);
    expect(readdirSync(join(place, 'cache', 'tmp'))).toEqual([]);
    expect(readdirSync(join(place, 'cache', 'trees'))).toHaveLength(2);
  });
});
