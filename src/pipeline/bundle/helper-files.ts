/**
 * The sandbox helpers of this host for a bundle's tool: bubblewrap and PRoot with the libraries that they ask for,
 * each started through the loader that comes along, so that the other host's libraries don't matter.
 */
import { bufferSource } from '../../core/bytes.ts';
import { isAlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { readDynamic, readInterpreter } from '../../formats/elf/elf-dynamic.ts';
import { parseElf, type ElfFile } from '../../formats/elf/elf.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { findProgram, isFile, isSetuid } from '../../system/files/host-paths.ts';

const HELPERS = ['bwrap', 'proot'];
const LIBRARY_ROOTS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];
const FILE_BYTES = 64 * 1024 * 1024;

/** Files below `helpers/`; none for a helper that this host does not have, or that is setuid. */
export function helperFiles(searchPath: string): TarItem[] {
  const libraries = new Map<string, Buffer>();
  const programs = HELPERS.flatMap((name): TarItem[] => {
    const path = findProgram(name, searchPath);
    return path === undefined || isSetuid(path) ? [] : programFiles(name, path, libraries);
  });
  if (programs.length === 0) return [];
  const files = [...libraries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, bytes]): TarItem => ({ kind: 'file', path: `helpers/lib/${name}`, mode: 0o755, bytes }));
  return [directory('helpers'), ...programs, ...(files.length === 0 ? [] : [directory('helpers/lib'), ...files])];
}

const directory = (path: string): TarItem => ({ kind: 'directory', path, mode: 0o755 });

function programFiles(name: string, path: HostPath, libraries: Map<string, Buffer>): TarItem[] {
  const bytes = readFileCapped(path, FILE_BYTES);
  const elf = bytes === undefined ? undefined : elfOf(path, bytes);
  if (bytes === undefined || elf === undefined) return [];
  const interpreter = readInterpreter(elf);
  if (interpreter === undefined) return [{ kind: 'file', path: `helpers/${name}`, mode: 0o755, bytes }];
  const loader = readFileCapped(hostPath(interpreter), FILE_BYTES);
  if (loader === undefined || !addLibraries(elf, libraries)) return [];
  const loaderName = interpreter.slice(interpreter.lastIndexOf('/') + 1);
  libraries.set(loaderName, loader);
  libraries.set(name, bytes);
  const script = [
    '#!/bin/sh',
    'here=$(cd "$(dirname "$0")" && pwd)',
    `exec "$here/lib/${loaderName}" --library-path "$here/lib" "$here/lib/${name}" "$@"`,
    '',
  ].join('\n');
  return [{ kind: 'file', path: `helpers/${name}`, mode: 0o755, bytes: Buffer.from(script) }];
}

function elfOf(path: string, bytes: Buffer): ElfFile | undefined {
  try {
    return parseElf(bufferSource(path, bytes));
  } catch (error) {
    if (isAlprootError(error)) return undefined;
    throw error;
  }
}

/** Adds what a program needs, and what that needs. @returns false when a library cannot be found */
function addLibraries(elf: ElfFile, libraries: Map<string, Buffer>): boolean {
  return (readDynamic(elf)?.needed ?? []).every((name) => {
    if (libraries.has(name)) return true;
    const path = libraryPlaces()
      .map((place) => `${place}/${name}`)
      .find(isFile);
    const bytes = path === undefined ? undefined : readFileCapped(hostPath(path), FILE_BYTES);
    const own = path === undefined || bytes === undefined ? undefined : elfOf(path, bytes);
    if (bytes === undefined || own === undefined) return false;
    libraries.set(name, bytes);
    return addLibraries(own, libraries);
  });
}

/** The usual directories, and those of them that are named after an architecture. */
const libraryPlaces = (): string[] =>
  LIBRARY_ROOTS.flatMap((root) => [
    root,
    ...namesOf(hostPath(root))
      .filter((name) => name.includes('-linux-'))
      .map((name) => `${root}/${name}`),
  ]);
