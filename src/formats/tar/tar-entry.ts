/** What a tar reader hands out, and to whom. */
import type { Sha1Hex, Sha256Hex } from '../../core/digest.ts';

export type TarEntryKind = 'file' | 'hardlink' | 'symlink' | 'directory' | 'char' | 'block' | 'fifo';

/** One entry, as written: names hold one character per byte and are checked by whoever uses them. */
export interface TarEntry {
  readonly kind: TarEntryKind;
  /** Without the trailing slash of a directory. */
  readonly path: string;
  /** Target of a link; '' otherwise. */
  readonly target: string;
  /** Permission bits with set-uid, set-gid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly sizeBytes: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** `APK-TOOLS.checksum.SHA1` of the pax header. */
  readonly sha1: Sha1Hex | undefined;
  /** What a v3 package has in its place. */
  readonly sha256?: Sha256Hex | undefined;
  /** `SCHILY.xattr.*`, names without that prefix; values one character per byte. */
  readonly xattrs: ReadonlyMap<string, string>;
  /** Position of the entry's own header in the archive. */
  readonly offset: number;
}

/** Receives the content of one file. Chunks are valid during the call only. */
export interface TarSink {
  readonly write: (chunk: Uint8Array) => void;
  readonly close: () => void;
}

export interface TarHandler {
  /** Called for each entry, in order; returns where its content goes, or undefined to pass over it. */
  readonly entry: (entry: TarEntry) => TarSink | undefined;
}

/**
 * `data`: an .apk's data member (pax, two zero blocks at the end). `segment`: its control and signature members (no
 * end blocks). `index`: an APKINDEX member (end blocks may be missing). `rootfs`: a whole archive that a digest or
 * signature covers; GNU long names and a leading `./` are understood. `layer`: a step of a build, written by us:
 * like `data`, with files of 8 GiB and more.
 */
export type TarProfile = 'data' | 'segment' | 'index' | 'rootfs' | 'layer';
