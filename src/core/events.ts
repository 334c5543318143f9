/**
 * What happens while alproot works, as data. The library hands these to the caller's `emit`; the CLI prints them
 * as progress, plain lines or JSON. Text fields may hold untrusted names: printers escape them.
 */
import type { ErrorCode } from './errors.ts';
import type { RedactedText } from './redact.ts';

export type AlpEvent =
  /** Something worth a line: a choice made, a fall-back taken. */
  | {
      readonly kind: 'note';
      readonly message: string;
      /** All that it speaks of, where the message names some. */ readonly items?: readonly string[];
      /** A part of an install, as apk's log has it: where progress is drawn it would be left over. */
      readonly detail?: true;
    }
  | { readonly kind: 'warning'; readonly message: string; readonly code?: ErrorCode; readonly hint?: string }
  /**
   * A piece of work with an identity; `progress` repeats, `done` ends it. `line`: it takes so long that a log says it
   * too.
   */
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly label: string;
      readonly total?: number;
      readonly line?: true;
    }
  /** `label`: what is being done of it now, not counted in `done` yet. */
  | {
      readonly kind: 'progress';
      readonly id: string;
      readonly done: number;
      readonly total?: number;
      readonly unit: 'bytes' | 'items';
      readonly label?: string;
    }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly label: string;
      readonly cached?: boolean;
      readonly failed?: true;
      readonly durationMs?: number;
    }
  /** A step of a build; what it prints comes as `output` of the same id. */
  | {
      readonly kind: 'step';
      readonly id: string;
      readonly label: RedactedText;
      readonly state: 'started' | 'cached' | 'done' | 'failed';
      readonly durationMs?: number;
      readonly reason?: RedactedText;
    }
  /** One line of the plan, as apk prints it: `(1/3) Installing musl (1.2.4-r2)`. */
  | { readonly kind: 'plan'; readonly index: number; readonly count: number; readonly line: string }
  /** Output of a program in the sandbox, belonging to the work `id`. */
  | {
      readonly kind: 'output';
      readonly id: string;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
      /** Of a build that nobody asked for by name, whose end is told with its error. */ readonly detail?: true;
    };

export type Emit = (event: AlpEvent) => void;

export const silent: Emit = () => undefined;
