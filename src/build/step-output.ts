/** What a step prints: handed on line by line, secrets masked, the end kept for the error message. */
import type { Emit } from '../core/events.ts';
import { showText } from '../core/redact.ts';

export interface StepOutput {
  readonly write: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
  /** Hands on what came without a line end. */
  readonly end: () => void;
  /** The last lines, safe to print. */
  readonly tail: () => string;
}

const TAIL_LINES = 15;
const LINE_CHARACTERS = 64 * 1024;
/** Shorter secrets would mask ordinary words. */
const SECRET_CHARACTERS = 4;

export function createStepOutput(
  emit: Emit,
  { id, secrets }: { readonly id: string; readonly secrets: readonly string[] },
): StepOutput {
  const partial = { stdout: '', stderr: '' };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const tail: string[] = [];
  const words = secrets.flatMap((secret) => secret.split('\n')).filter((word) => word.length >= SECRET_CHARACTERS);
  const mask = (text: string): string => words.reduce((masked, word) => masked.replaceAll(word, '***'), text);
  const line = (stream: 'stdout' | 'stderr', raw: string): void => {
    const text = mask(raw);
    tail.push(text.slice(0, 400));
    if (tail.length > TAIL_LINES) tail.shift();
    emit({ kind: 'output', id, stream, text: `${text}\n` });
  };
  return {
    write: (stream, bytes) => {
      const lines = (partial[stream] + decoders[stream].decode(bytes, { stream: true })).split('\n');
      partial[stream] = lines.pop() ?? '';
      for (const text of lines) line(stream, text);
      if (partial[stream].length > LINE_CHARACTERS) {
        line(stream, partial[stream]);
        partial[stream] = '';
      }
    },
    end: () => {
      for (const stream of ['stdout', 'stderr'] as const) {
        if (partial[stream] !== '') line(stream, partial[stream]);
        partial[stream] = '';
      }
    },
    tail: () => showText(tail.join('\n')),
  };
}
