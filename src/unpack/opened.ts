/** What the unpack stage needs of a package; made by the verify stage, handed over by the pipeline. */
import type { ByteSource } from '../core/bytes.ts';
import type { PackageFile } from '../core/package.ts';
import type { Verified } from '../core/verified.ts';
import type { RunResult } from '../core/run-description.ts';
import type { TreePath } from '../core/paths.ts';
import type { PackageData } from '../formats/apk/package-data.ts';

export interface PackageContents extends PackageFile {
  /** Scripts by kind: `post-install` … */
  readonly scripts: ReadonlyMap<string, Buffer>;
  readonly triggers: readonly string[];
  /** A v2 package's data member; undefined for a v3 package. */
  readonly data: PackageData | undefined;
}

export interface OpenedPackageFile {
  readonly contents: Verified<PackageContents>;
  /** The bytes that were verified. */
  readonly source: ByteSource;
  /** Told when the data member has been inflated, and with that checked if it was pending. */
  readonly onVerified?: () => void;
  readonly close: () => void;
}

export interface ScriptRun {
  /** `musl-1.2.4-r2.post-install`, for messages. */
  readonly label: string;
  /** The script as it lies in the tree. */
  readonly path: TreePath;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** Runs a script in the tree. */
export type RunScript = (script: ScriptRun) => Promise<RunResult>;
