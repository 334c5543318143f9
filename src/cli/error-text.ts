/** An error as the command line shows it. */
import { AlprootError } from '../core/errors.ts';
import { redactText, showText } from '../core/redact.ts';

/** Text in a colour of the terminal, by its ANSI code. */
export type Paint = (code: number, text: string) => string;

/** For `--json`. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof AlprootError)) {
    return { code: 'BUG', message: redactText(error instanceof Error ? error.message : String(error)), exit: 70 };
  }
  const { code, message, hint, facts, exitStatus } = error;
  return { code, message, hint, facts, exit: exitStatus };
}

/** For people; what is not an error of ours is a bug, shown with its stack. */
export function formatError(error: unknown, paint: Paint): string {
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
