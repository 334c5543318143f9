/** What to do where no backend works, or only a weak one: derived from the verdicts, never from what usually helps. */
import { AlprootError } from '../../core/errors.ts';
import type { BackendName } from '../../core/run-description.ts';
import type { BackendVerdict } from '../../run/probe.ts';

const withFix = ({ name, reason, fix }: BackendVerdict): string =>
  `${name}: ${reason}${fix === undefined ? '' : ` (${fix})`}`;

/** One a line. */
export const listVerdicts = (verdicts: readonly BackendVerdict[]): string =>
  verdicts.map((verdict) => `  ${verdict.works ? `${verdict.name}: works` : withFix(verdict)}`).join('\n');

/** Those of the two that people install which are not there, by the names of their packages. */
const installable = (verdicts: readonly BackendVerdict[]): string[] =>
  verdicts
    .filter(
      ({ name, works, reason }) => !works && ['bwrap', 'proot'].includes(name) && reason.endsWith('is not installed'),
    )
    .map(({ name }) => (name === 'bwrap' ? 'bubblewrap' : name));

/**
 * @param verdicts of all that were tried
 * @param asked the backend that the user named
 */
export function noBackend(verdicts: readonly BackendVerdict[], asked: BackendName | undefined): AlprootError {
  const [first] = verdicts;
  if (first !== undefined && verdicts.every(({ reason }) => reason === first.reason)) {
    const what =
      verdicts.length === 1 ? `${first.name} cannot be used here` : 'nothing here can run a command in a tree';
    return new AlprootError('ALP_RUN_BACKEND', `${what}: ${first.reason}`, {
      hint: first.fix ?? others(asked),
      facts: { verdicts },
    });
  }
  const missing = installable(verdicts);
  const hint =
    missing.length > 0
      ? `install ${missing.join(' or ')}`
      : 'this host forbids what each of them needs: the reasons above say what would have to change';
  return new AlprootError('ALP_RUN_BACKEND', `nothing here can run a command in a tree:\n${listVerdicts(verdicts)}`, {
    hint: `${hint}; \`alproot doctor\` says more`,
    facts: { verdicts },
  });
}

const others = (asked: BackendName | undefined): string =>
  asked === undefined
    ? '`alproot doctor` says more'
    : `leave --backend ${asked} (ALPROOT_BACKEND) out; \`alproot doctor\` says what works here`;

/** @param asked as for noBackend */
export function hintForStronger(verdicts: readonly BackendVerdict[], asked: BackendName | undefined): string {
  const working = verdicts.find(({ name, works }) => works && name !== 'loader');
  if (working !== undefined)
    return asked === undefined
      ? `${working.name} works by now: run it again`
      : `leave --backend ${asked} (ALPROOT_BACKEND) out: ${working.name} works here`;
  const missing = installable(verdicts);
  if (missing.length > 0) return `install ${missing.join(' or ')}; \`alproot doctor\` says what works here`;
  return `the stronger backends cannot be used here:\n${listVerdicts(verdicts.filter(({ works }) => !works))}`;
}
