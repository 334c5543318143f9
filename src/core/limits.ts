/**
 * Caps on everything that comes from outside, in bytes unless the name says otherwise. Each is named in the error
 * that it causes.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export interface Limits {
  readonly signatureMember: number;
  readonly pkginfo: number;
  readonly script: number;
  readonly control: number;
  readonly pax: number;
  readonly index: number;
  readonly indexCompressed: number;
  readonly packageFile: number;
  readonly unpacked: number;
  readonly unpackedFloor: number;
  readonly entryCount: number;
  readonly solverSteps: number;
  readonly pathDepth: number;
  readonly pathBytes: number;
  readonly line: number;
  readonly minirootfs: number;
  readonly metadata: number;
  readonly dockerfile: number;
  readonly lockfile: number;
}

export const limits: Limits = {
  signatureMember: 64 * KiB,
  pkginfo: 1 * MiB,
  script: 256 * KiB,
  control: 8 * MiB,
  pax: 1 * MiB,
  index: 512 * MiB,
  indexCompressed: 128 * MiB,
  packageFile: 4 * GiB,
  unpacked: 16 * GiB,
  unpackedFloor: 64 * MiB,
  entryCount: 1_000_000,
  solverSteps: 200_000_000,
  pathDepth: 256,
  pathBytes: 4095,
  line: 1 * MiB,
  minirootfs: 256 * MiB,
  metadata: 1 * MiB,
  dockerfile: 4 * MiB,
  lockfile: 64 * MiB,
};

/** What the data of a package may inflate to. */
export const unpackedBytes = ({ installedSizeBytes }: { readonly installedSizeBytes: number }): number =>
  Math.min(limits.unpacked, Math.max(4 * installedSizeBytes, limits.unpackedFloor));
