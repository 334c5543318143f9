/**
 * Steps of a build on a terminal: finished ones above, running ones below with the end of what they print. The cursor
 * waits where what is redrawn begins: that stays its beginning when the terminal is resized and lines are broken anew.
 */
import { showText } from '../core/redact.ts';
import { seconds, type DisplayOptions, type StepDisplay, type StepEvent } from './progress-steps.ts';

const TAIL_LINES = 6;
const REDRAW_MS = 200;

interface RunningStep {
  readonly label: string;
  readonly started: number;
  readonly tail: string[];
}

/** Text that a terminal cuts off at its edge: one that has become narrower may say so a quarter of a second later. */
export const unbroken = (text: string): string => `\x1b[?7l${text}\x1b[?7h`;

interface Display {
  readonly options: DisplayOptions;
  readonly running: Map<string, RunningStep>;
  footer: string | undefined;
  isDrawn: boolean;
  /** When it was drawn last. */
  drawnAt: number;
}

export function createLiveSteps(options: DisplayOptions): StepDisplay {
  const display: Display = { options, running: new Map(), footer: undefined, isDrawn: false, drawnAt: 0 };
  const timer = setInterval(() => draw(display), REDRAW_MS);
  timer.unref();
  return {
    step: (event) => {
      clear(display);
      if (event.state === 'started')
        display.running.set(event.id, { label: event.label, started: options.now(), tail: [] });
      else endStep(display, event);
      draw(display);
    },
    output: (id, text) => {
      const step = display.running.get(id);
      if (step === undefined) return false;
      step.tail.push(showText(text.replace(/\n$/, '')));
      if (step.tail.length > TAIL_LINES) step.tail.shift();
      if (options.now() - display.drawnAt >= REDRAW_MS / 2) draw(display);
      return true;
    },
    footer: (text) => {
      const isIdle = display.running.size === 0;
      // Ended steps are lines like any other: below them the line is on its own.
      if (isIdle && display.footer === undefined) return false;
      display.footer = isIdle ? undefined : text;
      draw(display);
      return true;
    },
    clear: () => clear(display),
    close: () => {
      clearInterval(timer);
      clear(display);
    },
  };
}

const ENDED_WORDS: Readonly<Record<StepEvent['state'], string>> = {
  started: '',
  cached: 'CACHED ',
  done: '',
  failed: 'ERROR ',
};

function endStep({ options, running }: Display, { id, label, state, durationMs = 0 }: StepEvent): void {
  running.delete(id);
  const line = row(options, `${ENDED_WORDS[state]}${label}`, seconds(durationMs));
  options.write(`${options.paint(state === 'failed' ? 31 : 34, line)}\n`);
}

function clear(display: Display): void {
  // Not from the screen's first place on: tmux keeps what is cleared so.
  if (display.isDrawn) display.options.write('\r \x1b[J\r\x1b[K');
  display.isDrawn = false;
}

function draw(display: Display): void {
  clear(display);
  const { options, running, footer } = display;
  const { write, now, paint } = options;
  const lines = [...running.values()].flatMap(({ label, started, tail }) => [
    row(options, label, seconds(now() - started)),
    ...tail.map((text) => paint(2, cut(options, ` => => # ${text}`))),
  ]);
  if (footer !== undefined) lines.push(cut(options, footer));
  // What scrolls off the screen could not be removed again.
  const fitting = lines.slice(-Math.max(options.rows - 1, 1));
  display.isDrawn = fitting.length > 0;
  if (fitting.length > 0)
    write(`${unbroken(fitting.join('\n'))}\r${fitting.length > 1 ? `\x1b[${fitting.length - 1}A` : ''}`);
  display.drawnAt = now();
}

const cut = ({ columns }: DisplayOptions, text: string): string =>
  text.length < columns ? text : `${text.slice(0, Math.max(columns - 2, 1))}…`;

function row({ columns }: DisplayOptions, label: string, time: string): string {
  const room = Math.max(columns - time.length - 2, 8);
  const text = ` => ${showText(label)}`;
  return `${text.length > room ? `${text.slice(0, room - 1)}…` : text.padEnd(room)} ${time}`;
}
