/** What is written in C, as data: the build of the package and a host's own compiler make it in the same way. */

export interface NativePart {
  /** In messages. */
  readonly what: string;
  /** Below src/run; the first one is compiled, the others are included by it. */
  readonly sources: readonly [string, ...string[]];
  readonly flags: readonly string[];
  /** @param variant the machine, or what else tells one file from the other */
  readonly fileName: (variant: string) => string;
}

/** Alpine's names of the machines whose system calls they know. */
export const NATIVE_ARCHES: readonly string[] = ['x86_64', 'aarch64'];

/** For all of them. */
export const NATIVE_FLAGS = [
  '-Os',
  '-nostdlib',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-s',
  '-Wl,-z,noexecstack',
];

/** Preloaded into the programs of a RUN, and the program that starts them. */
export const OWNERS: NativePart = {
  what: 'library for owners',
  sources: [
    'owners/owners.c',
    ...[
      'system-calls.h',
      'ownership-database.h',
      'identity.h',
      'execution.h',
      'capabilities.h',
      'users.h',
      'programs.h',
    ].map((name) => `owners/${name}`),
  ],
  flags: ['-fPIC', '-shared', '-fvisibility=hidden', '-Wl,-e,alproot_enter', '-Wl,--hash-style=both'],
  fileName: (variant) => `owners-${variant}.so`,
};

/** Starts a sandbox, and ends it with us. */
export const SUPERVISOR: NativePart = {
  what: 'supervisor of processes',
  sources: ['supervisor/supervisor.c', 'owners/system-calls.h'],
  flags: ['-static', '-Wl,-e,alproot_supervisor', '-Wl,--build-id=none'],
  fileName: (variant) => `supervisor-${variant}`,
};

/** Starts a program under an overlay of a tree. */
export const OVERLAY: NativePart = {
  what: 'mounter of overlays',
  sources: ['overlay/overlay.c', 'sandbox/user-maps.h', 'owners/system-calls.h'],
  flags: ['-static', '-Wl,-e,alproot_overlay', '-Wl,--build-id=none'],
  fileName: (variant) => `overlay-${variant}`,
};

/** Makes namespaces and the root, and gives up every right before it starts the program. */
export const SANDBOX: NativePart = {
  what: 'sandbox program',
  sources: [
    'sandbox/sandbox.c',
    ...['kernel.h', 'namespaces.h', 'user-maps.h', 'mounts.h', 'rights.h', 'filter-tables.h'].map(
      (name) => `sandbox/${name}`,
    ),
    'owners/system-calls.h',
  ],
  flags: ['-static', '-Wl,-e,alproot_sandbox', '-Wl,--build-id=none'],
  fileName: (variant) => `sandbox-${variant}`,
};

export const NATIVE_PARTS: readonly NativePart[] = [OWNERS, SUPERVISOR, OVERLAY, SANDBOX];
