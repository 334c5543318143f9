/**
 * A tree's programs as scripts that start them through the tree's own dynamic loader, laid out as in the tree:
 * `/usr/bin/make` becomes WRAPPERS/usr/bin/make. Nothing translates paths; a program sees the host's files, and
 * whatever it starts by name is found among the wrappers first.
 */
import { isAlprootError } from '../../core/errors.ts';
import { treePathFromUser, type TreePath } from '../../core/paths.ts';
import { readInterpreter } from '../../formats/elf/elf-dynamic.ts';
import { parseElf } from '../../formats/elf/elf.ts';
import { descriptorSource } from '../../system/files/hashed-file.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';

/** Where programs are looked for, in the order of a usual PATH. */
export const PROGRAM_DIRECTORIES = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];

export interface Wrapper {
  readonly tree: WorkTree;
  /** Where the scripts go. */
  readonly own: WorkTree;
  /** Words that go before a program's own, by its path in the tree. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

/** Writes scripts for the programs of a directory of the tree; what else is there, and needs no loader, is linked. */
export function wrapperDirectory(wrapper: Wrapper, directory: string): void {
  const { tree, own } = wrapper;
  const place = tryResolve(tree, directory);
  if (place === undefined || tree.stat(place)?.kind !== 'directory') return;
  makeWrapperDirectories(own, directory);
  for (const name of tree.list(place)) {
    const path = `${directory}/${name}`;
    const real = tryResolve(tree, path);
    const kind = real === undefined ? undefined : tree.stat(real)?.kind;
    if (real === undefined || kind === undefined) continue;
    const script = kind === 'file' ? scriptFor(wrapper, { real, path }) : undefined;
    if (script === undefined) own.makeSymlink(treePathFromUser(path), tree.hostPathOf(real));
    else own.writeFile(treePathFromUser(path), Buffer.from(script), 0o755);
  }
}

/** A directory and those above it. */
export function makeWrapperDirectories(tree: WorkTree, path: string): void {
  const parts = path.split('/');
  for (let length = 1; length <= parts.length; length++) {
    const place = treePathFromUser(parts.slice(0, length).join('/'));
    if (tree.stat(place) === undefined) tree.makeDirectory(place, 0o755);
  }
}

/** undefined when the link leads nowhere, or out of the tree. */
export function tryResolve(tree: WorkTree, path: string): TreePath | undefined {
  try {
    return tree.resolve(treePathFromUser(path));
  } catch (error) {
    if (isAlprootError(error)) return undefined;
    throw error;
  }
}

interface Program {
  /** The file itself, links followed. */
  readonly real: TreePath;
  /** As it is called. */
  readonly path: string;
}

/** undefined for what the host starts by itself: static programs, and files that are none. */
function scriptFor(wrapper: Wrapper, { real, path }: Program): string | undefined {
  const { tree } = wrapper;
  const head = tree.readHead(real, 256).toString('latin1');
  const file = tree.hostPathOf(real);
  const shebang = /^#!\s*(\/\S+)(?:[ \t]+(\S+))?/.exec(head);
  if (shebang !== null) {
    const [, interpreter = '', argument] = shebang;
    return startWith([
      wrapper.own.hostPathOf(treePathFromUser(interpreter)),
      ...(argument === undefined ? [] : [argument]),
      file,
    ]);
  }
  if (!head.startsWith('\x7fELF')) return undefined;
  const interpreter = interpreterOf(tree, real);
  if (interpreter === undefined) return undefined;
  const loader = tryResolve(tree, interpreter);
  if (loader === undefined || tree.stat(loader)?.kind !== 'file') return undefined;
  const name = wrapper.own.hostPathOf(treePathFromUser(path));
  return startWith([
    tree.hostPathOf(loader),
    '--library-path',
    libraryPath(tree, interpreter, loader),
    '--argv0',
    name,
    file,
    ...(wrapper.extra.get(path) ?? []),
  ]);
}

function interpreterOf(tree: WorkTree, real: TreePath): string | undefined {
  try {
    return tree.withFile(real, (fd) => readInterpreter(parseElf(descriptorSource(fd, real))));
  } catch (error) {
    if (isAlprootError(error)) return undefined;
    throw error;
  }
}

/** The directories that a loader looks into by itself: those of its own name, with and without `usr`. */
function libraryPath(tree: WorkTree, interpreter: string, loader: TreePath): string {
  const places = [interpreter.replace(/^\/+/, ''), loader].map((path) =>
    path.slice(0, path.lastIndexOf('/')).replace(/^usr\//, ''),
  );
  return [...new Set(places.flatMap((place) => [place, `usr/${place}`, `usr/local/${place}`]))]
    .map((place) => tree.hostPathOf(treePathFromUser(place)))
    .join(':');
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const startWith = (words: readonly string[]): string => `#!/bin/sh\nexec ${words.map(quote).join(' ')} "$@"\n`;
