/**
 * One mirror after another, until one gives what is wanted. While others are left a mirror has little time and few
 * attempts; one that failed is tried last from then on. Whatever a mirror gives is verified, so that going on to
 * the next is safe; one that gave something wrong is named.
 */
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { redactUrl } from '../../core/redact.ts';
import type { Fetcher } from '../../fetch/fetcher.ts';
import type { Session } from '../session/session.ts';

/** Milliseconds without a byte, and attempts, for a mirror that others can stand in for. */
const PATIENCE_MS = 5000;
const ATTEMPTS = 2;

/** The network's fault, which may pass. */
const isPassing = ({ code }: AlprootError): boolean =>
  ['ALP_FETCH_NETWORK', 'ALP_FETCH_SERVER', 'ALP_FETCH_SLOW', 'ALP_FETCH_TRUNCATED', 'ALP_FETCH_PROXY'].includes(code);

/** What was given is not what was signed. */
const isWrong = ({ code }: AlprootError): boolean => /^ALP_(?:VERIFY|FORMAT|LIMIT)_/.test(code);

/** Failures of a mirror that another one may not have. */
const mayPass = (error: AlprootError): boolean =>
  isWrong(error) ||
  error.code.startsWith('ALP_FETCH_') ||
  (error.code.startsWith('ALP_STALE_') && error.code !== 'ALP_STALE_LOCK');

/** @param session whose fetcher keeps to the time that the mirror has */
export type MirrorWork<T, S extends Session> = (mirror: MirrorSpec, session: S) => Promise<T>;

interface MirrorFailure {
  readonly mirror: MirrorSpec;
  readonly error: AlprootError;
}

/**
 * What `work` makes of the first mirror that does not fail.
 *
 * @throws its own error when there is one mirror; else ALP_VERIFY_* and its like when some gave what is wrong,
 * ALP_STALE_* when some lag behind, ALP_FETCH_MIRRORS otherwise
 */
export async function firstMirror<T, S extends Session>(
  session: S,
  mirrors: readonly MirrorSpec[],
  work: MirrorWork<T, S>,
): Promise<T> {
  if (mirrors.length === 1) return work(mirrors[0] as MirrorSpec, session);
  const failures = new Map<MirrorSpec, MirrorFailure>();
  const hurried: S = { ...session, fetcher: inHaste(session.fetcher) };
  for (const mirror of failedLast(session, mirrors)) {
    const tried = await tryMirror(() => work(mirror, hurried));
    if ('result' in tried)
      return settle(session, { failures: [...failures.values()], used: mirror, result: tried.result });
    failures.set(mirror, { mirror, error: tried.error });
  }
  // Nobody can stand in for anybody any more: those that may only have been slow get all the time there is.
  for (const { mirror } of [...failures.values()].filter(
    ({ mirror: { kind }, error }) => kind === 'url' && isPassing(error),
  )) {
    const tried = await tryMirror(() => work(mirror, session));
    if ('result' in tried)
      return settle(session, {
        failures: [...failures.values()].filter((other) => other.mirror !== mirror),
        used: mirror,
        result: tried.result,
      });
    failures.set(mirror, { mirror, error: tried.error });
  }
  throw noMirror([...failures.values()].map(({ error }) => error));
}

/**
 * What the first of `mirrors` has that has any of it; undefined when none does. One that cannot be asked is passed
 * over, with a warning.
 *
 * @param what in words, for the warning
 */
export async function firstThatHas<T, S extends Session>(
  session: S,
  { mirrors, what }: { readonly mirrors: readonly MirrorSpec[]; readonly what: string },
  work: MirrorWork<T | undefined, S>,
): Promise<T | undefined> {
  const hurried: S = { ...session, fetcher: inHaste(session.fetcher) };
  for (const mirror of failedLast(session, mirrors)) {
    const found = await tryMirror(() => work(mirror, hurried));
    if ('result' in found && found.result !== undefined) return found.result;
    if (!('error' in found) || found.error.code === 'ALP_FETCH_OFFLINE' || found.error.code === 'ALP_FETCH_NOT_FOUND')
      continue;
    if (isPassing(found.error)) session.failedMirrors.add(mirror.base);
    session.config.emit({
      kind: 'warning',
      code: found.error.code,
      message: `${redactUrl(mirror.base)} could not be asked for ${what}: ${found.error.message}`,
    });
  }
  return undefined;
}

async function tryMirror<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T } | { readonly error: AlprootError }> {
  try {
    return { result: await work() };
  } catch (error) {
    if (!isAlprootError(error) || !mayPass(error)) throw error;
    return { error };
  }
}

const failedLast = ({ failedMirrors }: Session, mirrors: readonly MirrorSpec[]): MirrorSpec[] => [
  ...mirrors.filter(({ base }) => !failedMirrors.has(base)),
  ...mirrors.filter(({ base }) => failedMirrors.has(base)),
];

interface Settled<T> {
  readonly failures: readonly MirrorFailure[];
  readonly used: MirrorSpec;
  readonly result: T;
}

/** Told once a mirror of what the network did, and each time of what was wrong. */
function settle<T>({ config, failedMirrors }: Session, { failures, used, result }: Settled<T>): T {
  for (const {
    mirror: { base },
    error,
  } of failures) {
    const isKnown = failedMirrors.has(base);
    if (isPassing(error) || isWrong(error)) failedMirrors.add(base);
    if (isWrong(error))
      config.emit({
        kind: 'warning',
        code: error.code,
        message:
          `${redactUrl(base)} gave something wrong: ${error.message}; ` + `taken from ${redactUrl(used.base)} instead`,
        hint: 'the mirror is damaged, or somebody tampers with it',
      });
    else if (isPassing(error) && !isKnown)
      config.emit({
        kind: 'warning',
        code: error.code,
        message: `${redactUrl(base)} cannot be used: ${error.message}; going on with ${redactUrl(used.base)}`,
      });
  }
  return result;
}

function noMirror(errors: readonly AlprootError[]): AlprootError {
  const [first] = errors;
  if (first !== undefined && errors.every(({ code }) => code === 'ALP_FETCH_OFFLINE')) return first;
  const told = errors.find(isWrong) ?? errors.find(({ code }) => code.startsWith('ALP_STALE_'));
  return new AlprootError(
    told?.code ?? 'ALP_FETCH_MIRRORS',
    `no mirror could be used:\n${errors.map(({ message }) => `  ${message}`).join('\n')}`,
    { cause: told ?? first, hint: (told ?? first)?.hint, facts: told?.facts },
  );
}

const inHaste = ({ fetch, fetchOptional }: Fetcher): Fetcher => ({
  fetch: (request) => fetch({ attempts: ATTEMPTS, ...request, patienceMs: PATIENCE_MS }),
  fetchOptional: (request) => fetchOptional({ attempts: ATTEMPTS, ...request, patienceMs: PATIENCE_MS }),
});
