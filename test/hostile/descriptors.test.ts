/** Descriptors that alproot's caller left open, and working directories that are one: no command gets at them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BuildBench, makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream');
let work: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-descriptors-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [{ name: 'app', version: '1-r0' }]);
  writeFileSync(join(work, 'secret'), 'host secret');
});
afterAll(() => {
  if (!needs.skip) rmSync(work, { recursive: true, force: true });
});

/** Opens a file, a directory and a pipe, all to be inherited, and becomes alproot. */
const LEAK = ['bash', '-c', 'exec 7<"$0/secret" 8<"$0" 9> >(cat >/dev/null) 33<"$0/secret"; exec "$@"'];

describe.each(['bwrap', 'userns', 'chroot', 'proot'] as const)('descriptors of the caller under %s', (backend) => {
  const { skip, reason } = capability(backend, 'upstream');
  it.skipIf(skip)(`are closed before anything of a tree runs${reason}`, async () => {
    const script = 'for fd in 3 4 5 6 7 8 9 33; do cat <&$fd; ls /proc/self/fd/$fd/; done; ls -l /proc/self/fd';
    const { status, stdout } = await runCli(
      ['run', '--backend', backend, ...mirror.args, '--workdir', '/', '--', 'sh', '-c', script],
      { cwd: tmpdir(), cache: join(work, 'cache'), prefix: [...LEAK.slice(0, 3), work] },
    );
    expect(status).toBe(0);
    expect(stdout).not.toContain('host secret');
    expect(stdout).not.toContain(`${work}/secret`);
    expect(stdout.match(/ (\d+) -> /g)?.filter((text) => Number(/\d+/.exec(text)?.[0]) > 3)).toEqual([]);
  });
});

const bwrap = capability('upstream', 'bwrap');
describe.skipIf(bwrap.skip)(`a working directory that is a descriptor${bwrap.reason}`, () => {
  let bench: BuildBench;
  beforeEach(() => void (bench = makeBench()));
  afterEach(() => bench.close());

  const escape = async (dockerfile: string): Promise<unknown> => {
    const ended = await bench.build(dockerfile, {}, () => 'built').catch((error: unknown) => error);
    expect(bench.output()).not.toMatch(/host secret|reached/);
    return ended;
  };
  const refused = expect.objectContaining({
    code: 'ALP_RUN_MOUNT',
    message: expect.stringMatching(/^Dockerfile:\d+: cannot work in/),
  });

  it.each([
    ...Array.from({ length: 12 }, (_, fd) => `/proc/self/fd/${fd}`),
    '/proc/self/fd/3/../..',
    '/proc/1/root',
    '/proc/self/cwd',
    '/proc/thread-self/root/etc',
    '/sys/kernel',
    '/dev/fd/3',
    '/proc',
  ])('such as %s is refused before anything runs', async (path) => {
    expect(await escape(`FROM alpine\nWORKDIR ${path}\nRUN echo reached; cat sys/kernel/hostname`)).toEqual(refused);
  });

  it('reached through links of the tree is refused likewise', async () => {
    expect(await escape('FROM alpine\nRUN ln -s /proc/self/fd /fds\nWORKDIR /fds/3\nRUN echo reached')).toEqual(
      refused,
    );
    expect(await escape('FROM alpine\nWORKDIR /w\nRUN rmdir /w; ln -s /proc/self/fd/3 /w\nRUN echo reached')).toEqual(
      refused,
    );
    expect(
      await escape(
        'FROM alpine\nRUN mkdir -p /a && ln -s ../../../proc /a/b\nWORKDIR /a/b/self/fd/3\nRUN echo reached',
      ),
    ).toEqual(refused);
  });

  it('is none in shared memory, whose directories are shown as others are', async () => {
    const shown = mkdtempSync('/dev/shm/alproot-shown-');
    try {
      const { stdout, stderr } = await runCli(
        ['run', '--backend', 'bwrap', ...mirror.args, '--', 'sh', '-c', 'pwd; echo made > file'],
        { cwd: shown, cache: join(work, 'cache') },
      );
      expect(stdout, stderr).toBe(`${shown}\n`);
      expect(readFileSync(join(shown, 'file'), 'utf8')).toBe('made\n');
    } finally {
      rmSync(shown, { recursive: true, force: true });
    }
  });

  it('reached through links of a mount is refused likewise', async () => {
    const cache = '--mount=type=cache,target=/c';
    expect(
      await escape(
        `FROM alpine\nRUN ${cache} ln -s /proc/self/fd/3 /c/l; mkdir /c/d\nWORKDIR /c/l\nRUN ${cache} echo reached`,
      ),
    ).not.toBe('built');
  });
});
