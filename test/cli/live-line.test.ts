import { describe, expect, it } from 'vitest';
import { createLiveLine, type LiveLine } from '../../src/cli/live-line.ts';

/** @returns every text that was shown; undefined where the line was taken away */
function shown(use: (line: LiveLine, pass: (ms: number) => void) => void): (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  let now = 0;
  use(createLiveLine({ show: (text) => void texts.push(text), now: () => now }), (ms) => (now += ms));
  return texts;
}
const MiB = 1024 * 1024;

describe('the live line', () => {
  it('names the transfer that is under way, not what comes after it', () => {
    const texts = shown((line, pass) => {
      line.start({ id: 'install', label: '2 packages', total: 2 });
      line.start({ id: 'a', label: 'gcc-13-r0' });
      line.progress({ id: 'a', done: MiB, total: 48 * MiB, unit: 'bytes' });
      pass(100);
      line.progress({ id: 'a', done: 2 * MiB, total: 48 * MiB, unit: 'bytes' });
    });
    expect(texts.at(-1)).toBe('2 packages … · downloading gcc-13-r0 2.0 MiB of 48.0 MiB');
    expect(texts.join('\n')).not.toMatch(/installing/i);
  });

  it('says what is being installed as soon as that begins, beside what still comes', () => {
    const texts = shown((line) => {
      line.start({ id: 'install', label: '3 packages', total: 3 });
      line.start({ id: 'a', label: 'gcc-13-r0' });
      line.progress({ id: 'install', done: 0, total: 3, unit: 'items', label: 'installing musl 1-r0' });
      line.progress({ id: 'a', done: MiB, total: 48 * MiB, unit: 'bytes' });
      line.progress({ id: 'install', done: 1, total: 3, unit: 'items' });
      line.done('a');
      line.progress({ id: 'install', done: 2, total: 3, unit: 'items', label: 'installing gcc 13-r0' });
      line.done('install');
    });
    expect(texts).toEqual([
      '3 packages …',
      '3 packages … · gcc-13-r0 …',
      'installing musl 1-r0 (1 of 3) · gcc-13-r0 …',
      'installing musl 1-r0 (1 of 3) · downloading gcc-13-r0 1.0 MiB of 48.0 MiB',
      '3 packages: 1 of 3 done · downloading gcc-13-r0 1.0 MiB of 48.0 MiB',
      '3 packages: 1 of 3 done',
      'installing gcc 13-r0 (3 of 3)',
      undefined,
    ]);
  });

  it('stays with the transfer that has the most to go, is drawn ten times a second, and escapes names', () => {
    const texts = shown((line, pass) => {
      line.start({ id: 'a', label: 'small\x1b[2J' });
      line.progress({ id: 'a', done: 0, total: MiB, unit: 'bytes' });
      line.start({ id: 'b', label: 'large' });
      line.progress({ id: 'b', done: 0, total: 9 * MiB, unit: 'bytes' });
      for (let count = 1; count < 10; count++) {
        pass(25);
        line.progress({ id: 'a', done: count, total: MiB, unit: 'bytes' });
      }
      line.done('a');
    });
    expect(texts.length).toBeLessThan(9);
    expect(texts.at(-1)).toBe('downloading large 0 B of 9.0 MiB');
    expect(texts.join('')).not.toContain('\x1b');
  });
});
