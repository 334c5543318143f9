/**
 * The one place that writes to the terminal: events become a live line (terminal), plain lines (pipe) or JSON.
 * Results go to stdout, everything else to stderr; untrusted text is escaped here.
 */
import { steadyMs } from '../core/clock.ts';
import type { AlpEvent } from '../core/events.ts';
import { redactData, showName, showText } from '../core/redact.ts';
import { describeError, formatError, type Paint } from './error-text.ts';
import { createLiveLine, type LiveLine } from './live-line.ts';
import { createLiveSteps, unbroken } from './live-steps.ts';
import { createPlainSteps, type StepDisplay } from './progress-steps.ts';

export interface PrinterOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
  /** Whether a line may be redrawn. */
  readonly live: boolean;
  /** Of the terminal as it is now, which may be resized. */
  readonly columns: number;
  readonly rows: number;
  /** How the steps of a build are shown. */
  readonly steps: 'live' | 'plain';
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

export interface Printer {
  readonly event: (event: AlpEvent) => void;
  /** The command's answer: text for people, a value for `--json`. */
  readonly result: (text: string, value: unknown) => void;
  readonly error: (error: unknown) => void;
  /** The word for a signal that ended the work. */
  readonly ended: (word: string) => void;
  /** Removes the live line; call before the process ends or hands the terminal over. */
  readonly close: () => void;
}

/** What is on the terminal, and how it is written. */
interface Screen {
  readonly options: PrinterOptions;
  readonly paint: Paint;
  readonly live: LiveLine;
  /** Since the first step of a build. */
  steps: StepDisplay | undefined;
}

export function createPrinter(options: PrinterOptions): Printer {
  const screen: Screen = {
    options,
    paint: (code, text) => (options.color ? `\x1b[${code}m${text}\x1b[0m` : text),
    live: createLiveLine({
      show: options.live && !options.json && !options.quiet ? (text) => showFooter(screen, text) : () => undefined,
      now: steadyMs,
    }),
    steps: undefined,
  };
  const json = (value: unknown): void => options.writeOut(`${JSON.stringify(value)}\n`);
  return {
    event: (given) => {
      // What a program of a step prints is its own.
      const event = given.kind === 'output' || given.kind === 'progress' ? given : redactData(given);
      if (options.json) json(event);
      else printEvent(screen, event);
    },
    result: (text, value) => {
      clear(screen);
      if (options.json) json({ kind: 'result', value });
      else if (text !== '') options.writeOut(text.endsWith('\n') ? text : `${text}\n`);
    },
    error: (error) => {
      clear(screen);
      if (options.json) json({ kind: 'error', ...describeError(error) });
      else options.writeErr(formatError(error, screen.paint));
    },
    ended: (word) => {
      clear(screen);
      if (!options.json) options.writeErr(`alproot: ${word}\n`);
    },
    close: () => {
      screen.live.clear();
      screen.steps?.close();
    },
  };
}

function clear({ live, steps }: Screen): void {
  live.clear();
  steps?.clear();
}

function printLine(screen: Screen, text: string): void {
  clear(screen);
  screen.options.writeErr(`${text}\n`);
}

/** The live line; undefined removes it. */
function showFooter({ options, steps }: Screen, text: string | undefined): void {
  if (steps?.footer(text) === true) return;
  // The cursor waits at the beginning: when the terminal becomes narrower the line is broken into several, of which
  // that is the first.
  // Below it is cleared from its end, since tmux keeps what is cleared from the screen's first place on.
  options.writeErr(text === undefined ? '\r \x1b[J\r\x1b[K' : `\r${unbroken(cut(text, options.columns))}\x1b[J\r`);
}

function printEvent(screen: Screen, event: AlpEvent): void {
  const { options, live, paint } = screen;
  if (event.kind === 'output') return printOutput(screen, event);
  if (event.kind === 'warning') {
    const hint = event.hint === undefined ? '' : ` (${showName(event.hint)})`;
    return printLine(screen, `${paint(33, 'warning:')} ${showName(event.message)}${hint}`);
  }
  if (options.quiet) return;
  switch (event.kind) {
    case 'step':
      live.clear();
      return stepDisplay(screen).step(event);
    case 'note':
      return event.detail !== true || isLog(options) ? printLine(screen, showName(event.message)) : undefined;
    case 'plan':
      // A plan says what will be done; what is being done comes with the progress.
      return isLog(options) ? printLine(screen, showName(event.line)) : undefined;
    case 'start':
      if (options.live) live.start(event);
      else if (event.line === true) printLine(screen, showName(event.label));
      return;
    case 'progress':
      return live.progress(event);
    case 'done':
      live.done(event.id);
      if (options.verbose && event.failed !== true)
        printLine(screen, `${showName(event.label)}${event.cached === true ? ' (cached)' : ''}`);
  }
}

/** Whether every line is kept: nothing is drawn over. */
const isLog = ({ verbose, live }: PrinterOptions): boolean => verbose || !live;

function printOutput(screen: Screen, { id, text, detail }: Extract<AlpEvent, { kind: 'output' }>): void {
  const { options, live, steps } = screen;
  if (detail === true && !options.verbose) return;
  if (options.steps === 'plain') live.clear();
  if (options.quiet || steps?.output(id, text) === true) return;
  clear(screen);
  options.writeErr(showText(text));
}

function stepDisplay(screen: Screen): StepDisplay {
  const { options, paint } = screen;
  return (screen.steps ??= (options.steps === 'live' ? createLiveSteps : createPlainSteps)({
    write: options.writeErr,
    now: steadyMs,
    paint,
    get columns() {
      return options.columns;
    },
    get rows() {
      return options.rows;
    },
  }));
}

/** Shortened to the terminal's width as it is now. */
const cut = (text: string, columns: number): string =>
  text.length < columns ? text : `${text.slice(0, Math.max(columns - 2, 1))}…`;
