/** A real terminal of a given size, by a tmux of its own: what is on its screen, what is typed, and its resizing. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Terminal {
  /** Lines of the screen and of what scrolled off it, without those that are empty. */
  readonly lines: () => string[];
  readonly type: (keys: string) => void;
  readonly resize: (columns: number, rows?: number) => void;
  readonly close: () => void;
}

/**
 * The screen is full of lines before the command begins, as most are: tmux scrolls when lines are broken anew, and
 * what has left the screen nobody can take back.
 *
 * @param command for `sh`; the terminal stays when it has ended
 */
export function openTerminal(
  command: string,
  env: Readonly<Record<string, string>>,
  columns = 80,
  rows = 24,
): Terminal {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-tmux-'));
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-S', join(directory, 'socket'), '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', ...env },
    });
  tmux(
    'new-session',
    '-d',
    '-x',
    String(columns),
    '-y',
    String(rows),
    `stty -echoctl; seq -f 'before %g' 40; ${command}; echo "ended with $?"; exec cat`,
  );
  return {
    lines: () =>
      tmux('capture-pane', '-p', '-S', '-')
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== '' && !/^before \d+$/.test(line)),
    type: (keys) => void tmux('send-keys', keys),
    resize: (width, height = rows) => void tmux('resize-window', '-x', String(width), '-y', String(height)),
    close: () => {
      tmux('kill-server');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
