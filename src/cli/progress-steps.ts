/**
 * The steps of a build as people know them from docker: for logs its plain lines (`#3 [build 2/4] RUN …`, `#3 0.214
 * output`, `#3 DONE 1.2s`); for terminals see live-steps.
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

/** `1.2s` */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

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
