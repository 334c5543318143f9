/**
 * gcc by wrappers. The driver finds its parts beside the name that it was called by; the specs tell it where the
 * tree's headers and libraries are, and that nothing of the host's is to be searched.
 *
 * @see https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html
 */
import { treePathFromUser } from '../../core/paths.ts';
import { makeWrapperDirectories, tryResolve, wrapperDirectory, type Wrapper } from './wrapper.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';

const DRIVERS = /^(?:[a-z0-9_]+-[a-z0-9_-]+-)?(?:gcc|cc|c\+\+|g\+\+|cpp|c99|c89)(?:-\d+(?:\.\d+)*)?$/;

/**
 * Wraps the programs of gcc's own directories.
 *
 * @returns words for each of its drivers in `directories`, by path in the tree
 */
export function wrapGcc(wrapper: Wrapper, directories: readonly string[]): Map<string, readonly string[]> {
  const { tree, own } = wrapper;
  const libraries = gccDirectories(tree, 'usr/lib/gcc');
  for (const directory of [...libraries, ...gccDirectories(tree, 'usr/libexec/gcc'), ...targetPrograms(tree)])
    wrapperDirectory(wrapper, directory);
  for (const directory of libraries) {
    const specs = treePathFromUser(`${directory}/specs`);
    makeWrapperDirectories(own, directory);
    own.remove(specs);
    own.writeFile(specs, Buffer.from(formatSpecs(tree, directory)), 0o644);
  }
  const words = [`-B${tree.hostPathOf(treePathFromUser('usr/lib'))}/`];
  const drivers = directories.flatMap((directory) =>
    entryNames(tree, directory)
      .filter((name) => DRIVERS.test(name))
      .map((name) => `${directory}/${name}`),
  );
  return new Map(libraries.length === 0 ? [] : drivers.map((path) => [path, words]));
}

const entryNames = (tree: WorkTree, directory: string): string[] => {
  const place = tryResolve(tree, directory);
  return place !== undefined && tree.stat(place)?.kind === 'directory' ? tree.list(place) : [];
};

/** `usr/lib/gcc/TARGET/VERSION` */
const gccDirectories = (tree: WorkTree, base: string): string[] =>
  entryNames(tree, base)
    .flatMap((target) => entryNames(tree, `${base}/${target}`).map((version) => `${base}/${target}/${version}`))
    .filter((path) => tree.stat(treePathFromUser(path))?.kind === 'directory');

/** `usr/TARGET/bin`, where binutils keep theirs. */
const targetPrograms = (tree: WorkTree): string[] =>
  entryNames(tree, 'usr')
    .map((name) => `usr/${name}/bin`)
    .filter((path) => path.includes('-linux-') && tree.stat(treePathFromUser(path))?.kind === 'directory');

function formatSpecs(tree: WorkTree, directory: string): string {
  const at = (path: string): string => tree.hostPathOf(treePathFromUser(path));
  const headers = ['usr/local/include', 'usr/include', `${directory}/include`]
    .map((path) => `-idirafter ${at(path)}`)
    .join(' ');
  const includes = `+ -nostdinc %{!nostdinc:${headers}}`;
  // Debian's gcc is one for glibc until it is told.
  const musl = directory.includes('-linux-gnu/')
    ? [
        ['self_spec', '+ %{!mglibc:%{!mmusl:-mmusl}}'],
        ['libgcc', '-lgcc -lgcc_eh'],
      ]
    : [];
  return [
    ...musl,
    ['cpp_options', includes],
    ['cc1', includes],
    ['cc1plus', `+ ${cplusplusHeaders(tree, directory)}`],
    ['link', '+ -nostdlib'],
    ['link_libgcc', ['usr/local/lib', 'lib', 'usr/lib', directory].map((path) => `-L${at(path)}`).join(' ')],
  ]
    .map(([name, text]) => `*${name}:\n${text}\n\n`)
    .join('');
}

/** libstdc++'s own, before C's. */
function cplusplusHeaders(tree: WorkTree, directory: string): string {
  const [, , , target = '', version = ''] = directory.split('/');
  return ['', `/${target}`, '/backward']
    .map((below) => `-isystem ${tree.hostPathOf(treePathFromUser(`usr/include/c++/${version}${below}`))}`)
    .join(' ');
}
