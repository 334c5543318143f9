/** What the readers of both package formats are given, and what they give. */
import type { Sha256Hex } from '../core/digest.ts';
import type { PackageFile, PackageRecord } from '../core/package.ts';
import type { Verified, Signer } from '../core/verified.ts';
import type { PackageData } from '../formats/apk/package-data.ts';
import { withFields } from '../formats/apk/package-fields.ts';
import type { TrustedKeys } from './key.ts';

export const SCRIPT_KINDS = [
  'pre-install',
  'post-install',
  'pre-upgrade',
  'post-upgrade',
  'pre-deinstall',
  'post-deinstall',
  'trigger',
] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** A package whose control part is trusted. Its data member says itself whether it was checked too. */
export interface OpenedPackage extends PackageFile {
  readonly scripts: ReadonlyMap<ScriptKind, Buffer>;
  /** Directories (globs) that its trigger watches. */
  readonly triggers: readonly string[];
  /** Of the data member, as the control member promises it; a v3 package has none. */
  readonly datahash: Sha256Hex | undefined;
  /** The data member; undefined for a v3 package, whose content was verified with it. */
  readonly data: PackageData | undefined;
}

export interface PackageOptions {
  readonly keys: TrustedKeys;
  /** The signed index's entry, which anchors the package's identity; undefined for a file on its own. */
  readonly expected?: PackageRecord | undefined;
  /** Name of the repository whose index signs for it, as a signer. */
  readonly repository?: string | undefined;
  /** Wants a signature of the package's own even when a signed index lists it. */
  readonly requireSignature?: boolean;
  readonly allowUntrusted?: boolean;
  /**
   * SHA-256 of the whole file, and of its bytes from some offset on, where it was hashed just now on its way into the
   * store.
   */
  readonly hashed?:
    { readonly sha256: Sha256Hex; readonly tail?: { readonly start: number; readonly sha256: Sha256Hex } } | undefined;
  /** Leaves the data member pending, if nothing but its own hash is wanted of it. */
  readonly deferData?: boolean;
}

export interface VerifiedPackage {
  readonly package: Verified<OpenedPackage>;
  readonly signers: readonly Signer[];
}

/** An index does not list `replaces`: it counts as the package itself says. */
export const mergeWithIndex = (own: PackageRecord, expected: PackageRecord | undefined): PackageRecord =>
  expected === undefined
    ? own
    : withFields(expected, { replaces: own.replaces, replacesPriority: own.replacesPriority });

/** The index that lists a package is the first of its signers. */
export const indexSigner = ({ expected, repository }: PackageOptions): Signer[] =>
  expected === undefined ? [] : [{ kind: 'index', repository: repository ?? 'index' }];
