/** The plan of a call of apk, executed: fetched and verified whole, then installed into a tree that exists. */
import type { ApkAnswer } from '../../build/host.ts';
import type { OwnerTable } from '../../build/owners.ts';
import type { PlannedPackage } from '../../core/package.ts';
import type { TreePath } from '../../core/paths.ts';
import type { ApkOutcome } from '../../solve/apk-command.ts';
import type { ApkArguments } from '../../solve/arguments.ts';
import type { InstallPlan } from '../../core/package.ts';
import { totalsAfter } from '../../solve/plan-lines.ts';
import { readDatabase, readOwners, type Database } from '../../unpack/database.ts';
import type { ApplyResult } from '../../unpack/apply-plan.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import { executePlan } from '../environment/install.ts';
import type { InstallContext } from '../repository/install-context.ts';
import type { LocalFile } from '../repository/local-packages.ts';
import { fetchPlaced, type FetchedPackages, type FetchOptions } from '../repository/package-files.ts';
import type { TreeRepositories } from '../repository/tree-repositories.ts';
import type { Call } from './apk-call.ts';
import { addEvent, addSummary, beginReport, finishReport, totalsOf, type Report } from './apk-report.ts';

export interface SolvedCall extends Call {
  readonly args: ApkArguments;
  readonly outcome: ApkOutcome;
  readonly opened: TreeRepositories;
  /** Packages that the command line names as files. */
  readonly files: ReadonlyMap<string, LocalFile>;
}

/** @throws ALP_FETCH_*, ALP_VERIFY_*, ALP_UNPACK_* */
export async function executeCall(session: InstallContext, call: SolvedCall): Promise<ApkAnswer> {
  const { tree, outcome, opened } = call;
  const report = beginReport(outcome, opened);
  if (outcome.plan === undefined) return finishReport(report, outcome, outcome.status);
  if (outcome.simulate) {
    const totals = totalsAfter(totalsOf(readDatabase(tree)), outcome.plan.changes);
    addSummary(report, outcome, { totals, errors: outcome.broken });
    return finishReport(report, outcome, outcome.status);
  }
  recordWorld(session, call, outcome.plan);
  const result = await install(session, call, { plan: outcome.plan, report });
  for (const { label, status } of result.failedScripts)
    report.err.push(`ERROR: ${label}: script exited with error ${status}`);
  const errors = outcome.broken + result.brokenPackages;
  addSummary(report, outcome, { totals: totalsOf(result.database), errors });
  return finishReport(report, outcome, errors);
}

function recordWorld(session: InstallContext, { options: { mirrors } }: Call, { world }: InstallPlan): void {
  session.recording.add({
    requests: [],
    environments: [{ release: mirrors.release, arch: session.config.arch, repositories: [], world, packages: [] }],
  });
}

/** Nothing of the tree is touched before all packages are verified: see fetchAll. */
async function install(
  session: InstallContext,
  { request, args, tree, options, opened, files }: SolvedCall,
  { plan, report }: { readonly plan: InstallPlan; readonly report: Report },
): Promise<ApplyResult> {
  const before = new Set(readOwners(readDatabase(tree)).keys());
  const result = await executePlan(
    {
      tree,
      plan,
      runScript: args.options.get('scripts')?.at(-1) === 'no' ? undefined : options.scriptsFor(request, tree),
      owners: options.owners,
      strict: session.config.strict,
      emit: (event) => addEvent(report, event),
      purge: args.options.get('purge')?.at(-1) === 'yes',
      forceOverwrite: args.options.has('force') || args.options.has('force-overwrite'),
      resetDirectories: args.options.has('directory-permissions'),
    },
    async (planned, copy) => {
      const fetched = await fetchAll(session, planned, { ...opened, copy });
      const open = async (item: PlannedPackage): Promise<OpenedPackageFile> =>
        localFile(item, files)?.open() ?? (await fetched.open(item));
      return { open, close: fetched.close };
    },
  );
  if (options.owners === 'record') recordOwners(request.owners, result.database, before);
  return result;
}

/** Those of the tree's own directories are opened there, the others downloaded. */
export async function fetchAll(
  session: InstallContext,
  planned: readonly PlannedPackage[],
  { places, local, copy }: TreeRepositories & Pick<FetchOptions, 'copy'>,
): Promise<FetchedPackages> {
  const openOf = ({ record, source }: PlannedPackage): (() => OpenedPackageFile) | undefined => {
    const open = source.kind === 'repository' ? local.get(source.location) : undefined;
    return open === undefined ? undefined : () => open(record);
  };
  const fetched = await fetchPlaced(
    session,
    planned.filter((item) => openOf(item) === undefined),
    { placeOf: (location) => places.get(location), isPrivate: false, copy },
  );
  return { open: async (item) => openOf(item)?.() ?? (await fetched.open(item)), close: fetched.close };
}

const localFile = ({ source }: PlannedPackage, files: ReadonlyMap<string, LocalFile>): LocalFile | undefined =>
  source.kind === 'file' ? files.get(source.path) : undefined;

/** Owners and special modes that packages want, where they differ from what an ordinary user's tree shows. */
export function recordOwners(owners: OwnerTable, database: Database, known: ReadonlySet<TreePath> = new Set()): void {
  for (const [path, { uid, gid, mode }] of readOwners(database)) {
    if (known.has(path)) continue;
    const special = (mode & 0o6000) !== 0;
    if (uid !== 0 || gid !== 0 || special) owners.set(path, { uid, gid, ...(special ? { mode } : {}) });
    else owners.delete(path);
  }
}
