/**
 * From a parsed Dockerfile and the user's options to a `BuildPlan`. Nothing is read or run; all that would be
 * refused is collected with its line, so that it is known before anything runs.
 */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { parseDockerfile } from '../formats/dockerfile/dockerfile.ts';
import { expand } from '../formats/dockerfile/substitution.ts';
import type { BuildPlan } from './build-plan.ts';
import { collectRefusals, nameOfStage, type Planning, type PlanOptions } from './planning.ts';
import { platformArgs, variablesOf } from './scope.ts';
import { planStage } from './stage-planner.ts';

/**
 * @param text the Dockerfile
 * @throws ALP_USAGE_OPTION when `--target` names no stage; everything else is in `refusals`
 */
export function planBuild(text: string, options: PlanOptions): BuildPlan {
  const dockerfile = parseDockerfile(text);
  const planner: Planning = {
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
    refusals: inLineOrder(planner.refusals),
    warnings: inLineOrder(planner.warnings),
  };
}

/** As the file is read, whatever stage needed which first. */
const inLineOrder = <T extends { readonly line: number }>(items: readonly T[]): T[] =>
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

function readGlobals(planner: Planning): void {
  const { globals, options, dockerfile, consumed } = planner;
  const mutable = globals as Map<string, string | undefined>;
  for (const [name, value] of platformArgs(options.targetArch, { build: options.buildArch, stage: options.target }))
    mutable.set(name, givenArg(options, name) ?? value);
  for (const instruction of dockerfile.globals) {
    collectRefusals(planner, instruction.line, () => {
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

function findTarget(target: string | undefined, names: readonly (string | undefined)[]): number {
  if (target === undefined || target === '') return names.length - 1;
  const byName = names.lastIndexOf(target.toLowerCase());
  const byNumber = /^\d+$/.test(target) ? Number(target) : -1;
  const index = byName >= 0 ? byName : byNumber;
  if (index < 0 || index >= names.length) {
    throw new AlprootError('ALP_USAGE_OPTION', `--target: no stage is called ${quoteName(target)}`, {
      hint: `stages: ${names.map((name, at) => name ?? String(at)).join(', ')}`,
    });
  }
  return index;
}

function warnUnused(planner: Planning): void {
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
