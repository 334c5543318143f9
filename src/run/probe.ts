/**
 * Whether a backend works here, found out by working with it: a small program forks, executes, stats, changes an
 * owner, makes a hard link and writes. What it says when it fails is the reason that people read.
 */
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import { AlprootError } from '../core/errors.ts';
import type { BackendName, Isolation, RunDescription } from '../core/run-description.ts';
import { backendsFor, type Backend } from './backend.ts';
import type { RunHost } from './host-tools.ts';
import { explainRefusal, refuseNoexec } from './refusal.ts';
import { probeMounts } from './probe-tree.ts';
import { runInTree } from './run-in-tree.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { saysTooManyProcesses } from '../system/process/process-limit.ts';
import { removeTree } from '../system/files/remove-tree.ts';

export interface BackendVerdict {
  readonly name: BackendName;
  readonly works: boolean;
  /** Why not, or what it gives. */
  readonly reason: string;
  readonly isolation: Isolation;
  /** What holds a program back there. */
  readonly enforces: readonly string[];
  /** What would make it work. */
  readonly fix?: string | undefined;
  /** It was not found out: the host lets no more processes begin, for now. */
  readonly isShortage: boolean;
}

const PROGRAM =
  'echo x >/tmp/a && ln /tmp/a /tmp/b && chown 0:0 /tmp/b && test -f /tmp/b && ' +
  '(exit 0) && cat /tmp/a >/dev/null && echo works';

/** @param tree a tree with /bin/sh: an environment, or the host's own root */
export async function probeBackend(backend: Backend, host: RunHost, tree: HostPath): Promise<BackendVerdict> {
  const verdict = (works: boolean, reason: string, fix?: string): BackendVerdict => ({
    name: backend.name,
    works,
    reason,
    isolation: backend.isolation,
    enforces: backend.enforces,
    fix,
    isShortage: !works && saysTooManyProcesses(reason),
  });
  const missing = backend.needs.find((tool) => host.tools[tool] === undefined);
  if (missing !== undefined)
    return verdict(
      false,
      `${missing === 'bwrap' ? 'bubblewrap' : missing} is not installed`,
      `install it: apt-get install ${PACKAGE_OF[missing] ?? missing}`,
    );
  const refusal = backend.refuse(host) ?? refuseNoexec(tree);
  if (refusal !== undefined) return verdict(false, refusal.reason, refusal.fix);
  if (backend.needsStarter && (await host.sandbox()) === undefined)
    return verdict(
      false,
      'the sandbox program of alproot is missing here',
      'install a C compiler, and keep the store where programs may be executed',
    );
  // A tree of the host's programs has no loader of its own to try; nothing but the two programs is needed.
  if (!backend.showsTree && probeMounts(tree).length > 0) return verdict(true, whatItGives(backend));
  const output: string[] = [];
  const scratch = host.scratch();
  const place = joinHost(scratch, 'probe');
  makeDirectory(place);
  try {
    const { status } = await runInTree(
      backend,
      backend.showsTree ? probeRun(tree, place, output) : startProbe(tree, output),
      host,
    );
    const text = output.join('');
    if (status === 0 && text.includes('works')) return verdict(true, whatItGives(backend));
    const { reason, fix } = explainRefusal(backend.name, text, host);
    return verdict(false, reason, fix);
  } catch (error) {
    if (!(error instanceof AlprootError)) throw error;
    return verdict(false, error.message, error.hint);
  } finally {
    removeTree(scratch);
  }
}

function whatItGives({ isolation, showsTree }: Backend): string {
  const purpose = showsTree ? 'works' : 'for compilers and make only';
  return isolation === 'full'
    ? `${purpose}, isolated`
    : `${purpose}; isolation: ${isolation}, no boundary for hostile code`;
}

const PACKAGE_OF: Readonly<Record<string, string>> = {
  bwrap: 'bubblewrap',
  unshare: 'util-linux',
  env: 'coreutils',
  sh: 'dash',
};

const probeRun = (tree: HostPath, place: HostPath, output: string[]): RunDescription => ({
  tree,
  writable: false,
  mounts: [...probeMounts(tree), { kind: 'bind', source: place, target: treePathFromUser('/tmp'), writable: true }],
  argv: ['/bin/sh', '-c', PROGRAM],
  env: { PATH: '/usr/bin:/bin' },
  cwd: '/',
  user: { uid: 0, gid: 0 },
  network: 'none',
  stdio: { kind: 'pipe', plain: true, onOutput: (_stream, bytes) => void output.push(bytes.toString()) },
});

/** Without a root of its own nothing may be written: whether a program of the tree starts is all there is to know. */
const startProbe = (tree: HostPath, output: string[]): RunDescription => ({
  ...probeRun(tree, tree, output),
  mounts: [],
  argv: ['/bin/sh', '-c', 'echo works'],
});

/** A verdict for each backend's name, strongest first: that of its first way that works, else of the first. */
export async function probeBackends(host: RunHost, tree: HostPath): Promise<BackendVerdict[]> {
  const verdicts = new Map<BackendName, BackendVerdict>();
  for (const backend of backendsFor(host)) {
    const known = verdicts.get(backend.name);
    if (known?.works === true) continue;
    const verdict = await probeBackend(backend, host, tree);
    if (known === undefined || verdict.works) verdicts.set(backend.name, verdict);
  }
  return [...verdicts.values()].sort((a, b) => strength(b) - strength(a));
}

const strength = ({ works, isolation }: BackendVerdict): number =>
  works ? ['none', 'partial', 'full'].indexOf(isolation) : -1;

/**
 * The first that works, without trying the weaker ones; all verdicts so far. A shortage of processes ends the search:
 * it passes, and must not make hosts use less isolation than they have.
 *
 * @param name only the ways of this backend
 */
export async function findWorkingBackend(
  host: RunHost,
  tree: HostPath,
  name?: BackendName,
): Promise<{ readonly backend: Backend | undefined; readonly verdicts: readonly BackendVerdict[] }> {
  const verdicts: BackendVerdict[] = [];
  for (const backend of backendsFor(host)) {
    if (name !== undefined && backend.name !== name) continue;
    const verdict = await probeBackend(backend, host, tree);
    verdicts.push(verdict);
    if (verdict.works) return { backend, verdicts };
    if (verdict.isShortage) return { backend: undefined, verdicts: [verdict] };
  }
  return { backend: undefined, verdicts: firstOfEach(verdicts) };
}

/** The first way of a backend is the one that people expect it to work by: its reason is told. */
const firstOfEach = (verdicts: readonly BackendVerdict[]): BackendVerdict[] =>
  verdicts.filter(({ name }, at) => verdicts.findIndex((other) => other.name === name) === at);
