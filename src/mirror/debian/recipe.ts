/** What a recipe says: which Debian packages become one of Alpine's, and what changes on the way. */
import type { Arch } from '../../core/package.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';

/** Names that depend on the architecture. */
export interface Target {
  readonly arch: Arch;
  /** Debian's library directory: `x86_64-linux-gnu`. */
  readonly gnu: string;
  /** The same for Debian's musl: `x86_64-linux-musl`. */
  readonly musl: string;
  /** The kernel's name for it, in the paths of its headers. */
  readonly uapi: string;
}

const TRIPLETS: Readonly<Partial<Record<Arch, readonly [triplet: string, uapi: string]>>> = {
  x86_64: ['x86_64-linux', 'x86'],
  aarch64: ['aarch64-linux', 'arm64'],
  ppc64le: ['powerpc64le-linux', 'powerpc'],
  s390x: ['s390x-linux', 's390'],
  riscv64: ['riscv64-linux', 'riscv'],
};

/** undefined where no mirror can be made from Debian. */
export function recipeTarget(arch: Arch): Target | undefined {
  const names = TRIPLETS[arch];
  return names === undefined ? undefined : { arch, gnu: `${names[0]}-gnu`, musl: `${names[0]}-musl`, uapi: names[1] };
}

export interface Recipe {
  /** Alpine's name. */
  readonly name: string;
  readonly description: string;
  /** Debian packages that it is made of; the first gives version, home page and maintainer. None: all is generated. */
  readonly roots: readonly string[];
  /** Members of the roots' closure whose files go in as well. */
  readonly absorbs?: RegExp;
  /** Debian dependencies that are not followed: Alpine's own package does the job, or it is of no use here. */
  readonly ignores?: RegExp;
  /** The member of the closure that gives the version, when it is not the first root. */
  readonly versionFrom?: RegExp;
  /** Paths that stay out, besides documentation. */
  readonly drops?: RegExp;
  /** Only these stay in. */
  readonly keeps?: RegExp;
  /** Renamings, applied to each path and hard link target; what gets an empty name goes. */
  readonly moves?: (target: Target) => readonly (readonly [from: RegExp, to: string])[];
  /** Symbolic links to add where the path is free. */
  readonly links?: (target: Target) => Readonly<Record<string, string>>;
  /** Further files, made from those that are there. */
  readonly generates?: (items: readonly TarItem[], target: Target) => readonly TarItem[];
  /** Alpine packages, besides those that come from Debian's dependencies. */
  readonly depends?: readonly string[];
  /** Alpine packages whose files it may take over. */
  readonly replaces?: readonly string[];
  readonly provides?: (target: Target) => readonly string[];
  readonly providerPriority?: number;
  /** Its programs are stand-ins: no `cmd:` names, which would conflict with the full program's. */
  readonly standIn?: boolean;
}

/** A small file made here. @param mtime seconds since 1970; the package's own time when absent */
export const textFile = (path: string, text: string, mode = 0o644): TarItem => ({
  kind: 'file',
  path,
  mode,
  bytes: Buffer.from(text),
});
