/**
 * Debian's gcc made into a compiler for musl by a `specs` file in its own library directory, which the driver reads
 * by itself: musl's headers and libraries only, musl's loader, no glibc directory ever searched.
 *
 * @see https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html
 * @see musl 1.2.3 tools/musl-gcc.specs.sh, which does the same for a wrapper
 */
import { AlprootError } from '../../core/errors.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { textFile } from './recipe.ts';

/**
 * The specs file for the gcc whose files are given.
 *
 * @param items the files of Debian's gcc; the directory of crtbegin.o says where the specs go
 * @throws ALP_FORMAT_APK when there is no crtbegin.o
 */
export function gccSpecs(items: readonly TarItem[]): TarItem {
  const start = items.find(({ path }) => /^usr\/lib\/gcc\/[^/]+\/[^/]+\/crtbegin\.o$/.test(path));
  if (start === undefined) throw new AlprootError('ALP_FORMAT_APK', "Debian's gcc has no crtbegin.o");
  const directory = start.path.replace(/\/crtbegin\.o$/, '');
  return textFile(`${directory}/specs`, formatCompilerSpecs(`/${directory}`));
}

/** @param directory gcc's library directory, absolute, as seen inside */
export function formatCompilerSpecs(directory: string): string {
  const headers = ['/usr/local/include', '/usr/include', `${directory}/include`]
    .map((path) => `-idirafter ${path}`)
    .join(' ');
  const includes = `+ -nostdinc %{!nostdinc:${headers}}`;
  return [
    ['self_spec', '+ %{!mglibc:%{!mmusl:-mmusl}}'],
    ['cpp_options', includes],
    ['cc1', includes],
    ['link', '+ -nostdlib'],
    ['link_libgcc', `-L/usr/local/lib -L/lib -L/usr/lib -L${directory}`],
    ['libgcc', '-lgcc -lgcc_eh'],
  ]
    .map(([name, text]) => `*${name}:\n${text}\n\n`)
    .join('');
}
