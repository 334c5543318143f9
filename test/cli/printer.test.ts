import { expect, it } from 'vitest';
import { createPrinter, type PrinterOptions } from '../../src/cli/printer.ts';

/** What stays on the screen, or in the log, of one install. */
function printed(options: Partial<PrinterOptions>): string {
  let text = '';
  const printer = createPrinter({
    json: false,
    quiet: false,
    verbose: false,
    color: false,
    live: false,
    columns: 80,
    rows: 24,
    steps: 'plain',
    writeOut: () => undefined,
    writeErr: (more) => void (text += more),
    ...options,
  });
  printer.event({ kind: 'note', message: 'making an environment' });
  printer.event({ kind: 'plan', index: 1, count: 1, line: '(1/1) Installing busybox (1-r0)' });
  printer.event({ kind: 'note', message: 'Executing busybox-1-r0.trigger', detail: true });
  printer.close();
  return text;
}

it.each<[string, Partial<PrinterOptions>, boolean]>([
  ['a log', {}, true],
  ['a terminal with progress', { live: true }, false],
  ['a terminal, when more is asked for', { live: true, verbose: true }, true],
])('in %s the lines of an install are all there, or none is left over', (_where, options, isWhole) => {
  const text = printed(options);
  expect(text).toContain('making an environment\n');
  expect([text.includes('Installing busybox'), text.includes('Executing busybox')]).toEqual([isWhole, isWhole]);
});

it.each<[Partial<PrinterOptions>, boolean]>([
  [{}, false],
  [{ live: true, steps: 'live' }, false],
  [{ verbose: true }, true],
])('what a port prints while it is built is shown when more is asked for: %j', (options, isShown) => {
  let text = '';
  const printer = createPrinter({
    json: false,
    quiet: false,
    verbose: false,
    color: false,
    live: false,
    columns: 80,
    rows: 24,
    steps: 'plain',
    writeOut: () => undefined,
    writeErr: (more) => void (text += more),
    ...options,
  });
  printer.event({ kind: 'output', id: 'port-zlib', stream: 'stdout', text: 'gcc -c adler32.c\n', detail: true });
  printer.close();
  expect(text.includes('gcc -c adler32.c')).toBe(isShown);
});
