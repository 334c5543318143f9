/** What the attempts said, as data. */

export interface Result {
  readonly outcome: 'succeeded' | 'refused' | 'unavailable';
  readonly detail: string;
}

export type Results = ReadonlyMap<string, Result>;

const LINE = /^([a-z0-9-]+) (succeeded|refused|unavailable)(?: (.*))?$/;

/** The host speaks last, so what only it can see replaces what was said inside. */
export function parseResults(text: string): Results {
  const results = new Map<string, Result>();
  for (const line of text.split('\n')) {
    const [, name, outcome, detail = ''] = LINE.exec(line.trim()) ?? [];
    if (name !== undefined) results.set(name, { outcome: outcome as Result['outcome'], detail });
  }
  return results;
}

/** How the command that was to run the attempts ended; it must have run them. */
export const commandStatus = (text: string): number => Number(/^command-status (\d+)$/m.exec(text)?.[1] ?? -1);
