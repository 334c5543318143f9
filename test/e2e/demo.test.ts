import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot, runArgv, type CliResult } from '../helpers/cli.ts';

const ORDINARY = 65_534;
const isRoot = process.getuid?.() === 0;

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-demo-'));
  chmodSync(directory, 0o755);
});
afterEach(() => {
  execFileSync('chmod', ['-R', 'u+w', directory]);
  rmSync(directory, { recursive: true, force: true });
});

/** What a fresh clone holds: no libraries, nothing built. */
function freshCheckout(): string {
  const checkout = join(directory, 'checkout');
  for (const part of [
    'src',
    'scripts',
    'bin',
    'keys',
    'examples',
    'docs',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    '.npmrc',
    'rootfs-cache/README.md',
  ]) {
    cpSync(join(projectRoot, part), join(checkout, part), { recursive: true });
  }
  return checkout;
}

/** Runs the demo from the root directory, as `uid`, with a home of its own. */
function demo(checkout: string, uid: number): Promise<CliResult> {
  const home = join(directory, `home-${uid}`);
  if (!existsSync(home)) {
    mkdirSync(home);
    if (isRoot) chownSync(home, uid, uid);
  }
  const npm = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^npm_config_registry$|^https?_proxy$|^no_proxy$/i.test(name)),
  ) as Record<string, string>;
  const become = isRoot && uid !== 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'] : [];
  return runArgv([...become, join(checkout, 'bin', 'demo')], {
    cwd: '/',
    env: { ...npm, PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: tmpdir() },
  });
}

const works = ({ status, stdout, stderr }: CliResult): void => {
  expect({ status, tail: (stdout + stderr).slice(-3000) }).toMatchObject({ status: 0 });
  expect(stdout).toContain('hello from a static musl program');
  expect(stdout).toMatch(/^linkage {5}static/m);
  expect(stdout).toMatch(/^libc {8}musl$/m);
  expect(stdout + stderr).not.toMatch(/compiler for|aarch64/);
  const program = /^The program is (\S+),/m.exec(stdout)?.[1] ?? '';
  expect(execFileSync(program, { encoding: 'utf8' })).toContain('hello from a static musl program');
  expect(stdout).toMatch(/^To go on .*\/bin\/alproot cc hello\.c -o hello$/m);
};

describe('bin/demo', () => {
  it.skipIf(!isRoot)('as root, in a fresh checkout', async () => {
    works(await demo(freshCheckout(), 0));
  });

  it('as an ordinary user, in a fresh checkout that is read-only, and again from what is there', async () => {
    const checkout = freshCheckout();
    if (isRoot) execFileSync('chmod', ['-R', 'a-w', checkout]);
    const uid = isRoot ? ORDINARY : (process.getuid?.() ?? 0);
    const first = await demo(checkout, uid);
    works(first);
    expect(first.stdout).toContain('== npm ci');
    const second = await demo(checkout, uid);
    works(second);
    expect(second.stdout).not.toContain('== npm ci');
    expect(second.stdout).not.toContain('== building');
  });
});
