/** solve → fetch → verify → unpack, into a tree that has a database. */
import { AlprootError } from '../../core/errors.ts';
import { packagesOf, type InstallPlan, type PlannedPackage } from '../../core/package.ts';
import type { CopyFile } from '../../fetch/fetch-request.ts';
import { parseDependency } from '../../formats/apk/dependency.ts';
import { formatPlanLines } from '../../solve/plan-lines.ts';
import { solve } from '../../solve/solve.ts';
import type { RunDescription } from '../../core/run-description.ts';
import type { Thread } from '../../system/thread/thread.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import { applyPlan, type ApplyOptions, type ApplyResult } from '../../unpack/apply-plan.ts';
import { readDatabase, type Database } from '../../unpack/database.ts';
import type { RunScript, ScriptRun } from '../../unpack/opened.ts';
import { startPackageThread } from '../../unpack/unpack-pipeline.ts';
import { copyPackageBy, fetchPackages, type FetchedPackages } from '../repository/package-files.ts';
import { chooseBackend, runCommandIn, type ProbingSession } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext } from '../repository/install-context.ts';
import type { Sources } from '../repository/release-indexes.ts';

export interface InstallRequest {
  readonly tree: WorkTree;
  readonly sources: Sources;
  /** As for `apk add`: `gcc`, `musl-dev>1.2`, `foo@edge`. */
  readonly packages: readonly string[];
  /** Of `startPackageThread`, where it was started before there was a plan. */
  readonly thread?: Thread | undefined;
  /** Told when a script could not be run, for want of a backend that shows it the tree. */
  readonly onSkipped?: (() => void) | undefined;
}

/** What `packages` would bring to a tree that has a database. @throws ALP_SOLVE_* */
export function planPackages(session: InstallContext, { tree, sources, packages }: InstallRequest): InstallPlan {
  const before = readDatabase(tree);
  const asked = packages.map((text) => parseDependency(text, { tag: true }));
  const names = new Set(asked.map(({ name }) => name));
  const world = [...before.world.filter(({ name }) => !names.has(name)), ...asked];
  session.recording.add({
    requests: [],
    environments: [
      { release: sources.release, arch: session.config.arch, repositories: [], world: asked, packages: [] },
    ],
  });
  const plan = solve({
    arch: session.config.arch,
    world,
    repositories: sources.repositories,
    installed: before.packages,
    options: { buildable: sources.buildable },
  });
  announce(session, plan);
  return plan;
}

/**
 * The first of each repository's packages that bear one of the names: most of what will be asked for, known before
 * there is a plan.
 */
export const namedPackages = ({ repositories }: Sources, packages: readonly string[]): PlannedPackage[] =>
  packages
    .map((text) => parseDependency(text, { tag: true }).name)
    .flatMap((name) =>
      repositories.flatMap(({ index: { tables, packages: records, location } }) =>
        (tables?.byName.of(name) ?? [])
          .slice(0, 1)
          .flatMap((position) => records[position] ?? [])
          .map((record): PlannedPackage => ({ record, source: { kind: 'repository', location }, because: [] })),
      ),
    );

/**
 * solve → fetch → verify → unpack, into a tree that is thrown away when it fails.
 *
 * @returns its database
 * @throws ALP_SOLVE_*, ALP_FETCH_*, ALP_VERIFY_*, ALP_UNPACK_*, ALP_SCRIPT_FAILED
 */
export async function installInto(session: InstallContext, request: InstallRequest): Promise<Database> {
  const { tree, sources } = request;
  const plan = planPackages(session, request);
  const { failedScripts, database } = await executePlan(
    {
      tree,
      plan,
      thread: request.thread,
      runScript: scriptRunner(session, tree, request.onSkipped),
      owners: session.isRoot ? 'apply' : 'record',
      strict: session.config.strict,
      emit: session.config.emit,
    },
    (planned) => fetchPackages(session, planned, { ...sources, isPrivate: true }),
  );
  const [failed] = failedScripts;
  if (failed !== undefined)
    throw new AlprootError('ALP_SCRIPT_FAILED', `${failed.label}: script exited with error ${failed.status}`, {
      facts: { failedScripts },
    });
  return database;
}

/** `copy` may be used until all are fetched, and not once one of them is opened. */
export type FetchPlanned = (
  planned: readonly PlannedPackage[],
  copy: CopyFile | undefined,
) => Promise<FetchedPackages>;

/** fetch → verify → unpack; the thread that inflates starts meanwhile, unless one has started already. */
export async function executePlan(
  { thread: early, ...options }: Omit<ApplyOptions, 'open'>,
  fetch: FetchPlanned,
): Promise<ApplyResult> {
  const planned = packagesOf(options.plan.changes);
  const thread = early ?? startPackageThread(planned);
  try {
    const { open, close } = await fetch(planned, thread && copyPackageBy(thread));
    return await applyPlan({ ...options, open, thread }).finally(close);
  } finally {
    thread?.stop();
  }
}

function announce({ config: { emit } }: Session, plan: InstallPlan): void {
  const lines = formatPlanLines(plan);
  for (const [index, line] of lines.entries()) emit({ kind: 'plan', index: index + 1, count: lines.length, line });
}

/** Package scripts by the chosen backend; where that cannot show them the tree they are left out, with a warning. */
function scriptRunner(session: ProbingSession, tree: WorkTree, onSkipped?: () => void): RunScript {
  return async (script) => {
    const { name, showsTree } = await chooseBackend(session, tree.root);
    if (!showsTree) {
      onSkipped?.();
      session.config.emit({
        kind: 'warning',
        message: `${script.path} is not run: ${name} cannot show it the tree`,
        hint: 'programs work, but what package scripts set up is missing',
      });
      return { status: 0, signal: undefined };
    }
    return runCommandIn(session, describeScript(tree, script));
  };
}

/** As root in the tree that it belongs to, without network. */
export const describeScript = (tree: WorkTree, { path, args, env, onOutput }: ScriptRun): RunDescription => ({
  tree: tree.root,
  writable: true,
  mounts: [],
  argv: [path, ...args],
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
  cwd: '/',
  user: { uid: 0, gid: 0 },
  network: 'none',
  stdio: { kind: 'pipe', onOutput },
});
