/** TIOCSTI and TIOCLINUX: what runs in a tree cannot type into the terminal of whoever started alproot. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { projectRoot } from '../helpers/cli.ts';
import { makeTerminalTools, type TerminalTools } from '../helpers/terminal.ts';

const needs = capability('upstream', 'gcc', 'tiocsti');
const BACKENDS = ['bwrap', 'userns', 'chroot', 'proot', 'loader'] as const;
let directory: string;
let tools: TerminalTools;
beforeAll(() => {
  if (needs.skip) return;
  directory = mkdtempSync(join(tmpdir(), 'alproot-terminal-'));
  tools = makeTerminalTools(directory);
});
afterAll(() => {
  if (!needs.skip) rmSync(directory, { recursive: true, force: true });
});

/** What the attacker said, and what waits in the terminal afterwards. */
function attack(
  backend: string,
  kind: 'terminal' | 'inherit' | 'bare',
): { readonly said: string; readonly queued: number; readonly status: number } {
  const argv = [
    tools.terminal,
    process.execPath,
    '--import',
    'tsx',
    join(projectRoot, 'test/helpers/terminal-run.ts'),
    backend,
    kind,
    tools.attack,
  ];
  const { stdout } = spawnSync(argv[0] ?? '', argv.slice(1), {
    cwd: projectRoot,
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [, queued = 'none', status = 'none'] = /^queue (\d+) status (\d+)$/m.exec(stdout) ?? [];
  return { said: stdout, queued: Number(queued), status: Number(status) };
}

describe.skipIf(needs.skip)(`typing into the terminal${needs.reason}`, () => {
  it('works where nothing is between the program and its terminal', () => {
    const { said, queued } = attack('none', 'bare');
    expect(said).toContain('TYPED by descriptor');
    expect(queued).toBeGreaterThanOrEqual('evil\n'.length);
  });

  describe.each(BACKENDS)('under %s', (backend) => {
    const own = backend === 'loader' ? { skip: false, reason: '' } : capability(backend);
    it.skipIf(own.skip).each(['terminal', 'inherit'] as const)(
      `fails with streams of kind %s${own.reason}`,
      (kind) => {
        const { said, queued, status } = attack(backend, kind);
        expect(said).toContain('tried all');
        expect(said).not.toMatch(/TYPED|PASTED/);
        expect({ queued, status }).toEqual({ queued: 0, status: 0 });
      },
    );
  });
});
