/** Hints come from what was tried. */
import { expect, it } from 'vitest';
import type { BackendVerdict } from '../../../src/run/probe.ts';
import { hintForStronger, noBackend } from '../../../src/pipeline/session/backend-advice.ts';

const verdict = (name: BackendVerdict['name'], more: Partial<BackendVerdict>): BackendVerdict => ({
  name,
  works: false,
  reason: '',
  isolation: 'full',
  enforces: [],
  isShortage: false,
  ...more,
});
const absent = [
  verdict('bwrap', { reason: 'bubblewrap is not installed' }),
  verdict('proot', { reason: 'proot is not installed' }),
];
const forbidden = [
  verdict('bwrap', { reason: 'the kernel refuses namespaces: EPERM', fix: 'allow them' }),
  verdict('proot', { reason: 'ptrace is refused' }),
];
const loader = verdict('loader', { works: true, reason: 'for compilers and make only' });

it('says to install what is not installed, and nothing else', () => {
  expect(noBackend(absent, undefined).hint).toMatch(/^install bubblewrap or proot; /);
  expect(noBackend([...absent.slice(0, 1), ...forbidden.slice(1)], undefined).hint).toMatch(/^install bubblewrap; /);
  expect(noBackend(forbidden, undefined).hint).not.toContain('install');
  expect(hintForStronger([loader, ...absent], undefined)).toMatch(/^install bubblewrap or proot; /);
});

it('gives the reasons where both are installed and the host forbids them', () => {
  expect(hintForStronger([loader, ...forbidden], undefined)).toBe(
    'the stronger backends cannot be used here:\n  bwrap: the kernel refuses namespaces: EPERM (allow them)\n  proot: ptrace is refused',
  );
  expect(noBackend(forbidden, undefined).message).toContain(
    '  bwrap: the kernel refuses namespaces: EPERM (allow them)\n  proot: ptrace is refused',
  );
});

it('names the one reason once when it is that of all, with its way out', () => {
  const all = forbidden.map((one) => ({ ...one, reason: 'the disk is mounted noexec', fix: 'choose another' }));
  expect(noBackend(all, undefined)).toMatchObject({
    message: 'nothing here can run a command in a tree: the disk is mounted noexec',
    hint: 'choose another',
  });
});

it('says to leave out a backend that was named when another one works', () => {
  expect(hintForStronger([verdict('proot', { works: true }), loader], 'loader')).toBe(
    'leave --backend loader (ALPROOT_BACKEND) out: proot works here',
  );
});
