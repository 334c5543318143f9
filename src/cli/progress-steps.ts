/**
 * The steps of a build as people know them: docker's plain lines (`#3 [build 2/4] RUN …`, `#3 0.214 output`, `#3 DONE
 * 1.2s`) for logs, and on a terminal finished steps above, running ones below with the end of what they print.
 */
import { showText } from '../core/redact.ts';

export interface StepEvent {
  readonly id: string;
  readonly label: string;
  readonly state: 'started' | 'cached' | 'done' | 'failed';
  readonly durationMs?: number | undefined;
  /** Why it failed. */
  readonly reason?: string | undefined;
}

export interface StepDisplay {
  readonly step: (event: StepEvent) => void;
  /** A line that a step printed; false when the display does not know the step. */
  readonly output: (id: string, text: string) => boolean;
  /** A line below the running steps; false when the display has no place for it. undefined takes it away. */
  readonly footer: (text: string | undefined) => boolean;
  /** Takes what is redrawn off the screen, so that other lines can be written. */
  readonly clear: () => void;
  readonly close: () => void;
}

export interface DisplayOptions {
  readonly write: (text: string) => void;
  /** Milliseconds, from whenever. */
  readonly now: () => number;
  /** Of the terminal as it is now. */
  readonly columns: number;
  readonly rows: number;
  readonly paint: (code: number, text: string) => string;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

/** For pipes and logs: every line says which step it belongs to. */
export function createPlainSteps({ write, now }: DisplayOptions): StepDisplay {
  const steps = new Map<string, { readonly number: number; readonly label: string; readonly started: number }>();
  let current: string | undefined;
  const enter = (id: string, label: string): number => {
    const known = steps.get(id) ?? { number: steps.size + 1, label, started: now() };
    steps.set(id, known);
    if (current !== id) write(`${current === undefined ? '' : '\n'}#${known.number} ${showText(known.label)}\n`);
    current = id;
    return known.number;
  };
  return {
    step: ({ id, label, state, durationMs = 0, reason = '' }) => {
      const number = enter(id, label);
      if (state === 'cached') write(`#${number} CACHED\n`);
      if (state === 'done') write(`#${number} DONE ${seconds(durationMs)}\n`);
      if (state === 'failed') write(`#${number} ERROR: ${showText(reason)}\n`);
    },
    output: (id, text) => {
      const known = steps.get(id);
      if (known === undefined) return false;
      const number = enter(id, known.label);
      write(`#${number} ${((now() - known.started) / 1000).toFixed(3)} ${showText(text.replace(/\n$/, ''))}\n`);
      return true;
    },
    footer: () => false,
    clear: () => undefined,
    close: () => undefined,
  };
}

const TAIL_LINES = 6;
const REDRAW_MS = 200;

interface RunningStep {
  readonly label: string;
  readonly started: number;
  readonly tail: string[];
}

/** Text that a terminal cuts off at its edge: one that has become narrower may say so a quarter of a second later. */
export const unbroken = (text: string): string => `\x1b[?7l${text}\x1b[?7h`;

/**
 * For terminals. The cursor waits where what is redrawn begins: that stays its beginning when the terminal is resized
 * and lines are broken anew.
 */
export function createLiveSteps(options: DisplayOptions): StepDisplay {
  const { write, now, paint } = options;
  const running = new Map<string, RunningStep>();
  let footer: string | undefined;
  let isDrawn = false;
  let last = 0;
  const cut = (text: string): string =>
    text.length < options.columns ? text : `${text.slice(0, Math.max(options.columns - 2, 1))}…`;
  const clear = (): void => {
    // Not from the screen's first place on: tmux keeps what is cleared so.
    if (isDrawn) write('\r \x1b[J\r\x1b[K');
    isDrawn = false;
  };
  const draw = (): void => {
    clear();
    const lines = [...running.values()].flatMap(({ label, started, tail }) => [
      row(label, seconds(now() - started)),
      ...tail.map((text) => paint(2, cut(` => => # ${text}`))),
    ]);
    if (footer !== undefined) lines.push(cut(footer));
    // What scrolls off the screen could not be taken back.
    const fitting = lines.slice(-Math.max(options.rows - 1, 1));
    isDrawn = fitting.length > 0;
    if (isDrawn) write(`${unbroken(fitting.join('\n'))}\r${fitting.length > 1 ? `\x1b[${fitting.length - 1}A` : ''}`);
    last = now();
  };
  const row = (label: string, time: string): string => {
    const room = Math.max(options.columns - time.length - 2, 8);
    const text = ` => ${showText(label)}`;
    return `${text.length > room ? `${text.slice(0, room - 1)}…` : text.padEnd(room)} ${time}`;
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    step: ({ id, label, state, durationMs = 0 }) => {
      clear();
      if (state === 'started') running.set(id, { label, started: now(), tail: [] });
      else {
        running.delete(id);
        const text = state === 'cached' ? `CACHED ${label}` : state === 'failed' ? `ERROR ${label}` : label;
        write(`${paint(state === 'failed' ? 31 : 34, row(text, seconds(durationMs)))}\n`);
      }
      draw();
    },
    output: (id, text) => {
      const step = running.get(id);
      if (step === undefined) return false;
      step.tail.push(showText(text.replace(/\n$/, '')));
      if (step.tail.length > TAIL_LINES) step.tail.shift();
      if (now() - last >= REDRAW_MS / 2) draw();
      return true;
    },
    footer: (text) => {
      // Ended steps are lines like any other: below them the line is on its own.
      if (running.size === 0 && footer === undefined) return false;
      footer = running.size === 0 ? undefined : text;
      draw();
      return true;
    },
    clear,
    close: () => {
      clearInterval(timer);
      clear();
    },
  };
}
