/** Progress on a terminal that is resized meanwhile, and the end of a command by Ctrl-C. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand } from '../helpers/cli.ts';
import { startServer, type TestServer, type Visit } from '../helpers/https-mirror.ts';
import { makeReleaseMirror } from '../helpers/release-mirror.ts';
import { openTerminal, type Terminal } from '../helpers/tmux.ts';

const needs = capability('tmux');
let work: string;
let server: TestServer | undefined;
let terminal: Terminal | undefined;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-progress-'));
});
afterEach(async () => {
  terminal?.close();
  await server?.close();
  rmSync(work, { recursive: true, force: true });
});

const alproot = (...args: readonly string[]): Terminal =>
  openTerminal([process.execPath, builtCommand(), ...args].map((word) => `'${word}'`).join(' '), {
    HOME: work,
    ALPROOT_CACHE: join(work, 'cache'),
  });
const until = (seen: (lines: string[]) => boolean): Promise<string[]> =>
  vi.waitFor(
    () => {
      const lines = terminal?.lines() ?? [];
      if (!seen(lines)) throw new Error(lines.join('\n'));
      return lines;
    },
    { timeout: 60_000, interval: 20 },
  );

describe.skipIf(needs.skip)(`on a terminal${needs.reason}`, () => {
  it('the line of a transfer follows the width, and no part of it stays', async () => {
    let visit: Visit | undefined;
    // Both indexes; the second is not answered, the first sends as the test says.
    server = await startServer((one) => {
      if (one.request.url?.includes('/main/') !== true) return;
      visit = one;
      one.response.writeHead(200, { 'content-length': 20_000_000 }).flushHeaders();
    });
    terminal = alproot('search', 'x', '--mirror', server.url, '--release', '3.19', '--arch', 'x86_64');
    await until(() => visit !== undefined);
    for (const width of [80, 50, 80, 46, 61, 110, 48]) {
      terminal.resize(width);
      // Drawn anew in that width, twice: bytes come until the amount has changed.
      let lines: string[] = [];
      for (let turn = 0; turn < 2; turn++) {
        const before = terminal.lines().join('\n');
        lines = await until((all) => {
          visit?.response.write(Buffer.alloc(1100, 1));
          return all.join('\n') !== before && all.some((line) => line.startsWith('downloading'));
        });
      }
      expect(
        lines.filter((line) => /downloading|index of/.test(line)),
        lines.join('\n'),
      ).toHaveLength(1);
    }
    terminal.type('C-c');
    const lines = await until((all) => all.some((line) => line.startsWith('ended')));
    expect(lines).toEqual(['alproot: interrupted', 'ended with 130']);
  });

  const runs = capability('upstream', 'bwrap');
  it.skipIf(runs.skip)(`the steps of a build do the same${runs.reason}`, async () => {
    const mirror = await makeReleaseMirror(join(work, 'mirror'), []);
    const stages = [0, 1, 2].map(
      (at) =>
        `FROM alpine:3.19 AS s${at}\nRUN echo a line that is rather long for a terminal ${at}; sleep 1000; touch /f${at}\n`,
    );
    writeFileSync(
      join(work, 'Dockerfile'),
      `${stages.join('')}FROM scratch\n${[0, 1, 2].map((at) => `COPY --from=s${at} /f${at} /\n`).join('')}`,
    );
    terminal = alproot('build', '--backend', 'bwrap', ...mirror.args, '-o', join(work, 'out'), work);
    const running = (all: readonly string[]): string[] => all.filter((line) => /^ => \[s\d/.test(line));
    const times = (all: readonly string[]): string =>
      all
        .join('\n')
        .match(/\d+\.\ds$/gm)
        ?.join() ?? '';
    await until((all) => running(all).length >= 2 && all.join('').includes('a line that is'));
    for (const width of [40, 80, 34, 50, 90]) {
      terminal.resize(width);
      let lines: string[] = [];
      // Drawn anew in that width, twice.
      for (let turn = 0; turn < 2; turn++) {
        const before = times(terminal.lines());
        lines = await until((all) => times(all) !== before && running(all).length >= 2);
      }
      expect(new Set(running(lines).map((line) => line.slice(0, 8))).size, lines.join('\n')).toBe(
        running(lines).length,
      );
    }
    terminal.type('C-c');
    const lines = await until((all) => all.some((line) => line.startsWith('ended')));
    expect(lines.slice(-2)).toEqual(['alproot: interrupted', 'ended with 130']);
  });
});
