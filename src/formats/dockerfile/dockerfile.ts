/**
 * A Dockerfile as data: directives, the ARGs before the first FROM, the stages with their instructions. All that is
 * wrong is collected, so that one run names every line to mend; nothing is expanded yet.
 */
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { parseInstruction } from './dockerfile-arguments.ts';
import type { Instruction } from './dockerfile-instruction.ts';
import { type Directives, parseDirectives, parseLogicalLines } from './dockerfile-lines.ts';

export interface DockerfileProblem {
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

export type FromInstruction = Extract<Instruction, { kind: 'FROM' }>;
export type ArgInstruction = Extract<Instruction, { kind: 'ARG' }>;

export interface DockerfileStage {
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  readonly directives: Directives;
  /** ARGs before the first FROM. */
  readonly globals: readonly ArgInstruction[];
  readonly stages: readonly DockerfileStage[];
  readonly problems: readonly DockerfileProblem[];
}

/**
 * @param text the whole file
 * @throws ALP_LIMIT_SIZE beyond `limits.dockerfile`; whatever else is wrong is in `problems`
 */
export function parseDockerfile(text: string): Dockerfile {
  if (text.length > limits.dockerfile) {
    throw new AlprootError('ALP_LIMIT_SIZE', `the Dockerfile is longer than ${limits.dockerfile} characters`);
  }
  const problems: DockerfileProblem[] = [];
  const attempt = <T>(fallback: T, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      problems.push(problemOf(error));
      return fallback;
    }
  };
  const directives = attempt<Directives>({ escape: '\\' }, () => parseDirectives(text));
  const lines = attempt([], () => parseLogicalLines(text, directives.escape));
  const instructions = lines.flatMap(({ text: source, line, endLine, heredocs }) =>
    attempt<Instruction[]>([], () => [
      { ...parseInstruction(source, { heredocs, escape: directives.escape, line }), source, line, endLine },
    ]),
  );
  return { directives, ...groupStages(instructions, problems), problems };
}

function problemOf(error: unknown): DockerfileProblem {
  if (!isAlprootError(error, 'ALP_FORMAT_DOCKERFILE')) throw error;
  return {
    line: Number(error.facts['line'] ?? 1),
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

function groupStages(
  instructions: readonly Instruction[],
  problems: DockerfileProblem[],
): Pick<Dockerfile, 'globals' | 'stages'> {
  const globals: ArgInstruction[] = [];
  const stages: { from: FromInstruction; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    if (instruction.kind === 'FROM') stages.push({ from: instruction, instructions: [] });
    else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction);
    else if (instruction.kind === 'ARG') globals.push(instruction);
    else
      problems.push({
        line: instruction.line,
        message: `no build stage in which to ${instruction.kind}`,
        hint: 'only ARG may come before the first FROM',
      });
  }
  if (stages.length === 0 && problems.length === 0) problems.push({ line: 1, message: 'the Dockerfile has no FROM' });
  return { globals, stages };
}
