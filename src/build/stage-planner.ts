/** One stage, and the stages that it needs: its base, its steps, and the configuration that they lead to. */
import { AlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';
import { quoteName, redactText } from '../core/redact.ts';
import { type DockerfileStage, parseDockerfile } from '../formats/dockerfile/dockerfile.ts';
import type { Instruction } from '../formats/dockerfile/dockerfile-instruction.ts';
import { expand } from '../formats/dockerfile/substitution.ts';
import { parsePlatform, platformOf } from './base-reference.ts';
import { resolveImage } from './base-resolver.ts';
import type { NamedContext, PlannedBase, PlannedStage, PlannedStep } from './build-plan.ts';
import { ALPINE_CONFIG, SCRATCH_CONFIG } from './image-config.ts';
import { collectRefusals, findStage, nameOfStage, type Planning } from './planning.ts';
import type { StageState } from './planning-state.ts';
import { type Scope, variablesOf } from './scope.ts';
import { declareArg, planInstruction } from './step-planner.ts';

/** @returns undefined for a stage that the file does not have */
export function planStage(planner: Planning, index: number): PlannedStage | undefined {
  const stage = planner.dockerfile.stages[index];
  if (planner.stages.has(index) || stage === undefined) return planner.stages.get(index);
  const from = collectRefusals(planner, stage.from.line, () => planFrom(planner, stage, index));
  const base = from?.base ?? { kind: 'refused', image: stage.from.image };
  const parent = base.kind === 'stage' ? planStage(planner, base.index) : undefined;
  const initial = parent?.config ?? (base.kind === 'alpine' ? ALPINE_CONFIG : SCRATCH_CONFIG);
  const state: StageState = {
    config: { ...initial, onBuild: [] },
    args: inheritedArgs(base.kind === 'stage' ? planner.scopes.get(base.index) : undefined),
    cmdSet: false,
  };
  const steps = planSteps(planner, { index, stage, state, triggers: initial.onBuild });
  const planned: PlannedStage = {
    index,
    ...(stage.from.name === undefined ? {} : { name: stage.from.name }),
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

const inheritedArgs = (scope: Scope | undefined): Map<string, string | undefined> =>
  new Map([...(scope?.args ?? [])].filter(([name]) => !Object.hasOwn(scope?.env ?? {}, name)));

function planFrom(planner: Planning, { from }: DockerfileStage, index: number): { base: PlannedBase; arch: Arch } {
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

function noteBase(planner: Planning, base: PlannedBase, line: number): void {
  if (base.kind !== 'alpine') return;
  if (base.digest !== undefined) {
    planner.warnings.push({
      line,
      message:
        `${base.digest} names a registry's image: alproot uses the root file system of Alpine ${base.release}, ` +
        'checked against its own pins',
    });
  }
  if (!planner.options.runnable.includes(base.arch)) {
    throw new AlprootError('ALP_BUILD_UNSUPPORTED', `programs for ${base.arch} do not run on this machine`, {
      hint: `build for ${planner.options.runnable.join(', ')}, or on a machine of that kind`,
    });
  }
}

function planSteps(
  planner: Planning,
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
      collectRefusals(planner, instruction.line, () => {
        if (instruction.kind === 'ARG') return declareArgs(planner, state, instruction);
        const body = planInstruction(instruction, {
          state,
          directives: planner.dockerfile.directives,
          network: planner.options.network,
          hosts: planner.options.hosts ?? [],
          proxyEnv: proxyEnv(planner),
          resolve: (reference) => resolveReference(planner, reference, { index, line: instruction.line }),
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
  planner: Planning,
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

const proxyEnv = ({ options }: Planning): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options.buildArgs).filter(([name]) => /^(?:https?|ftp|no|all)_proxy$/i.test(name)),
  );

function resolveReference(
  planner: Planning,
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

function parseTrigger(planner: Planning, text: string, line: number): Instruction[] {
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
