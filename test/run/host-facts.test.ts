import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { describeBubblewrap, readHostFacts } from '../../src/run/host-facts.ts';
import { findHostTools } from '../../src/run/host-tools.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'alproot-facts-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What is said of a PRoot, or another tool, that answers like this. */
async function said(script: string, tool = 'proot'): Promise<string | undefined> {
  const file = join(root, tool);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  const host = findHostTools({ searchPath: root, isRoot: false, kernel: '6.1.0', scratch: () => hostPath(root) });
  const facts = await readHostFacts(host, hostPath(root));
  return facts.find(({ name }) => name === tool)?.value.replace(root, '');
}

it('says when PRoot was built without its filter, which makes it slow', async () => {
  expect(await said('echo "built-in accelerators: process_vm = yes, seccomp_filter = no"')).toBe(
    '/proot, built without seccomp filter: slow',
  );
  expect(await said('echo "built-in accelerators: process_vm = yes, seccomp_filter = yes"')).toBe('/proot');
});

it('names a PRoot that does not answer', async () => {
  expect(await said('exit 1')).toBe('/proot');
  expect(await said('kill -9 $$')).toBe('/proot');
});

it.each([
  ['bubblewrap 0.8.0', ['CVE-2026-41163', 'CVE-2026-87766']],
  ['bubblewrap 0.11.1', ['CVE-2026-41163', 'CVE-2026-87766']],
  ['bubblewrap 0.11.2', ['CVE-2026-87766']],
  ['bubblewrap 0.12.0', []],
  ['bubblewrap 0.12', []],
  ['bubblewrap 1.0.0', []],
])('names the known holes of %s', (answer, holes) => {
  const text = describeBubblewrap(answer) ?? '';
  expect(text).toContain(`version ${answer.split(' ')[1] ?? ''}`);
  expect(text.match(/CVE-[0-9-]+/g) ?? []).toEqual(holes);
  expect(text.includes('alproot does not rely on what it lacks')).toBe(holes.length > 0);
});

it('says of a bubblewrap where it is when it names no version', async () => {
  expect(describeBubblewrap('')).toBeUndefined();
  expect(await said('exit 1', 'bwrap')).toBe('/bwrap');
  expect(await said('echo bubblewrap 0.12.0', 'bwrap')).toBe('/bwrap, version 0.12.0');
});
