/** How stages and steps show in events and messages: names, labels, starts and ends, `Dockerfile:line`. */
import { steadyMs } from '../core/clock.ts';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { redactText, type RedactedText } from '../core/redact.ts';
import type { PlannedStage, PlannedStep } from './build-plan.ts';

export const stageName = ({ name, index }: PlannedStage): string => name ?? `stage-${index}`;

/** @param at counts from 0 */
export const stepLabel = (stage: PlannedStage, { at, source }: { at: number; source: RedactedText }): RedactedText =>
  redactText(`[${stageName(stage)} ${at + 1}/${stage.steps.length}] ${source.trim().replace(/\s+/g, ' ')}`);

/** Tells when a step starts, and how it ends. */
export async function reportStep<T>(
  emit: Emit,
  { id, label }: { readonly id: string; readonly label: RedactedText },
  work: () => Promise<T>,
): Promise<T> {
  const started = steadyMs();
  emit({ kind: 'step', id, label, state: 'started' });
  try {
    const result = await work();
    emit({ kind: 'step', id, label, state: 'done', durationMs: steadyMs() - started });
    return result;
  } catch (error) {
    const reason = failureReason(error);
    emit({ kind: 'step', id, label, state: 'failed', durationMs: steadyMs() - started, reason });
    throw error;
  }
}

const failureReason = (error: unknown): RedactedText => {
  if (isAlprootError(error) && typeof error.facts['status'] === 'number')
    return redactText(`ended with status ${error.facts['status']}`);
  return redactText(error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error));
};

/** Puts `Dockerfile:line` in front of what goes wrong. */
export async function locateErrors<T>(
  file: string,
  { line, endLine }: Pick<PlannedStep, 'line' | 'endLine'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAlprootError(error) || isLocated(error, file)) throw error;
    throw new AlprootError(error.code, `${file}:${line}: ${error.message}`, {
      hint: error.hint,
      cause: error,
      facts: { ...error.facts, line, endLine },
    });
  }
}

/** A stage that the step waited for has said its own line. */
const isLocated = ({ message }: AlprootError, file: string): boolean =>
  message.startsWith(`${file}:`) && /^\d+: /.test(message.slice(file.length + 1));
