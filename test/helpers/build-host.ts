/**
 * A real build host in a directory of its own: the store's part played by plain files, sandboxes by the run stage, the
 * base by the real minirootfs.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AlpEvent } from '../../src/core/events.ts';
import { hostPath, type HostPath, type TreePath } from '../../src/core/paths.ts';
import type { BackendName } from '../../src/core/run-description.ts';
import type { ExecuteOptions } from '../../src/build/execution.ts';
import { executeBuild, type BuiltImage } from '../../src/build/executor.ts';
import type { OpenTree } from '../../src/build/stage-tree.ts';
import type { ApkAnswer, ApkRequest, BuildHost, StoredLayer } from '../../src/build/host.ts';
import { ownedMode } from '../../src/build/owners.ts';
import { planBuild, refuseUnsupported } from '../../src/build/planner.ts';
import type { PlanOptions } from '../../src/build/planning.ts';
import type { InjectedNetworkFiles } from '../../src/run/network-files.ts';
import { findHostTools } from '../../src/run/host-tools.ts';
import { openOwnersLibrary } from '../../src/run/owners/library.ts';
import { runWithOwners } from '../../src/run/owners/run-with-owners.ts';
import { runInTree } from '../../src/run/run-in-tree.ts';
import { backendOf } from './sandbox.ts';
import { SHARED } from './capabilities.ts';

export type Files = Readonly<
  Record<string, string | Buffer | { readonly link: string } | { readonly mode: number; readonly text: string }>
>;

/** With its tree, which is there while it is looked at. */
export interface OpenedImage extends BuiltImage {
  readonly opened: OpenTree;
}

export interface BuildBench {
  readonly root: string;
  readonly events: AlpEvent[];
  readonly apkCalls: ApkRequest[];
  /** The step cache. */
  readonly layers: Map<string, StoredLayer>;
  /** Records of cached stage trees. */
  readonly trees: Map<string, string>;
  /** Serves apk; may be replaced by a test. */
  apk: (request: ApkRequest) => Promise<ApkAnswer>;
  downloads: Record<string, Buffer>;
  /** Builds and hands the image over while its tree is there. */
  readonly build: <T>(
    dockerfile: string,
    files: Files,
    use: (image: OpenedImage) => T | Promise<T>,
    options?: BenchOptions,
  ) => Promise<T>;
  /** Steps that ran, and that were cached, in the last build. */
  readonly steps: () => { ran: string[]; cached: string[] };
  readonly output: () => string;
  readonly close: () => void;
}

export interface BenchOptions extends Partial<Omit<ExecuteOptions, 'host'>> {
  readonly plan?: Partial<PlanOptions>;
  readonly signal?: AbortSignal;
  readonly backend?: BackendName;
  readonly injection?: InjectedNetworkFiles;
}

export function makeBench(): BuildBench {
  const root = mkdtempSync(join(tmpdir(), 'alproot-build-'));
  const events: AlpEvent[] = [];
  const apkCalls: ApkRequest[] = [];
  const bench: BuildBench = {
    root,
    events,
    apkCalls,
    layers: new Map(),
    trees: new Map(),
    downloads: {},
    apk: () => Promise.resolve({ kind: 'done', status: 0, stdout: 'OK\n', stderr: '' }),
    build: async (dockerfile, files, use, options = {}) => {
      const context = mkdtempSync(join(root, 'context-'));
      writeFiles(context, files);
      const plan = planBuild(dockerfile, {
        file: 'Dockerfile',
        target: undefined,
        buildArgs: {},
        buildArch: 'x86_64',
        targetArch: 'x86_64',
        runnable: ['x86_64'],
        network: 'none',
        ...options.plan,
      });
      refuseUnsupported(plan);
      events.length = 0;
      apkCalls.length = 0;
      const host = makeHost(bench, options);
      return executeBuild(
        plan,
        {
          host,
          context: hostPath(context),
          dockerfile: undefined,
          secrets: new Map(),
          noCache: false,
          noCacheFilter: [],
          ...options,
        },
        async (image) => use({ ...image, opened: await image.tree() }),
      );
    },
    steps: () => {
      const steps = events.filter((event) => event.kind === 'step').filter(({ id }) => !id.endsWith('.0'));
      return {
        ran: steps.filter(({ state }) => state === 'done').map(({ label }) => label),
        cached: steps.filter(({ state }) => state === 'cached').map(({ label }) => label),
      };
    },
    output: () => events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join(''),
    close: () => {
      execFileSync('chmod', ['-R', 'u+rwX', root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
  return bench;
}

const WRITTEN = 1_700_000_000;

function writeFiles(directory: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(path, content, { mode: 0o644 });
    else if ('link' in content) symlinkSync(content.link, path);
    else {
      writeFileSync(path, content.text);
      chmodSync(path, content.mode);
    }
    // The same in each build, whatever second it is.
    lutimesSync(path, WRITTEN, WRITTEN);
  }
}

function makeHost(bench: BuildBench, { backend, signal, injection }: BenchOptions): BuildHost {
  const { root } = bench;
  const at = (...parts: string[]): HostPath => hostPath(join(root, ...parts));
  const scratch = (): HostPath => hostPath(mkdtempSync(join(root, 'scratch-')));
  const tools = findHostTools({
    searchPath: process.env['PATH'] ?? '',
    isRoot: process.getuid?.() === 0,
    kernel: release(),
    scratch,
    cache: at('library'),
    arch: 'x86_64',
  });
  const real = tools.isRoot && ['bwrap', 'chroot'].includes(backend ?? 'bwrap');
  const stored = (file: HostPath): StoredLayer => {
    const bytes = readFileSync(file);
    return { file, sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length };
  };
  return {
    resolveBase: () =>
      Promise.resolve({
        key: 'alpine-3.19.4',
        tree: baseTree(root),
        owners: new Map(),
        label: 'alpine 3.19.4 (x86_64)',
      }),
    layers: {
      get: (key) => Promise.resolve(bench.layers.get(key)),
      put: (key, file) => {
        mkdirSync(at('layers'), { recursive: true });
        renameSync(file, at('layers', key));
        const layer = stored(at('layers', key));
        bench.layers.set(key, layer);
        return Promise.resolve(layer);
      },
    },
    trees: {
      take: (name, into) => {
        const record = bench.trees.get(name);
        if (record === undefined) return undefined;
        bench.trees.delete(name);
        renameSync(at('trees', name), into);
        return JSON.parse(record) as unknown;
      },
      put: (name, directory, record) => {
        mkdirSync(at('trees'), { recursive: true });
        rmSync(at('trees', name), { recursive: true, force: true });
        renameSync(directory, at('trees', name));
        bench.trees.set(name, JSON.stringify(record));
      },
    },
    apk: async (request) => {
      bench.apkCalls.push(request);
      return bench.apk(request);
    },
    run: async (description) => {
      const chosen = backendOf(backend ?? 'bwrap', tools.isRoot);
      if (real) return runInTree(chosen, description, tools);
      const library = await openOwnersLibrary({
        cache: at('library'),
        searchPath: process.env['PATH'] ?? '',
        arch: 'x86_64',
      });
      if (library.kind === 'absent') throw new Error(library.reason);
      return runWithOwners(chosen, description, {
        host: tools,
        library: library.bytes,
        owners: description.owners,
        now: Date.now(),
      });
    },
    injection: injection ?? { added: '', all: () => '', env: {} },
    download: (url) => {
      const bytes = bench.downloads[url];
      if (bytes === undefined) throw new Error(`the test offers no ${url}`);
      const file = at(`download-${createHash('sha256').update(url).digest('hex')}`);
      writeFileSync(file, bytes);
      return Promise.resolve({ file, sha256: createHash('sha256').update(bytes).digest('hex'), mtime: 1_000_000_000 });
    },
    openCache: (id) => {
      const path = at('caches', createHash('sha256').update(id).digest('hex'));
      mkdirSync(path, { recursive: true });
      return Promise.resolve({ path, release: () => undefined });
    },
    makeWorkspace: () => hostPath(mkdtempSync(join(root, 'workspace-'))),
    removeWorkspace: (path) => {
      execFileSync('chmod', ['-R', 'u+rwX', path]);
      rmSync(path, { recursive: true, force: true });
    },
    fetchGit: undefined,
    realOwners: real,
    emit: (event) => bench.events.push(event),
    signal,
  };
}

/** Alpine's minirootfs, unpacked once for a bench. */
function baseTree(root: string): HostPath {
  const tree = join(root, 'base');
  if (!existsSync(tree)) {
    mkdirSync(tree);
    execFileSync('tar', [
      '-xzf',
      join(SHARED, 'upstream', 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
      '-C',
      tree,
    ]);
  }
  return hostPath(tree);
}

/** A tree as lines: mode, kind, path, content or target; the directories of `skip` left out. */
export function describeTree(image: OpenedImage): string[] {
  const { tree, owners, real } = image.opened;
  const lines: string[] = [];
  const walk = (directory: string): void => {
    for (const name of readdirSync(join(tree.root, directory)).sort()) {
      const path = join(directory, name);
      const full = join(tree.root, path);
      const stat = lstatSync(full);
      const found = tree.stat(path as TreePath);
      if (found === undefined) continue;
      const { uid, gid, mode: bits } = ownedMode(path as TreePath, found, { owners, real });
      const mode = bits.toString(8);
      const owner = uid === 0 && gid === 0 ? '' : ` ${uid}:${gid}`;
      if (stat.isSymbolicLink()) lines.push(`${path} -> ${readlinkSync(full)}`);
      else if (stat.isDirectory()) {
        lines.push(`${path}/ ${mode}${owner}`);
        walk(path);
      } else lines.push(`${path} ${mode}${owner} ${JSON.stringify(readFileSync(full, 'utf8'))}`);
    }
  };
  walk('');
  return lines;
}
