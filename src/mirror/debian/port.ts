/**
 * What a port's row says: a Debian source package, how it is built with musl, and how what it installs is split into
 * Alpine's packages. The text is for busybox's shell, runs in the unpacked and patched source, installs below
 * `$DEST`, and finds `$CFLAGS`, `$JOBS` and `$ARCH` set.
 */

export interface PortPackage {
  /** Alpine's name. */
  readonly name: string;
  readonly description: string;
  /** Installed paths that it takes, if no earlier package of the port took them. */
  readonly takes: RegExp;
  readonly depends?: readonly string[];
}

export interface PortRecipe {
  /** Debian's source package. */
  readonly source: string;
  /** Alpine packages in the tree where it is built, besides the C toolchain. */
  readonly needs?: readonly string[];
  readonly build: string;
  readonly packages: readonly PortPackage[];
  readonly license: string;
  readonly url: string;
}

/** In every build tree. */
export const PORT_TOOLS: readonly string[] = ['build-base', 'linux-headers', 'tar'];

/** Headers, `lib*.so` for the linker, pkg-config. */
export const DEVELOPMENT =
  /^usr\/include\/|^usr\/lib\/(lib[^/]+\.so|pkgconfig\/.*|cmake\/.*)$|^usr\/share\/(aclocal|pkgconfig)\//;

export const ARCHIVES = /^usr\/lib\/[^/]+\.a$/;

export const SHARED = /^usr\/lib\/lib[^/]+\.so\.[^/]+$/;
