/** Files and directories of the host that a compiler's command line and environment name. */
import { dirname, resolve } from 'node:path';
import { exists, isDirectory } from '../../system/files/host-paths.ts';
import { isSystemPath } from './bind-candidates.ts';

/** Lists of directories, or single paths, that compilers, pkg-config and CMake read. */
const PATH_VARIABLES = [
  'CPATH',
  'C_INCLUDE_PATH',
  'CPLUS_INCLUDE_PATH',
  'OBJC_INCLUDE_PATH',
  'LIBRARY_PATH',
  'PKG_CONFIG_PATH',
  'PKG_CONFIG_LIBDIR',
  'PKG_CONFIG_SYSROOT_DIR',
  'CMAKE_PREFIX_PATH',
  'CMAKE_INCLUDE_PATH',
  'CMAKE_LIBRARY_PATH',
  'CMAKE_PROGRAM_PATH',
  'CMAKE_TOOLCHAIN_FILE',
];
const OTHER_VARIABLES = ['GCC_COLORS', 'SOURCE_DATE_EPOCH', 'DEPENDENCIES_OUTPUT', 'SUNPRO_DEPENDENCIES', 'TERM'];

/** The caller's variables that a tool gets: what it reads itself; everything else stays outside. */
export const toolVariables = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    [...PATH_VARIABLES, ...OTHER_VARIABLES].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );

/** No paths of this host, but text that may look like some. */
const TEXT = /^-(?:[DUA]|MT|MQ|std=|f[\w-]+-map=)/;
/** Options before a word that is text. */
const BEFORE_TEXT = /^-(?:D|U|A|x|MT|MQ|soname|z|u|e|h)$/;
/** Options that name a file which need not exist, and `-B`, whose value may be the beginning of names. */
const OUTPUT = /^-(?:o|B|MF)|\b(?:Map|out-implib|dependency-file)[=,]|-M?MD,/;

/**
 * Directories that exist, without order: those named, and those of files that are named or may be made. A file whose
 * directory is the system's stands for itself.
 *
 * @param words of the command line, response files expanded
 * @param directory absolute working directory
 */
export function namedDirectories(words: readonly string[], directory: string): string[] {
  return words.flatMap((word, at) => {
    if (TEXT.test(word) || BEFORE_TEXT.test(words[at - 1] ?? '')) return [];
    const isOutput = !word.startsWith('-') || OUTPUT.test(word);
    return pathsIn(word).flatMap((path) => existing(resolve(directory, path), isOutput));
  });
}

/** Directories that the environment's path variables name. */
export function variableDirectories(env: Readonly<Record<string, string>>, directory: string): string[] {
  const lists = PATH_VARIABLES.flatMap((name) => (env[name] ?? '').split(/[:;]/));
  const outputs = ['DEPENDENCIES_OUTPUT', 'SUNPRO_DEPENDENCIES'].flatMap((name) =>
    (env[name] ?? '').split(' ').slice(0, 1),
  );
  return [
    ...lists.filter((path) => path.includes('/')).flatMap((path) => existing(resolve(directory, path), false)),
    ...outputs.filter((path) => path.includes('/')).flatMap((path) => existing(resolve(directory, path), true)),
  ];
}

/** A file stands for itself where its directory can't be shown. */
function existing(path: string, isOutput: boolean): string[] {
  if (isDirectory(path)) return [path];
  const parent = dirname(path);
  if (exists(path)) return [isSystemPath(parent) ? path : parent];
  return isOutput && isDirectory(parent) ? [parent] : [];
}

/** Where the line writes its output: `-o` with its value, in both forms; undefined when it does not say. */
export function outputOf(words: readonly string[]): string | undefined {
  const at = words.lastIndexOf('-o');
  return at >= 0 ? words[at + 1] : words.findLast((word) => /^-o./.test(word))?.slice(2);
}

/** `/x` of `/x`, `@/x`, `-I/x`, `--sysroot=/x`, `-Wl,-Map=/x`, `-B../x`. */
function pathsIn(word: string): string[] {
  const tails = [word.replace(/^@/, ''), word.replace(/^-[A-Za-z]+/, ''), ...word.split(/[=,]/).slice(1)];
  return [...new Set(tails)].filter((tail) => (tail.includes('/') || tail === '..') && !tail.startsWith('-'));
}
