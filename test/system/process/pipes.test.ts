import { expect, it } from 'vitest';
import { runProcess } from '../../../src/system/process/spawn.ts';

it('without a supervisor, too, what a program prints by the name of its output arrives', async () => {
  const text: string[] = [];
  const { status } = await runProcess(['/bin/sh', '-c', 'echo a; echo b >/dev/stdout; exit 2'], {
    env: { PATH: '/usr/bin:/bin' },
    stdio: 'reopenable',
    onOutput: (stream, bytes) => void text.push(`${stream} ${bytes.toString()}`),
  });
  expect([status, text.join('').replaceAll('stdout ', '')]).toEqual([2, 'a\nb\n']);
});
