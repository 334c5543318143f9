/**
 * The words that stages trade: packages, dependencies, repositories, plans. Field letters in comments are those
 * of APKINDEX and of the installed database (apk-tools 2.14 `apk-index(5)`, `apk_pkg_write_index_entry`).
 * Text fields hold one character per byte (latin1); `showName` makes them readable.
 */
import type { Sha1Hex, Sha256Hex } from './digest.ts';
import type { Verified } from './verified.ts';

/** Alpine's architecture names. */
export type Arch =
  'x86_64' | 'x86' | 'aarch64' | 'armhf' | 'armv7' | 'ppc64le' | 's390x' | 'riscv64' | 'loongarch64' | 'mips64';

/**
 * How a version must relate. apk's spellings: `=` `<` `>` `<=` `>=` `~` (fuzzy, also written `=~`), `<~` `>~`
 * (also `~<`, `~>`), `><` (the checksum that follows, used by world for local files), and 'any'.
 */
export type VersionOp = 'any' | '=' | '<' | '>' | '<=' | '>=' | '~' | '<~' | '>~' | '><';

export interface Dependency {
  readonly name: string;
  readonly op: VersionOp;
  /** Empty when `op` is 'any'. */
  readonly version: string;
  /** Written with a leading `!`. */
  readonly conflict: boolean;
  /** Repository pin (`name@tag`), meaningful in world only. */
  readonly tag?: string;
}

/** A name that a package provides. Without version it cannot satisfy a versioned dependency. */
export interface Provide {
  readonly name: string;
  readonly version: string;
}

/**
 * The identity of a package: a digest of its control member (v2: `Q1` SHA-1) or of its ADB block (v3: `Q2` SHA-256).
 */
export type PackageChecksum =
  { readonly algorithm: 'sha1'; readonly hex: Sha1Hex } | { readonly algorithm: 'sha256'; readonly hex: Sha256Hex };

/** What an index, a .PKGINFO and the installed database say of one package. */
export interface PackageRecord {
  readonly name: string; // P
  readonly version: string; // V
  readonly arch: string; // A
  /** Absent only in a .PKGINFO, which cannot name its own digest. */
  readonly checksum: PackageChecksum | undefined; // C
  readonly sizeBytes: number; // S: the .apk file
  readonly installedSizeBytes: number; // I
  readonly description: string; // T
  readonly url: string; // U
  readonly license: string; // L
  readonly origin: string; // o
  readonly maintainer: string; // m
  readonly buildTime: number; // t: seconds since 1970
  readonly commit: string; // c
  readonly providerPriority: number; // k
  readonly depends: readonly Dependency[]; // D, conflicts included, in their order
  readonly provides: readonly Provide[]; // p
  readonly installIf: readonly Dependency[]; // i
  readonly replaces: readonly Dependency[]; // r
  readonly replacesPriority: number; // q
  /** It uses a field or a dependency that apk does not understand: it can be listed, never chosen. */
  readonly uninstallable?: true;
}

/** Positions in a list of packages by name. */
export interface PositionTable {
  /** In the order of the list; none for a name that is not there. */
  readonly of: (name: string) => readonly number[];
  readonly has: (name: string) => boolean;
}

/** What a list of packages is searched by. */
export interface NameTables {
  /** Of each name that a package goes by. */
  readonly byName: PositionTable;
  /** Of those with an install_if on a name. */
  readonly byTrigger: PositionTable;
}

/** A parsed index together with where it came from. */
export interface RepositoryIndex {
  /** Base location without credentials, as in `/etc/apk/repositories`: `https://host/alpine/v3.19/main`. */
  readonly location: string;
  /** The index's own description line: `v3.19.4-12-gabcdef`. */
  readonly description: string;
  /** Of the whole compressed file. */
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
  readonly packages: readonly PackageRecord[];
  /** Of just these packages, where reading them made it. */
  readonly tables?: NameTables;
}

/** A repository as the solver sees it. */
export interface Repository {
  /** Position in the repositories file decides between equals: lower index first. */
  readonly index: Verified<RepositoryIndex>;
  /** `@tag` of its line, if any: its packages are only for pinned names. */
  readonly tag?: string;
  /** Its packages are known but may not be fetched (apk's --no-network). */
  readonly masked?: true;
}

/** A package in a tree's database. */
export interface InstalledPackage {
  readonly record: PackageRecord;
  /** Tag of the repository it came from (`s:` in the database). */
  readonly tag?: string;
  /** `f:` flags: broken files (f), scripts (s), xattrs (x); checksums of files are SHA-256, shortened (S). */
  readonly broken?: string;
}

/** Where a chosen package comes from. */
export type PackageSource =
  | { readonly kind: 'repository'; readonly location: string; readonly tag?: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Made by `add --virtual`: dependencies without files. */
  | { readonly kind: 'virtual' }
  /** Installed and offered by no repository any more. */
  | { readonly kind: 'installed' };

export interface PlannedPackage {
  readonly record: PackageRecord;
  readonly source: PackageSource;
  /** Repository tag under which it is installed, written as `s:` in the database. */
  readonly tag?: string;
  /** Who needs it, for locks and `why`: package names, or `world`. */
  readonly because: readonly string[];
}

/** One step of an install plan, in the order in which they are executed. */
export type Change =
  | { readonly kind: 'install'; readonly next: PlannedPackage }
  | {
      readonly kind: 'upgrade' | 'downgrade' | 'replace' | 'reinstall';
      readonly previous: InstalledPackage;
      readonly next: PlannedPackage;
    }
  /** The same package under another repository tag: only the database changes. */
  | { readonly kind: 'pin'; readonly previous: InstalledPackage; readonly next: PlannedPackage }
  /** A reinstallation that no repository can serve: nothing changes, apk says so. */
  | { readonly kind: 'skip'; readonly previous: InstalledPackage; readonly next: PlannedPackage }
  | { readonly kind: 'purge'; readonly previous: InstalledPackage };

export interface InstallPlan {
  readonly arch: Arch;
  readonly changes: readonly Change[];
  /** World after the plan, sorted as apk writes it. */
  readonly world: readonly Dependency[];
}

/** The packages whose files a plan needs, in its order. */
export const packagesOf = (changes: readonly Change[]): PlannedPackage[] =>
  changes.flatMap((change) =>
    change.kind === 'purge' || change.kind === 'pin' || change.kind === 'skip' || change.next.source.kind === 'virtual'
      ? []
      : [change.next],
  );

/** A verified .apk in the store: what the unpacker needs to open and re-check it. */
export interface PackageFile {
  readonly record: PackageRecord;
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
}
