/**
 * Which variables an instruction sees. An ARG counts from its line on, and of an ARG and an ENV of the same name the
 * later line wins; ARGs before the first FROM are seen by FROM lines, and by a stage that names them again. A stage
 * made from another begins with the ENV of that one, which wins over its ARGs.
 *
 * @see docker's reference, "Understand how ARG and FROM interact" and "Scope"; BuildKit 0.20 `dispatchArg`
 */
import type { Arch } from '../core/package.ts';
import { type Platform, parsePlatform, platformOf } from './base-reference.ts';

export interface Scope {
  readonly env: Readonly<Record<string, string>>;
  /** Declared so far, and not set by an ENV since; undefined: declared without a value. */
  readonly args: ReadonlyMap<string, string | undefined>;
}

/** All that `$NAME` can mean here. */
export function variablesOf({ env, args }: Scope): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) variables.set(name, value);
  for (const [name, value] of args) if (value !== undefined) variables.set(name, value);
  return variables;
}

/** TARGET… and BUILD… for a platform pair. */
export function platformArgs(
  target: Arch,
  { build, stage }: { build: Arch; stage: string | undefined },
): Map<string, string> {
  return new Map([
    ...describe('BUILD', parsePlatform(platformOf(build))),
    ...describe('TARGET', parsePlatform(platformOf(target))),
    ['TARGETSTAGE', stage ?? 'default'],
  ]);
}

function describe(prefix: string, platform: Platform | undefined): [string, string][] {
  if (platform === undefined) return [];
  const { os, architecture, variant } = platform;
  return [
    [`${prefix}PLATFORM`, [os, architecture, variant].filter((part) => part !== '').join('/')],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
    [`${prefix}OSVERSION`, ''],
  ];
}
