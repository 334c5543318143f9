/** Processes that should be gone: found by a word that only they have, in their arguments or their environment. */
import { readdirSync, readFileSync } from 'node:fs';

/** Command lines of the living processes that have `word`, after they had five seconds to end. */
export async function survivors(word: string): Promise<string[]> {
  for (let turn = 0; ; turn++) {
    const lines = processesWith(word);
    if (lines.length === 0 || turn === 50) return lines.map(({ pid, text }) => `${pid}: ${text.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The same at once; the asking process is left out. */
export function processesWith(word: string): { readonly pid: number; readonly text: string }[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .flatMap((pid) => {
      const text = readProc(pid, 'cmdline');
      return text.includes(word) || readProc(pid, 'environ').includes(word) ? [{ pid, text }] : [];
    });
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
