/**
 * The configuration of one invocation: flags win over `ALPROOT_*` variables, those over `alproot.yaml`, that over the
 * defaults.
 */
import { resolve } from 'node:path';
import type { Config, HostCa, ProjectDefaults } from '../core/config.ts';
import { type MirrorSpec, isUrl, mirrorAt } from '../core/mirror.ts';
import { AlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { hostPath, type HostPath } from '../core/paths.ts';
import { quoteName, redactUrl } from '../core/redact.ts';
import type { BackendName } from '../core/run-description.ts';
import { nearestWord, spellingHint } from '../core/spelling.ts';
import { chooseArch, isSwitchedOn, listVariable, variable, type ProcessEnvironment } from './environment-variables.ts';
import type { Draft } from './options.ts';

/** The host's variables that the library may see. */
const PASSED = /^(?:https?_proxy|all_proxy|no_proxy|path|home|term|tmpdir|user|lang|ci|netrc|xdg_.*|sudo_.*)$/i;

export interface ConfigContext {
  /** `alproot.yaml` of the working directory. */
  readonly project: ProjectDefaults | undefined;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/** Fills a draft from variables, the project's file and defaults. @throws ALP_USAGE_* for values that make no sense */
export function configFrom(
  draft: Draft,
  environment: ProcessEnvironment,
  { project, emit, signal }: ConfigContext,
): Config {
  const path = (text: string): HostPath => hostPath(resolve(environment.cwd, text));
  const { switches } = draft;
  const bundle = draft.bundle ?? variable(environment, 'ALPROOT_BUNDLE');
  const cache = draft.cache ?? variable(environment, 'ALPROOT_CACHE');
  return {
    cache: cache === undefined ? undefined : path(cache),
    mirrors: configuredMirrors(draft, environment, { path, project }),
    keys: [...draft.looseKeys, ...environmentKeys(environment)].map(path),
    arch: chooseArch(draft.arch ?? variable(environment, 'ALPROOT_ARCH') ?? project?.arch),
    release: chooseRelease(draft.release ?? variable(environment, 'ALPROOT_RELEASE') ?? project?.release),
    ...chooseIsolation(draft, environment, project),
    offline: switches.has('offline') || isSwitchedOn(environment, 'ALPROOT_OFFLINE'),
    refresh: switches.has('refresh'),
    lock: chooseLock(draft, environment),
    project: project?.directory,
    bundle: bundle === undefined ? undefined : path(bundle),
    allowRollback: switches.has('allowRollback'),
    strict: switches.has('strict'),
    maxIndexAgeDays: numberOf('--max-index-age', draft.maxIndexAge ?? variable(environment, 'ALPROOT_MAX_INDEX_AGE')),
    minRateBytes: numberOf('--min-rate', draft.minRate ?? variable(environment, 'ALPROOT_MIN_RATE')),
    caFiles: [...draft.caFiles, ...[variable(environment, 'ALPROOT_CA_FILE')].filter((f) => f !== undefined)].map(
      path,
    ),
    hostCa:
      switches.has('noHostCa') || isSwitchedOn(environment, 'ALPROOT_NO_HOST_CA')
        ? undefined
        : { named: namedCertificates(environment, path), store: true },
    clientCertificate:
      draft.cert === undefined ? undefined : { cert: path(draft.cert), key: path(draft.certKey ?? draft.cert) },
    epochSeconds: chooseEpoch(variable(environment, 'SOURCE_DATE_EPOCH')),
    env: Object.fromEntries(Object.entries(environment.env).filter(([name]) => PASSED.test(name))),
    emit,
    signal,
  };
}

/** By which other programs are told of CA certificates. */
const CA_VARIABLES = [
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];

/** SSL_CERT_DIR may name several, as PATH does. */
const namedCertificates = (environment: ProcessEnvironment, path: (text: string) => HostPath): HostCa['named'] =>
  CA_VARIABLES.flatMap((name) => {
    const value = variable(environment, name) ?? '';
    return (name === 'SSL_CERT_DIR' ? value.split(':') : [value])
      .filter((text) => text !== '')
      .map((text) => ({ variable: name, path: path(text) }));
  });

/** Files and directories of ALPROOT_KEYS, separated like those of PATH. */
const environmentKeys = (environment: ProcessEnvironment): string[] =>
  (variable(environment, 'ALPROOT_KEYS') ?? '').split(/[\s,:]+/).filter((entry) => entry !== '');

function configuredMirrors(
  draft: Draft,
  environment: ProcessEnvironment,
  { path, project }: { path: (text: string) => HostPath; project: ProjectDefaults | undefined },
): readonly MirrorSpec[] | 'auto' {
  const given =
    draft.mirrors.length > 0
      ? draft.mirrors
      : listVariable(environment, 'ALPROOT_MIRROR').map((base) => ({ base, keys: [] }));
  const shared = [...draft.looseKeys, ...environmentKeys(environment)];
  if (given.length === 0 && project?.mirrors !== undefined) return project.mirrors.approved();
  if (given.length === 0 || given.every(({ base }) => base === 'auto')) return 'auto';
  if (given.some(({ base }) => base === 'auto')) {
    throw new AlprootError('ALP_USAGE_OPTION', '--mirror auto cannot be combined with other mirrors');
  }
  for (const { base } of given) requireMirrorScheme(base);
  return given.map(({ base, keys }) =>
    mirrorAt(isUrl(base) ? base : path(base.replace(/^file:\/\//, '')), {
      keys: (keys.length > 0 ? keys : shared).map(path),
    }),
  );
}

/** What looks like a URL is not a directory, however it is spelt. @throws ALP_USAGE_OPTION */
function requireMirrorScheme(base: string): void {
  const [, scheme = '', slashes] = /^([a-z][a-z0-9+.-]*):(\/*)/i.exec(base) ?? [];
  const known = ['http', 'https', 'file'];
  if (scheme === '' || (known.includes(scheme.toLowerCase()) && slashes !== '' && slashes !== '/')) return;
  const near = nearestWord(scheme.toLowerCase(), known);
  throw new AlprootError(
    'ALP_USAGE_OPTION',
    `--mirror ${quoteName(redactUrl(base))} is neither a URL of http, https or file nor a directory`,
    {
      hint:
        near === undefined
          ? 'a directory whose name has a colon is written ./NAME'
          : `did you mean ${redactUrl(`${near}://${base.slice(scheme.length + 1).replace(/^\/+/, '')}`)}?`,
    },
  );
}

/** A project may ask for more; what it asks for less is approved or refused. */
function chooseIsolation(
  draft: Draft,
  environment: ProcessEnvironment,
  project: ProjectDefaults | undefined,
): Pick<Config, 'backend' | 'requireIsolation'> {
  const named = draft.backend ?? variable(environment, 'ALPROOT_BACKEND');
  const proposed = named === undefined ? project?.backend?.approved() : undefined;
  const isSet = variable(environment, 'ALPROOT_REQUIRE_ISOLATION') !== undefined;
  const required = draft.switches.has('requireIsolation') || isSwitchedOn(environment, 'ALPROOT_REQUIRE_ISOLATION');
  return {
    backend: chooseBackendName(named ?? proposed?.name),
    requireIsolation:
      required || proposed?.requireIsolation === true || (!isSet && project?.requireIsolation === true),
  };
}

function chooseLock({ switches }: Draft, environment: ProcessEnvironment): Config['lock'] {
  if (switches.has('locked') && switches.has('noLock'))
    throw new AlprootError('ALP_USAGE_OPTION', '--locked and --no-lock exclude each other');
  if (switches.has('noLock')) return 'off';
  return switches.has('locked') || isSwitchedOn(environment, 'ALPROOT_LOCKED') ? 'locked' : 'auto';
}

function chooseRelease(text: string | undefined): string | undefined {
  if (text === undefined || /^(?:latest|latest-stable)$/.test(text)) return undefined;
  const release = text.replace(/^v/, '');
  if (release === 'edge' || /^\d{1,2}(?:\.\d{1,3}){0,2}$/.test(release)) return release;
  throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(text)} is not an Alpine release`, {
    hint: 'try 3.19, 3.19.4, latest or edge',
  });
}

const BACKENDS: readonly BackendName[] = ['bwrap', 'userns', 'chroot', 'proot', 'loader'];

function chooseBackendName(text: string | undefined): BackendName | undefined {
  if (text === undefined || text === 'auto') return undefined;
  const name = BACKENDS.find((backend) => backend === text);
  if (name === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `unknown backend ${quoteName(text)}`, {
      hint: spellingHint(text, BACKENDS),
    });
  return name;
}

/**
 * The last second of the year 9999: neither an image's history nor the version of a virtual package has room for more.
 */
const LAST_EPOCH = 253_402_300_799;

/** @see https://reproducible-builds.org/specs/source-date-epoch/ a bad value ends the program */
function chooseEpoch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,12}$/.test(text) && Number(text) <= LAST_EPOCH) return Number(text);
  throw new AlprootError(
    'ALP_USAGE_CONFIG',
    `SOURCE_DATE_EPOCH is ${quoteName(text)}: expected whole seconds since 1970, at most ${LAST_EPOCH}`,
    { hint: 'for example SOURCE_DATE_EPOCH=$(git log -1 --format=%ct), or leave it unset' },
  );
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}(?:\.\d+)?$/.test(text))
    throw new AlprootError('ALP_USAGE_OPTION', `${flag} needs a number, got ${quoteName(text)}`);
  return Number(text);
}
