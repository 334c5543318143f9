/**
 * The options that every command knows, once, as data: commander and the parser of what stands before a command or
 * another program's words both read this table. Flags win over `ALPROOT_*` variables, which win over defaults.
 */
import { AlprootError } from '../core/errors.ts';

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
    help:
      'give up a transfer that is slower than this many bytes a second on average, after 10 minutes; ' +
      '0: never (8192; ALPROOT_MIN_RATE)',
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
    help:
      "leave the host's CA certificates aside, and those that SSL_CERT_FILE and its like name " +
      '(ALPROOT_NO_HOST_CA)',
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
