import { describe, expect, it } from 'vitest';
import { createLiveSteps } from '../../src/cli/live-steps.ts';
import { createPlainSteps, type DisplayOptions, type StepDisplay } from '../../src/cli/progress-steps.ts';

function shown(
  create: (options: DisplayOptions) => StepDisplay,
  use: (display: StepDisplay, pass: (ms: number) => void) => void,
): string {
  let [text, now] = ['', 0];
  const display = create({
    write: (more) => (text += more),
    now: () => now,
    columns: 40,
    rows: 24,
    paint: (_code, part) => part,
  });
  use(display, (ms) => (now += ms));
  display.close();
  return text;
}

describe('plain steps', () => {
  it('are numbered, timed, and named again when another has spoken', () => {
    const text = shown(createPlainSteps, (display, pass) => {
      display.step({ id: 'a', label: '[x 1/2] RUN one', state: 'started' });
      pass(1234);
      expect(display.output('a', 'hello\n')).toBe(true);
      display.step({ id: 'b', label: '[y 1/1] COPY . .', state: 'cached' });
      display.output('a', 'more\x1b[2J\n');
      display.step({ id: 'a', label: '[x 1/2] RUN one', state: 'done', durationMs: 2000 });
      display.step({ id: 'c', label: '[x 2/2] RUN two', state: 'started' });
      display.step({
        id: 'c',
        label: '[x 2/2] RUN two',
        state: 'failed',
        durationMs: 10,
        reason: 'ended with status 3',
      });
      expect(display.output('unknown', 'x')).toBe(false);
    });
    expect(text).toBe(
      [
        '#1 [x 1/2] RUN one',
        '#1 1.234 hello',
        '',
        '#2 [y 1/1] COPY . .',
        '#2 CACHED',
        '',
        '#1 [x 1/2] RUN one',
        '#1 1.234 more\\x1b[2J',
        '#1 DONE 2.0s',
        '',
        '#3 [x 2/2] RUN two',
        '#3 ERROR: ended with status 3',
        '',
      ].join('\n'),
    );
  });
});

describe('live steps', () => {
  it('leave a line for each step that ended, and nothing of those that run', () => {
    const screen: string[] = [];
    const text = shown(createLiveSteps, (display, pass) => {
      display.step({ id: 'a', label: 'RUN one', state: 'started' });
      pass(500);
      for (let line = 0; line < 9; line++) display.output('a', `line ${line}\x07\n`);
      pass(500);
      display.step({ id: 'a', label: 'RUN one', state: 'done', durationMs: 1000 });
      display.step({ id: 'b', label: `RUN ${'long '.repeat(20)}`, state: 'started' });
      display.step({ id: 'b', label: `RUN ${'long '.repeat(20)}`, state: 'failed', durationMs: 1000 });
    });
    // What a terminal makes of it: lines, and the sequences that we use.
    let row = 0;
    for (const part of text.replace(/\x1b\[\?7[lh]/g, '').split(/(\r \x1b\[J\r\x1b\[K|\r\x1b\[\d+A|\r|\n)/)) {
      const up = /^\r\x1b\[(\d+)A/.exec(part)?.[1];
      if (up !== undefined) row -= Number(up);
      else if (part === '\r \x1b[J\r\x1b[K') screen.splice(row);
      else if (part === '\n') row++;
      else if (part !== '\r' && part !== '') screen[row] = part;
    }
    expect(screen).toEqual([
      expect.stringMatching(/^ => RUN one {20,}1\.0s$/),
      expect.stringMatching(/^ => ERROR RUN long .*… 1\.0s$/),
    ]);
    expect(screen.every((line) => line.length <= 40)).toBe(true);
    expect(text).toContain(' => => # line');
    expect(text).not.toContain('\x07');
  });
});
