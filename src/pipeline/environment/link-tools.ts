/**
 * The names that people know from musl-cross toolchains, as small scripts that start `alproot tool`, and a toolchain
 * file that tells CMake about them.
 */
import { ARCHES } from '../../core/arch.ts';
import type { Arch } from '../../core/package.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { requireWritablePlace } from '../../system/files/output-path.ts';

const COMPILERS = ['gcc', 'cc', 'cpp', 'g++', 'c++'];
const BINUTILS = ['ar', 'as', 'ld', 'nm', 'objcopy', 'objdump', 'ranlib', 'readelf', 'size', 'strings', 'strip'];
/** The program behind a name that is not one itself. */
const PROGRAMS: Readonly<Record<string, string>> = { cc: 'gcc', 'c++': 'g++' };

export interface ToolLinks {
  readonly arch: Arch;
  /** Argv that starts alproot. */
  readonly launcher: readonly string[];
  /** Packages that the tools have besides the compiler's. */
  readonly packages?: readonly string[];
}

/**
 * Writes `MACHINE-linux-musl-gcc`, `-ar` …, the plain `MACHINE-alpine-linux-musl-*` names, `musl-gcc`, and
 * `MACHINE-linux-musl.cmake`.
 *
 * @returns the names written, sorted
 * @throws ALP_FILE_WRITE when `directory` is a file, or cannot be written
 */
export function writeToolLinks(directory: HostPath, { arch, launcher, packages = [] }: ToolLinks): string[] {
  requireWritablePlace(directory, { into: true });
  const { machine } = ARCHES[arch];
  const tools = new Map<string, string>([['musl-gcc', 'gcc']]);
  for (const tool of [...COMPILERS, ...BINUTILS]) {
    for (const prefix of [`${machine}-linux-musl`, `${machine}-alpine-linux-musl`])
      tools.set(`${prefix}-${tool}`, PROGRAMS[tool] ?? tool);
  }
  const start = [...launcher, 'tool', '--arch', arch, ...packages.flatMap((name) => ['--package', name])]
    .map(shellQuote)
    .join(' ');
  for (const [name, tool] of tools) {
    writeFileAtomic(joinHost(directory, name), `#!/bin/sh\nexec ${start} -- ${tool} "$@"\n`, { mode: 0o755 });
  }
  const toolchain = `${machine}-linux-musl.cmake`;
  writeFileAtomic(joinHost(directory, toolchain), toolchainFile(machine));
  return [...tools.keys(), toolchain].sort();
}

const shellQuote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Static programs of this machine run here: CMake is told of another system only when the machine is another one. */
const toolchainFile = (machine: string): string => `# For CMake: cmake --toolchain .../${machine}-linux-musl.cmake
# Written by \`alproot link-tools\`.
if(NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "${machine}")
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_SYSTEM_PROCESSOR ${machine})
endif()
set(CMAKE_C_COMPILER "\${CMAKE_CURRENT_LIST_DIR}/${machine}-linux-musl-gcc")
set(CMAKE_CXX_COMPILER "\${CMAKE_CURRENT_LIST_DIR}/${machine}-linux-musl-g++")
set(CMAKE_ASM_COMPILER "\${CMAKE_CURRENT_LIST_DIR}/${machine}-linux-musl-gcc")
foreach(tool AR RANLIB STRIP NM OBJCOPY OBJDUMP READELF)
  string(TOLOWER \${tool} name)
  set(CMAKE_\${tool} "\${CMAKE_CURRENT_LIST_DIR}/${machine}-linux-musl-\${name}" CACHE FILEPATH "")
endforeach()
set(CMAKE_LINKER "\${CMAKE_CURRENT_LIST_DIR}/${machine}-linux-musl-ld" CACHE FILEPATH "")
# Programs are the host's; libraries, headers and packages are the environment's, and those of directories that are
# added here.
if(NOT ALPROOT_SYSROOT)
  execute_process(
    COMMAND "\${CMAKE_C_COMPILER}" -print-sysroot
    OUTPUT_VARIABLE ALPROOT_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
list(APPEND CMAKE_FIND_ROOT_PATH "\${ALPROOT_SYSROOT}")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ALPROOT_SYSROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
`;
