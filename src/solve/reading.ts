/** What a question of apk's is answered from, and with. */
import type { Arch, PackageRecord } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import type { InstalledEntry } from '../formats/apk/installed-db.ts';
import type { ApkArguments } from './arguments.ts';
import type { Catalog } from './catalog.ts';

export interface ReadSystem {
  readonly arch: Arch;
  readonly installed: readonly InstalledEntry[];
  readonly catalog: Catalog;
  /** Description lines of the repositories, by location. */
  readonly descriptions: ReadonlyMap<string, string>;
  /** Patterns of a package's trigger. */
  readonly triggersOf: (record: PackageRecord) => readonly string[];
  /** Who may require a package, where there is no tree: all that the repositories have. */
  readonly requirers?: readonly PackageRecord[];
  /** An argument of `info -W` with the tree's links followed. */
  readonly follow: (path: string) => TreePath;
}

/** A question in the answering. */
export interface Reading {
  readonly args: ApkArguments;
  readonly system: ReadSystem;
  readonly verbosity: number;
  readonly has: (name: string) => boolean;
  readonly say: (...lines: readonly string[]) => void;
  readonly fail: (text: string) => void;
}
