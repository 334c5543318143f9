/** Whether JSON that was read is a package as `package.ts` has it. */
import { isSha1Hex } from './digest.ts';
import { isAbsentOr, isAmount, isListOf, isSha256Text, isShape, isText } from './json-shape.ts';
import type { Dependency, PackageChecksum, PackageRecord, Provide, VersionOp } from './package.ts';

const OPERATORS: ReadonlySet<unknown> = new Set<VersionOp>(['any', '=', '<', '>', '<=', '>=', '~', '<~', '>~', '><']);

export const isDependency = isShape<Dependency>({
  name: isText,
  op: (value) => OPERATORS.has(value),
  version: isText,
  conflict: (value) => typeof value === 'boolean',
  tag: isAbsentOr(isText),
});

const isProvide = isShape<Provide>({ name: isText, version: isText });

const isAlgorithmAndHex = isShape<{ algorithm: string; hex: string }>({ algorithm: isText, hex: isText });

const isChecksum = (value: unknown): value is PackageChecksum =>
  isAlgorithmAndHex(value) &&
  ((value.algorithm === 'sha1' && isSha1Hex(value.hex)) || (value.algorithm === 'sha256' && isSha256Text(value.hex)));

export const isPackageRecord = isShape<PackageRecord>({
  name: isText,
  version: isText,
  arch: isText,
  checksum: isAbsentOr(isChecksum),
  sizeBytes: isAmount,
  installedSizeBytes: isAmount,
  description: isText,
  url: isText,
  license: isText,
  origin: isText,
  maintainer: isText,
  buildTime: isAmount,
  commit: isText,
  providerPriority: isAmount,
  depends: isListOf(isDependency),
  provides: isListOf(isProvide),
  installIf: isListOf(isDependency),
  replaces: isListOf(isDependency),
  replacesPriority: isAmount,
  uninstallable: (value) => value === undefined || value === true,
});
