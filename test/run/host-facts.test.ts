import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { readHostFacts } from '../../src/run/host-facts.ts';
import { findHostTools } from '../../src/run/host-tools.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'alproot-facts-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What is said of a PRoot that answers like this. */
async function said(script: string): Promise<string | undefined> {
  const proot = join(root, 'proot');
  writeFileSync(proot, `#!/bin/sh\n${script}\n`);
  chmodSync(proot, 0o755);
  const host = findHostTools({ searchPath: root, isRoot: false, kernel: '6.1.0', scratch: () => hostPath(root) });
  const facts = await readHostFacts(host, hostPath(root));
  return facts.find(({ name }) => name === 'proot')?.value.replace(root, '');
}

it('says when PRoot was built without its filter, which makes it slow', async () => {
  expect(await said('echo "built-in accelerators: process_vm = yes, seccomp_filter = no"')).toBe('/proot, built without seccomp filter: slow');
  expect(await said('echo "built-in accelerators: process_vm = yes, seccomp_filter = yes"')).toBe('/proot');
});

it('names a PRoot that does not answer', async () => {
  expect(await said('exit 1')).toBe('/proot');
  expect(await said('kill -9 $$')).toBe('/proot');
});
