/**
 * The one place that writes to the terminal: events become a live line (terminal), plain lines (pipe) or JSON.
 * Results go to stdout, everything else to stderr; untrusted text is escaped here.
 */
import { steadyMs } from '../core/clock.ts';
import { AlprootError } from '../core/errors.ts';
import type { AlpEvent } from '../core/events.ts';
import { redactData, redactText, showName, showText } from '../core/redact.ts';
import { createLiveLine } from './live-line.ts';
import { createLiveSteps, createPlainSteps, unbroken, type StepDisplay } from './progress-steps.ts';

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

export function createPrinter(options: PrinterOptions): Printer {
  const paint = (code: number, text: string): string => (options.color ? `\x1b[${code}m${text}\x1b[0m` : text);
  let steps: StepDisplay | undefined;
  const show = (text: string | undefined): void => {
    if (steps?.footer(text) === true) return;
    // The cursor waits at the beginning: when the terminal becomes narrower the line is broken into several, of which
    // that is the first.
    // Below it is cleared from its end, since tmux keeps what is cleared from the screen's first place on.
    options.writeErr(
      `\r${text === undefined ? ' ' : unbroken(cut(text, options.columns))}\x1b[J\r${text === undefined ? '\x1b[K' : ''}`,
    );
  };
  const live = createLiveLine({
    show: options.live && !options.json && !options.quiet ? show : () => undefined,
    now: steadyMs,
  });
  const clear = (): void => {
    live.clear();
    steps?.clear();
  };
  const stepDisplay = (): StepDisplay =>
    (steps ??= (options.steps === 'live' ? createLiveSteps : createPlainSteps)({
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
  const line = (text: string): void => {
    clear();
    options.writeErr(`${text}\n`);
  };
  const json = (value: unknown): void => options.writeOut(`${JSON.stringify(value)}\n`);

  const event = (given: AlpEvent): void => {
    // What a program of a step prints is its own.
    const e = given.kind === 'output' || given.kind === 'progress' ? given : redactData(given);
    if (options.json) return json(e);
    if (e.kind === 'output') {
      if (e.detail === true && !options.verbose) return;
      if (options.steps === 'plain') live.clear();
      if (options.quiet || steps?.output(e.id, e.text) === true) return;
      clear();
      options.writeErr(showText(e.text));
      return;
    }
    if (e.kind === 'warning') {
      line(`${paint(33, 'warning:')} ${showName(e.message)}${e.hint === undefined ? '' : ` (${showName(e.hint)})`}`);
      return;
    }
    if (options.quiet) return;
    if (e.kind === 'step') {
      live.clear();
      stepDisplay().step(e);
      return;
    }
    // A plan says what will be done; what is being done comes with the progress.
    const isLog = options.verbose || !options.live;
    if (e.kind === 'note') {
      if (e.detail !== true || isLog) line(showName(e.message));
    } else if (e.kind === 'plan' && isLog) line(showName(e.line));
    else if (e.kind === 'start') {
      if (options.live) live.start(e);
      else if (e.line === true) line(showName(e.label));
    } else if (e.kind === 'progress') live.progress(e);
    else if (e.kind === 'done') {
      live.done(e.id);
      if (options.verbose && e.failed !== true) line(`${showName(e.label)}${e.cached === true ? ' (cached)' : ''}`);
    }
  };

  return {
    event,
    result: (text, value) => {
      clear();
      if (options.json) json({ kind: 'result', value });
      else if (text !== '') options.writeOut(text.endsWith('\n') ? text : `${text}\n`);
    },
    error: (error) => {
      clear();
      if (options.json) json({ kind: 'error', ...describeError(error) });
      else options.writeErr(formatError(error, paint));
    },
    ended: (word) => {
      clear();
      if (!options.json) options.writeErr(`alproot: ${word}\n`);
    },
    close: () => {
      live.clear();
      steps?.close();
    },
  };
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof AlprootError)) {
    return { code: 'BUG', message: redactText(error instanceof Error ? error.message : String(error)), exit: 70 };
  }
  const { code, message, hint, facts, exitStatus } = error;
  return { code, message, hint, facts, exit: exitStatus };
}

function formatError(error: unknown, paint: (code: number, text: string) => string): string {
  const label = paint(31, 'alproot: error:');
  if (!(error instanceof AlprootError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${label} this is a bug in alproot; please report it with these lines\n${showText(redactText(stack))}\n`;
  }
  const hint = error.hint === undefined ? '' : `${paint(36, 'hint:')} ${showText(error.hint)}\n`;
  const [first = '', ...more] = showText(error.message).split('\n');
  return `${excerpt(error)}${[`${label} ${first} [${error.code}]`, ...more].join('\n')}\n${hint}`;
}

/** The instruction of a Dockerfile that failed, among its lines. */
function excerpt({ facts }: AlprootError): string {
  if (!Array.isArray(facts['excerpt'])) return '';
  const rule = `${'-'.repeat(20)}\n`;
  const lines = (facts['excerpt'] as readonly { line: number; text: string; isFailing: boolean }[]).map(
    ({ line, text, isFailing }) =>
      `${String(line).padStart(4)} | ${isFailing ? '>>> ' : '    '}${showText(text)}`.trimEnd(),
  );
  return `${rule}${lines.join('\n')}\n${rule}`;
}

/** Shortened to the terminal's width as it is now. */
const cut = (text: string, columns: number): string =>
  text.length < columns ? text : `${text.slice(0, Math.max(columns - 2, 1))}…`;
