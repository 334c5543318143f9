/**
 * The options that every command knows, once, as data: commander and the parser of what stands before a command or
 * another program's words both read this table. Flags win over `ALPROOT_*` variables, which win over defaults.
 */
import type { Config, HostCa, MirrorSpec, ProjectDefaults } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { hostPath, type HostPath } from '../core/paths.ts';
import { quoteName, redactUrl } from '../core/redact.ts';
import type { BackendName } from '../core/run-description.ts';
import { nearestWord, spellingHint } from '../core/spelling.ts';
import { resolve } from 'node:path';
import { chooseArch, isSwitchedOn, listVariable, variable, type ProcessEnvironment } from './environment-variables.ts';

export interface OptionSpec {
  readonly flag: string;
  /** One letter. */
  readonly short?: string;
  /** Name of its value in help texts; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  readonly apply: (draft: Draft, value: string) => void;
}

/** Options as they are collected, before variables and defaults fill the gaps. */
export interface Draft {
  mirrors: { base: string; keys: string[] }[];
  looseKeys: string[];
  caFiles: string[];
  arch?: string;
  release?: string;
  bundle?: string;
  backend?: string;
  cache?: string;
  cert?: string;
  certKey?: string;
  maxIndexAge?: string;
  minRate?: string;
  switches: Set<
    | 'offline'
    | 'locked'
    | 'noLock'
    | 'refresh'
    | 'requireIsolation'
    | 'allowRollback'
    | 'strict'
    | 'quiet'
    | 'json'
    | 'verbose'
    | 'noColor'
    | 'noHostCa'
  >;
}

export const newDraft = (): Draft => ({ mirrors: [], looseKeys: [], caFiles: [], switches: new Set() });

const turnOn =
  (name: Draft['switches'] extends Set<infer S> ? S : never) =>
  (draft: Draft): void => {
    draft.switches.add(name);
  };

const addKey = (draft: Draft, value: string): void => {
  const last = draft.mirrors.at(-1);
  if (last === undefined) draft.looseKeys.push(value);
  else last.keys.push(value);
};

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  {
    flag: '--mirror',
    value: 'URL|DIR|auto',
    help: 'where packages come from; may be repeated, in order (ALPROOT_MIRROR)',
    apply: (d, v) => void d.mirrors.push({ base: v, keys: [] }),
  },
  {
    flag: '--key',
    value: 'FILE',
    help: 'trust this public key for the mirror before it (ALPROOT_KEYS)',
    apply: addKey,
  },
  {
    flag: '--keys-dir',
    value: 'DIR',
    help: 'trust all public keys in this directory for the mirror before it',
    apply: addKey,
  },
  {
    flag: '--release',
    value: 'X.Y[.Z]|edge',
    help: 'Alpine release (ALPROOT_RELEASE)',
    apply: (d, v) => void (d.release = v),
  },
  { flag: '--arch', value: 'ARCH', help: 'Alpine architecture (ALPROOT_ARCH)', apply: (d, v) => void (d.arch = v) },
  {
    flag: '--backend',
    value: 'NAME',
    help: 'bwrap, userns, chroot, proot or loader (ALPROOT_BACKEND)',
    apply: (d, v) => void (d.backend = v),
  },
  {
    flag: '--require-isolation',
    help: 'refuse backends whose isolation is below full',
    apply: turnOn('requireIsolation'),
  },
  { flag: '--cache', value: 'DIR', help: 'the store (ALPROOT_CACHE)', apply: (d, v) => void (d.cache = v) },
  { flag: '--offline', help: 'open no socket; use what the store has (ALPROOT_OFFLINE)', apply: turnOn('offline') },
  {
    flag: '--bundle',
    value: 'FILE',
    help: 'take everything from this bundle, and nothing from a network (ALPROOT_BUNDLE)',
    apply: (d, v) => void (d.bundle = v),
  },
  {
    flag: '--locked',
    help: 'use what alproot.lock pins and nothing else; the default for a lock when CI is set (ALPROOT_LOCKED)',
    apply: turnOn('locked'),
  },
  { flag: '--no-lock', help: 'leave alproot.lock aside', apply: turnOn('noLock') },
  { flag: '--refresh', help: 'look at the mirrors again', apply: turnOn('refresh') },
  { flag: '--allow-rollback', help: 'accept an index older than the last one seen', apply: turnOn('allowRollback') },
  {
    flag: '--strict',
    help: 'refuse packages with devices or pipes, which no tree gets, instead of saying so',
    apply: turnOn('strict'),
  },
  {
    flag: '--max-index-age',
    value: 'DAYS',
    help: 'refuse an index that is older',
    apply: (d, v) => void (d.maxIndexAge = v),
  },
  {
    flag: '--min-rate',
    value: 'BYTES',
    help: 'give up a transfer that is slower than this many bytes a second on average, after 10 minutes; 0: never (8192; ALPROOT_MIN_RATE)',
    apply: (d, v) => void (d.minRate = v),
  },
  {
    flag: '--ca-file',
    value: 'FILE',
    help: 'trust the CA certificates in this PEM file too (ALPROOT_CA_FILE)',
    apply: (d, v) => void d.caFiles.push(v),
  },
  {
    flag: '--no-host-ca',
    help: "leave the host's CA certificates aside, and those that SSL_CERT_FILE and its like name (ALPROOT_NO_HOST_CA)",
    apply: turnOn('noHostCa'),
  },
  { flag: '--cert', value: 'FILE', help: 'client certificate', apply: (d, v) => void (d.cert = v) },
  {
    flag: '--cert-key',
    value: 'FILE',
    help: 'private key of the client certificate',
    apply: (d, v) => void (d.certKey = v),
  },
  { flag: '--json', help: 'one JSON object a line', apply: turnOn('json') },
  { flag: '--quiet', short: 'q', help: 'errors and warnings only', apply: turnOn('quiet') },
  { flag: '--verbose', help: 'say more', apply: turnOn('verbose') },
  { flag: '--no-color', help: 'no colours (NO_COLOR)', apply: turnOn('noColor') },
];

/**
 * Takes our own options from the front of `args`: before the command, and of commands whose other arguments belong to
 * another program.
 *
 * @returns the rest, after an optional `--`
 * @throws ALP_USAGE_OPTION when a value is missing
 */
export function takeLeadingOptions(args: readonly string[], specs: readonly OptionSpec[], draft: Draft): string[] {
  let at = 0;
  while (at < args.length) {
    const arg = args[at] ?? '';
    if (arg === '--') return args.slice(at + 1);
    const cut = arg.startsWith('--') ? arg.indexOf('=') : -1;
    const spec = specs.find(
      ({ flag, short }) =>
        flag === (cut < 0 ? arg : arg.slice(0, cut)) || (short !== undefined && arg === `-${short}`),
    );
    if (spec === undefined) break;
    at++;
    if (spec.value === undefined) {
      if (cut >= 0) throw new AlprootError('ALP_USAGE_OPTION', `${spec.flag} takes no value`);
      spec.apply(draft, '');
    } else if (cut >= 0) spec.apply(draft, arg.slice(cut + 1));
    else {
      const value = args[at++];
      if (value === undefined)
        throw new AlprootError('ALP_USAGE_OPTION', `${spec.flag} needs a value (${spec.value})`);
      spec.apply(draft, value);
    }
  }
  return args.slice(at);
}

/** The host's variables that the library may see. */
const PASSED = /^(?:https?_proxy|all_proxy|no_proxy|path|home|term|tmpdir|user|lang|ci|netrc|xdg_.*|sudo_.*)$/i;

export interface ConfigContext {
  /** `alproot.yaml` of the working directory. */
  readonly project: ProjectDefaults | undefined;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/** Fills a draft from variables, the project's file and defaults. @throws ALP_USAGE_* for values that make no sense */
export function configFrom(draft: Draft, place: ProcessEnvironment, { project, emit, signal }: ConfigContext): Config {
  const path = (text: string): HostPath => hostPath(resolve(place.cwd, text));
  const { switches } = draft;
  const bundle = draft.bundle ?? variable(place, 'ALPROOT_BUNDLE');
  const cache = draft.cache ?? variable(place, 'ALPROOT_CACHE');
  return {
    cache: cache === undefined ? undefined : path(cache),
    mirrors: chooseMirrors(draft, place, { path, project }),
    keys: [...draft.looseKeys, ...environmentKeys(place)].map(path),
    arch: chooseArch(draft.arch ?? variable(place, 'ALPROOT_ARCH') ?? project?.arch),
    release: chooseRelease(draft.release ?? variable(place, 'ALPROOT_RELEASE') ?? project?.release),
    ...chooseIsolation(draft, place, project),
    offline: switches.has('offline') || isSwitchedOn(place, 'ALPROOT_OFFLINE'),
    refresh: switches.has('refresh'),
    lock: chooseLock(draft, place),
    project: project?.directory,
    bundle: bundle === undefined ? undefined : path(bundle),
    allowRollback: switches.has('allowRollback'),
    strict: switches.has('strict'),
    maxIndexAgeDays: numberOf('--max-index-age', draft.maxIndexAge ?? variable(place, 'ALPROOT_MAX_INDEX_AGE')),
    minRateBytes: numberOf('--min-rate', draft.minRate ?? variable(place, 'ALPROOT_MIN_RATE')),
    caFiles: [...draft.caFiles, ...[variable(place, 'ALPROOT_CA_FILE')].filter((f) => f !== undefined)].map(path),
    hostCa:
      switches.has('noHostCa') || isSwitchedOn(place, 'ALPROOT_NO_HOST_CA')
        ? undefined
        : { named: namedCertificates(place, path), store: true },
    clientCertificate:
      draft.cert === undefined ? undefined : { cert: path(draft.cert), key: path(draft.certKey ?? draft.cert) },
    epochSeconds: chooseEpoch(variable(place, 'SOURCE_DATE_EPOCH')),
    env: Object.fromEntries(Object.entries(place.env).filter(([name]) => PASSED.test(name))),
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
const namedCertificates = (place: ProcessEnvironment, path: (text: string) => HostPath): HostCa['named'] =>
  CA_VARIABLES.flatMap((name) => {
    const value = variable(place, name) ?? '';
    return (name === 'SSL_CERT_DIR' ? value.split(':') : [value])
      .filter((text) => text !== '')
      .map((text) => ({ variable: name, path: path(text) }));
  });

/** Files and directories of ALPROOT_KEYS, separated like those of PATH. */
const environmentKeys = (place: ProcessEnvironment): string[] =>
  (variable(place, 'ALPROOT_KEYS') ?? '').split(/[\s,:]+/).filter((entry) => entry !== '');

function chooseMirrors(
  draft: Draft,
  place: ProcessEnvironment,
  { path, project }: { path: (text: string) => HostPath; project: ProjectDefaults | undefined },
): readonly MirrorSpec[] | 'auto' {
  const given =
    draft.mirrors.length > 0
      ? draft.mirrors
      : listVariable(place, 'ALPROOT_MIRROR').map((base) => ({ base, keys: [] }));
  const shared = [...draft.looseKeys, ...environmentKeys(place)];
  if (given.length === 0 && project?.mirrors !== undefined) return project.mirrors.approved();
  if (given.length === 0 || given.every(({ base }) => base === 'auto')) return 'auto';
  if (given.some(({ base }) => base === 'auto')) {
    throw new AlprootError('ALP_USAGE_OPTION', '--mirror auto cannot be combined with other mirrors');
  }
  for (const { base } of given) requireMirrorScheme(base);
  return given.map(({ base, keys }) => ({
    base: /^https?:\/\//i.test(base) ? base.replace(/\/+$/, '') : path(base.replace(/^file:\/\//, '')),
    keys: (keys.length > 0 ? keys : shared).map(path),
  }));
}

/** What looks like a URL is no directory, however it is spelt. @throws ALP_USAGE_OPTION */
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
  place: ProcessEnvironment,
  project: ProjectDefaults | undefined,
): Pick<Config, 'backend' | 'requireIsolation'> {
  const named = draft.backend ?? variable(place, 'ALPROOT_BACKEND');
  const proposed = named === undefined ? project?.backend?.approved() : undefined;
  const isSet = variable(place, 'ALPROOT_REQUIRE_ISOLATION') !== undefined;
  const required = draft.switches.has('requireIsolation') || isSwitchedOn(place, 'ALPROOT_REQUIRE_ISOLATION');
  return {
    backend: chooseBackendName(named ?? proposed?.name),
    requireIsolation:
      required || proposed?.requireIsolation === true || (!isSet && project?.requireIsolation === true),
  };
}

function chooseLock({ switches }: Draft, place: ProcessEnvironment): Config['lock'] {
  if (switches.has('locked') && switches.has('noLock'))
    throw new AlprootError('ALP_USAGE_OPTION', '--locked and --no-lock exclude each other');
  if (switches.has('noLock')) return 'off';
  return switches.has('locked') || isSwitchedOn(place, 'ALPROOT_LOCKED') ? 'locked' : 'auto';
}

function chooseRelease(text: string | undefined): string | undefined {
  if (text === undefined || /^(?:latest|latest-stable)$/.test(text)) return undefined;
  const release = text.replace(/^v/, '');
  if (release === 'edge' || /^\d{1,2}(?:\.\d{1,3}){0,2}$/.test(release)) return release;
  throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(text)} is no Alpine release`, {
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
