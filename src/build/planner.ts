/**
 * From a parsed Dockerfile and the user's options to a `BuildPlan`. Nothing is read or run; all that would be
 * refused is collected with its line, so that it is known before anything runs.
 */
import { AlprootError, isAlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';
import type { HostPath } from '../core/paths.ts';
import { quoteName, redactText } from '../core/redact.ts';
import { type Dockerfile, type DockerfileStage, parseDockerfile } from '../formats/dockerfile/dockerfile.ts';
import type { Instruction } from '../formats/dockerfile/dockerfile-instruction.ts';
import { expand } from '../formats/dockerfile/substitution.ts';
import { ALPINE_CONFIG, SCRATCH_CONFIG } from './image-config.ts';
import type { BuildPlan, NamedContext, PlannedBase, PlannedStage, PlannedStep, Refusal } from './build-plan.ts';
import { parsePlatform, platformOf } from './base-reference.ts';
import { resolveImage } from './base-resolver.ts';
import { platformArgs, type Scope, variablesOf } from './scope.ts';
import { declareArg, planInstruction, type StageState } from './step-planner.ts';

export interface PlanOptions {
  /** For messages: the Dockerfile's name as the user gave it. */
  readonly file: string;
  /** Stage name or number; undefined: the last. */
  readonly target: string | undefined;
  /** `--build-arg`; undefined value: a name without `=` that the environment does not set. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The machine's own, and the image's: `--platform`. */
  readonly buildArch: Arch;
  readonly targetArch: Arch;
  /** Architectures whose programs run here. */
  readonly runnable: readonly Arch[];
  /** `--network`: what a RUN without a flag of its own gets. */
  readonly network: 'host' | 'none';
  /** `--add-host`, as lines of /etc/hosts. */
  readonly hosts?: readonly string[];
  /**
   * `--build-context`, by name: directories, and images under another name. Stages of the same name give way to them.
   */
  readonly contexts?: ReadonlyMap<string, HostPath | { readonly image: string }>;
}

interface Planner {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  readonly globals: ReadonlyMap<string, string | undefined>;
  readonly stages: Map<number, PlannedStage>;
  /** Scope at the end of each planned stage, which `FROM stage` inherits. */
  readonly scopes: Map<number, Scope>;
  readonly refusals: Refusal[];
  readonly warnings: { line: number; message: string }[];
  readonly consumed: Set<string>;
}

/**
 * @param text the Dockerfile
 * @throws ALP_USAGE_OPTION when `--target` names no stage; everything else is in `refusals`
 */
export function planBuild(text: string, options: PlanOptions): BuildPlan {
  const dockerfile = parseDockerfile(text);
  const planner: Planner = {
    dockerfile,
    options,
    globals: new Map(),
    stages: new Map(),
    scopes: new Map(),
    warnings: [],
    consumed: new Set(),
    refusals: dockerfile.problems.map((problem) => ({ ...problem, code: 'ALP_FORMAT_DOCKERFILE' })),
  };
  readGlobals(planner);
  const names = dockerfile.stages.map((_, index) => nameOfStage(planner, index));
  const target = findTarget(options.target, names);
  if (dockerfile.problems.length === 0 && target >= 0) planStage(planner, target);
  warnUnused(planner);
  return {
    file: options.file,
    target,
    stages: [...planner.stages.values()].sort((left, right) => left.index - right.index),
    skipped: dockerfile.stages.flatMap((stage, index) =>
      planner.stages.has(index) ? [] : [{ index, line: stage.from.line, ...nameField(names[index]) }],
    ),
    refusals: inOrder(planner.refusals),
    warnings: inOrder(planner.warnings),
  };
}

/** As the file is read, whatever stage needed which first. */
const inOrder = <T extends { readonly line: number }>(items: readonly T[]): T[] =>
  [...items].sort((left, right) => left.line - right.line);

/** The first refusal as an error that names them all; for builds that go on to run. @throws its code */
export function refuseUnsupported(plan: BuildPlan): void {
  const [first] = plan.refusals;
  if (first === undefined) return;
  // The hint is the first one's; others say their own.
  const staged = (hint: string | undefined): string => (hint === undefined || hint === first.hint ? '' : ` (${hint})`);
  const lines = plan.refusals.map(({ line, message, hint }) => `${plan.file}:${line}: ${message}${staged(hint)}`);
  throw new AlprootError(first.code, lines.join('\n'), { hint: first.hint, facts: { refusals: plan.refusals } });
}

const nameField = (name: string | undefined): { name?: string } => (name === undefined ? {} : { name });

function readGlobals(planner: Planner): void {
  const { globals, options, dockerfile, consumed } = planner;
  const mutable = globals as Map<string, string | undefined>;
  for (const [name, value] of platformArgs(options.targetArch, { build: options.buildArch, stage: options.target }))
    mutable.set(name, givenArg(options, name) ?? value);
  for (const instruction of dockerfile.globals) {
    supervisor(planner, instruction.line, () => {
      for (const arg of instruction.args) {
        if (Object.hasOwn(options.buildArgs, arg.name)) consumed.add(arg.name);
        const known = variablesOf({ env: {}, args: mutable });
        const value =
          givenArg(options, arg.name) ??
          (arg.value === undefined ? mutable.get(arg.name) : expand(arg.value, known, dockerfile.directives).text);
        mutable.set(arg.name, value);
      }
    });
  }
}

const givenArg = ({ buildArgs }: PlanOptions, name: string): string | undefined =>
  Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;

function supervisor<T>(planner: Planner, line: number, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isAlprootError(error, 'ALP_FORMAT_DOCKERFILE', 'ALP_BUILD_UNSUPPORTED', 'ALP_BUILD_INSTRUCTION')) throw error;
    planner.refusals.push({
      line,
      code: error.code as Refusal['code'],
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
    return undefined;
  }
}

function nameOfStage({ dockerfile }: Planner, index: number): string | undefined {
  return dockerfile.stages[index]?.from.name;
}

function findTarget(target: string | undefined, names: readonly (string | undefined)[]): number {
  if (target === undefined || target === '') return names.length - 1;
  const byName = names.lastIndexOf(target.toLowerCase());
  const index = byName >= 0 ? byName : /^\d+$/.test(target) ? Number(target) : -1;
  if (index < 0 || index >= names.length) {
    throw new AlprootError('ALP_USAGE_OPTION', `--target: no stage is called ${quoteName(target)}`, {
      hint: `stages: ${names.map((name, at) => name ?? String(at)).join(', ')}`,
    });
  }
  return index;
}

/** The stage before `before` that a name or number means. */
function findStage(planner: Planner, reference: string, before: number): number | undefined {
  for (let index = before - 1; index >= 0; index--)
    if (nameOfStage(planner, index) === reference.toLowerCase()) return index;
  return /^\d+$/.test(reference) && Number(reference) < before ? Number(reference) : undefined;
}

function planStage(planner: Planner, index: number): PlannedStage | undefined {
  const stage = planner.dockerfile.stages[index];
  if (planner.stages.has(index) || stage === undefined) return planner.stages.get(index);
  const from = supervisor(planner, stage.from.line, () => planFrom(planner, stage, index));
  const base = from?.base ?? { kind: 'refused', image: stage.from.image };
  const parent = base.kind === 'stage' ? planStage(planner, base.index) : undefined;
  const initial = parent?.config ?? (base.kind === 'alpine' ? ALPINE_CONFIG : SCRATCH_CONFIG);
  const state: StageState = {
    config: { ...initial, onBuild: [] },
    args: new Map(base.kind === 'stage' ? planner.scopes.get(base.index)?.args : []),
    cmdSet: false,
  };
  const steps = planSteps(planner, { index, stage, state, triggers: initial.onBuild });
  const planned: PlannedStage = {
    index,
    ...nameField(stage.from.name),
    line: stage.from.line,
    base,
    arch: from?.arch ?? planner.options.targetArch,
    steps,
    config: state.config,
    needs: needsOf(base, steps),
  };
  planner.scopes.set(index, { env: state.config.env, args: state.args });
  planner.stages.set(index, planned);
  return planned;
}

function planFrom(planner: Planner, { from }: DockerfileStage, index: number): { base: PlannedBase; arch: Arch } {
  const { options, dockerfile, globals } = planner;
  const variables = variablesOf({ env: {}, args: globals });
  const put = (text: string): string => {
    const { text: value, used } = expand(text, variables, dockerfile.directives);
    for (const name of used) planner.consumed.add(name);
    return value;
  };
  const platform = from.platform === undefined ? undefined : put(from.platform);
  const arch = platform === undefined || platform === '' ? options.targetArch : parsePlatform(platform)?.arch;
  if (arch === undefined)
    throw new AlprootError(
      'ALP_BUILD_UNSUPPORTED',
      `FROM --platform=${quoteName(platform ?? '')}: Alpine has no such port`,
      { hint: `one of ${options.runnable.map(platformOf).join(', ')} runs here` },
    );
  const image = put(from.image);
  const given = options.contexts?.get(image);
  if (typeof given === 'string')
    throw new AlprootError(
      'ALP_BUILD_UNSUPPORTED',
      `FROM ${quoteName(image)}: a stage cannot begin with a directory of --build-context`,
      { hint: `FROM scratch, then COPY --from=${image} . /` },
    );
  const known = given === undefined ? findStage(planner, image, index) : undefined;
  const base: PlannedBase =
    known === undefined
      ? resolveImage(given?.image ?? image, { arch, written: from.image })
      : { kind: 'stage', index: known };
  noteBase(planner, base, from.line);
  if (base.kind === 'alpine') return { base, arch: base.arch };
  return { base, arch: base.kind === 'stage' ? (planStage(planner, base.index)?.arch ?? arch) : arch };
}

function noteBase(planner: Planner, base: PlannedBase, line: number): void {
  if (base.kind !== 'alpine') return;
  if (base.digest !== undefined) {
    planner.warnings.push({
      line,
      message: `${base.digest} names a registry's image: alproot uses the root file system of Alpine ${base.release}, checked against its own pins`,
    });
  }
  if (!planner.options.runnable.includes(base.arch)) {
    throw new AlprootError('ALP_BUILD_UNSUPPORTED', `programs for ${base.arch} do not run on this machine`, {
      hint: `build for ${planner.options.runnable.join(', ')}, or on a machine of that kind`,
    });
  }
}

function planSteps(
  planner: Planner,
  {
    index,
    stage,
    state,
    triggers,
  }: { index: number; stage: DockerfileStage; state: StageState; triggers: readonly string[] },
): PlannedStep[] {
  const fired = triggers.flatMap((text) => parseTrigger(planner, text, stage.from.line));
  const steps = [...fired, ...stage.instructions].flatMap(
    (instruction, at) =>
      supervisor(planner, instruction.line, () => {
        if (instruction.kind === 'ARG') return declareArgs(planner, state, instruction);
        const body = planInstruction(instruction, {
          state,
          directives: planner.dockerfile.directives,
          network: planner.options.network,
          hosts: planner.options.hosts ?? [],
          proxyEnv: proxyEnv(planner),
          resolve: (reference) => resolveFrom(planner, reference, { index, line: instruction.line }),
          warn: (message) => planner.warnings.push({ line: instruction.line, message }),
        });
        const place = {
          line: instruction.line,
          endLine: instruction.endLine,
          source: redactText(instruction.source),
          ...(at < fired.length ? { trigger: true } : {}),
        };
        return [{ ...body, ...place, config: state.config } as PlannedStep];
      }) ?? [],
  );
  return steps;
}

function declareArgs(
  planner: Planner,
  state: StageState,
  instruction: Extract<Instruction, { kind: 'ARG' }>,
): PlannedStep[] {
  for (const { name } of instruction.args) planner.consumed.add(name);
  declareArg(state, instruction, {
    globals: planner.globals,
    buildArgs: planner.options.buildArgs,
    directives: planner.dockerfile.directives,
  });
  return [];
}

const proxyEnv = ({ options }: Planner): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options.buildArgs).filter(([name]) => /^(?:https?|ftp|no|all)_proxy$/i.test(name)),
  );

function resolveFrom(
  planner: Planner,
  reference: string,
  { index, line }: { index: number; line: number },
): PlannedBase | NamedContext {
  const given = planner.options.contexts?.get(reference);
  if (typeof given === 'string') return { kind: 'context', name: reference, directory: given };
  if (given !== undefined) return resolveImage(given.image, { arch: planner.options.targetArch, written: reference });
  const known = findStage(planner, reference, index);
  if (known !== undefined) {
    planStage(planner, known);
    return { kind: 'stage', index: known };
  }
  if (nameOfStage(planner, index) === reference.toLowerCase() || reference === String(index)) {
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `a stage cannot copy from itself: ${quoteName(reference)}`);
  }
  const base = resolveImage(reference, { arch: planner.options.targetArch, written: reference });
  if (base.kind === 'alpine' && base.digest !== undefined) noteBase(planner, base, line);
  return base;
}

function parseTrigger(planner: Planner, text: string, line: number): Instruction[] {
  const parsed = parseDockerfile(
    `${planner.dockerfile.directives.escape === '`' ? '# escape=`\n' : ''}FROM scratch\n${text}\n`,
  );
  for (const problem of parsed.problems) planner.refusals.push({ ...problem, line, code: 'ALP_FORMAT_DOCKERFILE' });
  return (parsed.stages[0]?.instructions ?? []).map((instruction) => ({ ...instruction, line, endLine: line }));
}

function needsOf(base: PlannedBase, steps: readonly PlannedStep[]): number[] {
  const bases = steps.flatMap((step) => {
    if (step.kind === 'run') return step.mounts.flatMap((mount) => mount.base ?? []);
    return (step.kind === 'copy' || step.kind === 'add') && step.from !== undefined ? [step.from] : [];
  });
  const indexes = [base, ...bases].flatMap((item) => (item.kind === 'stage' ? [item.index] : []));
  return [...new Set(indexes)].sort((left, right) => left - right);
}

function warnUnused(planner: Planner): void {
  const unused = Object.keys(planner.options.buildArgs).filter(
    (name) =>
      !planner.consumed.has(name) && !/_proxy$/i.test(name) && !/^(?:TARGET|BUILD|SOURCE_DATE_EPOCH)/.test(name),
  );
  if (unused.length > 0)
    planner.warnings.push({
      line: 1,
      message: `build arguments that no ARG takes: ${unused.map(quoteName).join(', ')}`,
    });
}
