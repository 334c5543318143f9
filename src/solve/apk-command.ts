/**
 * `apk add`, `del`, `upgrade`, `fix` and `update` as far as they plan: from a command line and the state of a
 * tree to apk's output, its status and the plan to carry out. Carrying it out and the last line
 * (`formatSummary`) are the caller's.
 *
 * @see apk-tools 3.0 src/apk.c, src/app_*.c, src/commit.c
 */
import { isAlprootError } from '../core/errors.ts';
import type { Dependency, InstallPlan, PackageRecord } from '../core/package.ts';
import { ApkUsageError, parseApkArguments, type ApkArguments } from './arguments.ts';
import { formatKept } from './kept.ts';
import { FLAG } from './model.ts';
import { formatOverview } from './overview.ts';
import { countBroken, planChanges } from './install-plan.ts';
import { formatPlanLines } from './plan-lines.ts';
import { requestPreupgrade } from './preupgrade.ts';
import { requestAdd, requestDel, requestFix, requestUpgrade, type ApkSystem, type Request } from './requests.ts';
import { resolve, type Resolution } from './resolution.ts';
import { explainUnsatisfiable } from './unsatisfiable.ts';

export interface ApkHost extends ApkSystem {
  /** The package that owns the running apk. */
  readonly self?: string;
  /** Time for virtual packages. */
  readonly now: Date;
  /** Whether the tree outlives a reboot, or a cache keeps packages. */
  readonly keepsPackages: (options: ApkArguments['options']) => boolean;
  /** Package files among the arguments, by argument. */
  readonly files?: ReadonlyMap<string, PackageRecord>;
  /** Repositories that could not be read, or only from an old copy. */
  readonly lost?: { readonly unavailable: number; readonly stale: number };
  /** Description lines of the repositories, by location. */
  readonly descriptions?: ReadonlyMap<string, string>;
  readonly width?: number;
}

export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface ApkOutcome {
  readonly lines: readonly OutputLine[];
  readonly status: number;
  /** What to carry out, and then to end with `formatSummary`. */
  readonly plan: InstallPlan | undefined;
  /** Packages that were broken before and stay so; they count for the last line and the status. */
  readonly broken: number;
  readonly verbosity: number;
  readonly simulate: boolean;
}

/** A command in the making. */
interface Run {
  readonly host: ApkHost;
  readonly args: ApkArguments;
  readonly lines: OutputLine[];
  broken: number;
  /** Of a command that comes to nothing. */
  failure: number;
  readonly verbosity: number;
  readonly say: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly fail: (text: string) => undefined;
}

/** apk's own functions end with -1, which its caller turns into this. */
const REFUSED = 99;
const asStatus = (errors: number): number => Math.min(errors, REFUSED);

const count = (args: ApkArguments, name: string): number => args.options.get(name)?.length ?? 0;
const last = (args: ApkArguments, name: string): string | undefined => args.options.get(name)?.at(-1);
const isSet = (args: ApkArguments, name: string): boolean => last(args, name) === 'yes';

function createRun(host: ApkHost, args: ApkArguments): Run {
  const lines: OutputLine[] = [];
  const verbosity = Math.max(0, 1 + count(args, 'verbose') - count(args, 'quiet'));
  return {
    host,
    args,
    lines,
    verbosity,
    broken: 0,
    failure: REFUSED,
    say: (text) => {
      if (verbosity >= 1) lines.push({ stream: 'stdout', text });
    },
    warn: (text) => lines.push({ stream: 'stderr', text: `WARNING: ${text}` }),
    fail: (text) => void lines.push({ stream: 'stderr', text: `ERROR: ${text}` }),
  };
}

/** Tags of world that no repository has. */
function missingTags(run: Run, world: readonly Dependency[]): boolean {
  if (isSet(run.args, 'force-broken-world')) return false;
  const bundleSource = new Set(run.host.catalog.sources.flatMap(({ tags }) => tags));
  const missing = world.filter(({ tag }) => tag !== undefined && !bundleSource.has(tag));
  for (const { name, tag } of missing)
    run.warn(`The repository tag for world dependency '${name}@${tag}' does not exist`);
  return missing.length > 0;
}

function resolveFor(run: Run, request: Request, options: { readonly preupgrade?: boolean } = {}): Resolution {
  const { arch, catalog, installed, cached = [] } = run.host;
  const { world, flags, names } = request;
  return resolve({
    arch,
    catalog,
    installed,
    world,
    flags,
    names,
    loose: [...cached, ...request.loose],
    preupgrade: options.preupgrade === true,
    forceBrokenWorld: isSet(run.args, 'force-broken-world'),
  });
}

function reportFailure(run: Run, resolution: Resolution): undefined {
  run.failure = asStatus(resolution.errors);
  run.fail('unable to select packages:');
  for (const text of explainUnsatisfiable(resolution, run.host.width)) run.lines.push({ stream: 'stderr', text });
  return undefined;
}

/** Everything that apk prints before the last line of a commit. */
function announce(run: Run, resolution: Resolution): InstallPlan | undefined {
  if (missingTags(run, resolution.world)) return run.fail('Not committing changes due to missing repository tags.');
  const { verbosity, args, host } = run;
  for (const text of formatOverview(resolution, {
    verbosity,
    interactive: isSet(args, 'interactive'),
    width: host.width,
  })) {
    run.lines.push({ stream: 'stdout', text });
  }
  const plan: InstallPlan = { arch: host.arch, changes: planChanges(resolution), world: resolution.world };
  for (const text of formatPlanLines(plan)) run.say(text);
  run.broken = countBroken(resolution, isSet(args, 'simulate'));
  return plan;
}

function commit(run: Run, request: Request): InstallPlan | undefined {
  for (const text of request.warnings) run.warn(text);
  if (missingTags(run, request.world)) return run.fail('Not committing changes due to missing repository tags.');
  const resolution = resolveFor(run, request);
  return resolution.errors > 0 ? reportFailure(run, resolution) : announce(run, resolution);
}

function runAdd(run: Run): InstallPlan | undefined {
  const { args, host } = run;
  const virtual = last(args, 'virtual');
  const kept = host.keepsPackages(args.options) || isSet(args, 'force') || isSet(args, 'force-non-repository');
  return commit(
    run,
    requestAdd(host, args.operands, {
      latest: isSet(args, 'latest'),
      upgrade: isSet(args, 'upgrade'),
      now: host.now,
      allowNonRepository: kept,
      ...(virtual === undefined ? {} : { virtual }),
      ...(host.files === undefined ? {} : { files: host.files }),
    }),
  );
}

function runDel(run: Run): InstallPlan | undefined {
  const { args, host } = run;
  const resolution = resolveFor(run, requestDel(host, args.operands, { rdepends: isSet(args, 'rdepends') }));
  if (resolution.errors > 0) return reportFailure(run, resolution);
  if (run.verbosity >= 1 && args.operands.length > 0) {
    const kept = formatKept(resolution, args.operands, {
      before: host.world,
      verbose: run.verbosity >= 2,
      width: host.width,
    });
    for (const text of kept) run.lines.push({ stream: 'stdout', text });
  }
  return announce(run, resolution);
}

function runFix(run: Run): InstallPlan | undefined {
  const { args, host } = run;
  return commit(
    run,
    requestFix(host, args.operands, {
      depends: isSet(args, 'depends'),
      reinstall: isSet(args, 'reinstall'),
      upgrade: isSet(args, 'upgrade'),
      xattr: isSet(args, 'xattr'),
    }),
  );
}

/** Upgrades apk and what --preupgrade-depends names; 'nothing' when that has nothing to do. */
function preupgrade(run: Run, flags: number): InstallPlan | 'nothing' | undefined {
  const { args, host } = run;
  const request = requestPreupgrade(host, { flags, self: host.self, depends: args.options.get('preupgrade-depends') });
  for (const text of request.warnings) run.warn(text);
  if (!('world' in request)) return 'nothing';
  const resolution = resolveFor(run, request, { preupgrade: true });
  if (resolution.errors > 0) {
    run.warn('Failed to perform initial preupgrade, continuing with a full upgrade.');
    return 'nothing';
  }
  if (planChanges(resolution).length === 0) return 'nothing';
  run.say('Preupgrading:');
  return announce(run, resolution);
}

function runUpgrade(run: Run): InstallPlan | 'nothing' | undefined {
  const { args, host } = run;
  if (missingTags(run, host.world)) return run.fail('Not continuing with upgrade due to missing repository tags.');
  const { unavailable = 0, stale = 0 } = host.lost ?? {};
  if (unavailable + stale > 0 && !isSet(args, 'force-missing-repositories')) {
    return run.fail(
      'Not continuing due to stale/unavailable repositories. Use --force-missing-repositories to continue.',
    );
  }
  const available = isSet(args, 'available');
  const latest = isSet(args, 'latest');
  const wanted = (last(args, 'preupgrade') ?? last(args, 'self-upgrade') ?? 'yes') === 'yes';
  if (isSet(args, 'preupgrade-only') || isSet(args, 'self-upgrade-only')) {
    const flags = FLAG.upgrade | (available ? FLAG.available : 0) | (latest ? FLAG.latest : 0);
    return wanted && args.operands.length === 0 ? preupgrade(run, flags) : 'nothing';
  }
  return commit(
    run,
    requestUpgrade(host, args.operands, {
      available,
      latest,
      prune: isSet(args, 'prune'),
      ignore: isSet(args, 'ignore'),
    }),
  );
}

function runUpdate(run: Run): 'nothing' {
  const { host } = run;
  const identities = new Set(
    [...host.installed.map(({ record }) => record), ...host.catalog.sources.flatMap(({ packages }) => packages)].map(
      ({ checksum }) => checksum?.hex.slice(0, 40),
    ),
  );
  for (const { location } of host.catalog.sources) run.say(`${host.descriptions?.get(location) ?? ''} [${location}]`);
  const { unavailable = 0, stale = 0 } = host.lost ?? {};
  const head = unavailable + stale > 0 ? `${unavailable} unavailable, ${stale} stale;` : 'OK:';
  run.say(`${head} ${identities.size} distinct packages available`);
  return 'nothing';
}

const COMMANDS: Readonly<Record<string, (run: Run) => InstallPlan | 'nothing' | undefined>> = {
  add: runAdd,
  del: runDel,
  fix: runFix,
  upgrade: runUpgrade,
  update: runUpdate,
};

/**
 * Plans what `apk ARGV` would do. Other commands than the five above end with status 1 and no plan: they only
 * read, and belong to the real apk.
 */
export function runApk(argv: readonly string[], host: ApkHost): ApkOutcome {
  let run = createRun(host, { command: undefined, operands: [], options: new Map() });
  const end = (status: number, plan?: InstallPlan): ApkOutcome => ({
    lines: run.lines,
    status,
    plan,
    broken: run.broken,
    verbosity: run.verbosity,
    simulate: isSet(run.args, 'simulate'),
  });
  try {
    run = createRun(host, parseApkArguments(argv));
    const { command, operands } = run.args;
    const action = command === undefined ? undefined : COMMANDS[command];
    if (action === undefined) {
      run.fail(`'${operands[0] ?? ''}' is not an apk command. See 'apk --help'.`);
      return end(1);
    }
    const result = action(run);
    if (result === 'nothing') return end(0);
    return result === undefined ? end(run.failure) : end(asStatus(run.broken), result);
  } catch (error) {
    if (!(error instanceof ApkUsageError) && !isAlprootError(error, 'ALP_SOLVE_WORLD')) throw error;
    for (const text of error.message.split('\n')) run.fail(text);
    return end(error instanceof ApkUsageError ? 1 : Number(error.facts['status'] ?? REFUSED));
  }
}
