/** The real minirootfs in a directory of its own, and commands run in it by a backend of choice. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostPath, type HostPath, type TreePath } from '../../src/core/paths.ts';
import type { BackendName, FileOwner, RunDescription } from '../../src/core/run-description.ts';
import { BACKENDS, type Backend } from '../../src/run/backend.ts';
import { findHostTools, type RunHost } from '../../src/run/host-tools.ts';
import { runWithOwners } from '../../src/run/owners/run-with-owners.ts';
import { runInTree } from '../../src/run/run-in-tree.ts';
import { SHARED } from './capabilities.ts';

export interface Sandbox {
  readonly root: string;
  readonly tree: HostPath;
  readonly host: RunHost;
  /** Runs a shell script; gives status and output, both streams as they came. */
  readonly sh: (
    backend: BackendName,
    script: string,
    options?: Partial<RunDescription>,
  ) => Promise<{ readonly status: number; readonly text: string }>;
  /** The same with owners kept beside the tree. */
  readonly shWithOwners: (
    script: string,
    options: OwnerOptions,
  ) => Promise<{ readonly status: number; readonly text: string }>;
  readonly close: () => void;
}

export interface OwnerOptions {
  readonly backend: BackendName;
  readonly library: Uint8Array;
  readonly owners: Map<TreePath, FileOwner>;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Its strongest way for such a caller. */
export function backendOf(name: BackendName, isRoot = process.getuid?.() === 0): Backend {
  const found = BACKENDS.find(
    (backend) => backend.name === name && (backend.caller === 'any' || (backend.caller === 'root') === isRoot),
  );
  if (found === undefined) throw new Error(`no backend ${name}`);
  return found;
}

/** @param options.isRoot what backends take us for; false makes root use the ways of an ordinary user */
export function makeSandbox({ isRoot = process.getuid?.() === 0 }: { readonly isRoot?: boolean } = {}): Sandbox {
  const root = mkdtempSync(join(tmpdir(), 'alproot-sandbox-'));
  const tree = hostPath(join(root, 'tree'));
  mkdirSync(tree);
  execFileSync('tar', [
    '-xzf',
    join(SHARED, 'upstream', 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '--no-same-owner',
    '-C',
    tree,
  ]);
  const scratch = (): HostPath => hostPath(mkdtempSync(join(root, 'scratch-')));
  const host = findHostTools({
    searchPath: process.env['PATH'] ?? '',
    isRoot,
    kernel: release(),
    scratch,
    cache: hostPath(join(root, 'native')),
    arch: 'x86_64',
  });
  const describe = (script: string, text: string[]): RunDescription => ({
    tree,
    writable: true,
    mounts: [],
    argv: ['/bin/sh', '-c', script],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
    cwd: '/',
    user: { uid: 0, gid: 0 },
    network: 'none',
    stdio: { kind: 'pipe', onOutput: (_stream, bytes) => void text.push(bytes.toString()) },
  });
  return {
    root,
    tree,
    host,
    sh: async (backend, script, options = {}) => {
      const text: string[] = [];
      const { status } = await runInTree(backendOf(backend, isRoot), { ...describe(script, text), ...options }, host);
      return { status, text: text.join('') };
    },
    shWithOwners: async (script, { backend, library, owners, user }) => {
      const text: string[] = [];
      const description = { ...describe(script, text), ...(user === undefined ? {} : { user }) };
      const { status } = await runWithOwners(backendOf(backend, isRoot), description, {
        host,
        library,
        owners,
        now: Date.now(),
      });
      return { status, text: text.join('') };
    },
    close: () => {
      execFileSync('chmod', ['-R', 'u+rwX', root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
