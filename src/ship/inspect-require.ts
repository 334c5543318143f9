/** `--require static,musl,stripped,max-size=1M`: a list of requirements that a report must meet. */
import { AlprootError } from '../core/errors.ts';
import { quoteName, showName } from '../core/redact.ts';
import type { InspectReport } from './inspect-report.ts';

/** One demand that was not met, in words that say what was found instead. */
export interface RequirementFailure {
  /** As the user wrote it: `static`, `max-size=1M`. */
  readonly requirement: string;
  readonly reason: string;
}

/** undefined: the demand is met. */
type Verifier = (report: InspectReport, value: string) => string | undefined;

interface Requirement {
  readonly verify: Verifier;
  /** What must follow `=`; absent for a plain word. */
  readonly value?: string;
}

const unless = (met: boolean, reason: string): string | undefined => (met ? undefined : reason);

const isStatic: Verifier = (report) =>
  unless(report.linkage === 'static' || report.linkage === 'static-pie', whyNotStatic(report));

const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  static: { verify: isStatic },
  'static-pie': {
    verify: (report) =>
      unless(
        report.linkage === 'static-pie',
        report.linkage === 'static' ? 'static, but not position-independent' : whyNotStatic(report),
      ),
  },
  dynamic: { verify: ({ linkage }) => unless(linkage === 'dynamic', `linkage is ${linkage}`) },
  musl: { verify: (report) => libcIs(report, 'musl') },
  glibc: { verify: (report) => libcIs(report, 'glibc') },
  stripped: { verify: ({ stripped }) => unless(stripped, 'there is a symbol table (strip it, or link with -s)') },
  'no-debug': { verify: ({ debugInfo }) => unless(!debugInfo, 'there is debug information') },
  pie: { verify: ({ pie, type }) => unless(pie, `not position-independent (${type})`) },
  nx: { verify: ({ nx }) => unless(nx, 'the stack is executable') },
  relro: { verify: ({ relro }) => unless(relro !== 'none', 'no part becomes read-only after start') },
  'full-relro': { verify: ({ relro }) => unless(relro === 'full', `RELRO is ${relro}`) },
  'no-textrel': {
    verify: ({ textRelocations }) => unless(!textRelocations, 'code is relocated at run time (TEXTREL)'),
  },
  'no-rpath': {
    verify: ({ rpath, runpath }) =>
      unless(rpath === undefined && runpath === undefined, `library search path ${showName(rpath ?? runpath ?? '')}`),
  },
  'no-paths': {
    verify: ({ sourcePaths }) =>
      unless(
        sourcePaths.length === 0,
        `paths of the build machine: ${sourcePaths.slice(0, 3).map(showName).join(', ')}`,
      ),
  },
  unpacked: { verify: ({ packed }) => unless(packed === undefined, 'packed by UPX') },
  'build-id': { verify: ({ buildId }) => unless(buildId !== undefined, 'no build id') },
  'max-size': {
    value: 'SIZE',
    verify: (report, value) => unless(report.sizeBytes <= parseSize(value), `${report.sizeBytes} bytes`),
  },
  machine: { value: 'NAME', verify: ({ machine }, value) => unless(machine === value, `built for ${machine}`) },
  'max-glibc': { value: 'VERSION', verify: ({ libc }, value) => glibcAtMost(libc.needsVersion, value) },
};

/**
 * Judges each demand of a comma-separated list.
 *
 * @returns those that are not met, in the order asked; empty when all are
 * @throws ALP_USAGE_OPTION for an unknown demand, a missing or a superfluous value
 */
export function requireElf(report: InspectReport, list: string): RequirementFailure[] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .flatMap((entry) => {
      const [name = '', ...rest] = entry.split('=');
      const requirement = Object.hasOwn(REQUIREMENTS, name) ? REQUIREMENTS[name] : undefined;
      if (requirement === undefined || (requirement.value === undefined) !== (rest.length === 0))
        throw unknownRequirement(entry);
      const reason = requirement.verify(report, rest.join('='));
      return reason === undefined ? [] : [{ requirement: entry, reason }];
    });
}

function unknownRequirement(entry: string): AlprootError {
  const known = Object.entries(REQUIREMENTS).map(([name, { value }]) =>
    value === undefined ? name : `${name}=${value}`,
  );
  return new AlprootError('ALP_USAGE_OPTION', `cannot require ${quoteName(entry)}`, {
    hint: `requirements are ${known.join(', ')}`,
  });
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Bytes of `1048576`, `512K`, `1.5M`, `1MiB`; units are powers of 1024. @throws ALP_USAGE_OPTION */
export function parseSize(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([KMG]?)(?:i?B)?$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(text)} is not a size`, {
      hint: 'write bytes, or a number with K, M or G: 512K, 1.5M',
    });
  }
  return Math.floor(Number(match[1]) * unit);
}

/** Why a file does not count as static, naming the library or interpreter that makes it so. */
export function whyNotStatic({ linkage, needed, interpreter }: InspectReport): string {
  if (linkage === 'packed')
    return 'packed by UPX, so what it unpacks to cannot be seen: check the file before it is packed';
  if (linkage === 'object' || linkage === 'core')
    return `it is not a program but ${linkage === 'core' ? 'a core dump' : 'an object file'}`;
  const libraries = needed.length === 0 ? '' : `needs ${needed.map(showName).join(', ')}`;
  const loader = interpreter === undefined ? '' : `asks for the interpreter ${showName(interpreter)}`;
  const reasons = [libraries, loader].filter((part) => part !== '').join(' and ');
  return reasons === '' ? `it is a ${linkage.replace('-', ' ')}` : reasons;
}

function libcIs({ libc }: InspectReport, wanted: 'musl' | 'glibc'): string | undefined {
  if (libc.name === wanted) return undefined;
  const seen = libc.evidence.slice(0, 2).map(showName).join('; ');
  if (libc.name !== 'unknown') return `built with ${libc.name} (${seen})`;
  return seen === '' ? 'nothing says which libc it was built with' : `marks of both: ${seen}`;
}

function glibcAtMost(needed: string | undefined, wanted: string): string | undefined {
  const parts = (version: string): number[] => version.split('.').map(Number);
  if (!/^\d+(?:\.\d+)*$/.test(wanted))
    throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(wanted)} is not a glibc version`, {
      hint: 'write it like 2.28',
    });
  if (needed === undefined) return undefined;
  const [have, limit] = [parts(needed), parts(wanted)];
  const at = have.findIndex((value, index) => value !== (limit[index] ?? 0));
  return at === -1 || (have[at] ?? 0) < (limit[at] ?? 0) ? undefined : `needs glibc ${needed}`;
}
