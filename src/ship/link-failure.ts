/**
 * Reads what a compiler or linker said when it failed, and says in plain words what is wrong and what would help.
 * Facts come from the text alone; nothing is run, and an unknown message gives no advice rather than a guess.
 */
import { showName } from '../core/redact.ts';
import { isGlibcBuilt, isGlibcExtension, isLargeFileCall } from './glibc-symbols.ts';
import { HEADER_PACKAGES } from './header-packages.ts';
import { LIBRARY_PACKAGES } from './library-packages.ts';
import { PROGRAM_PACKAGES, SYMBOL_PACKAGES } from './program-packages.ts';

export interface LinkDiagnosis {
  readonly kind:
    | 'glibc-object'
    | 'glibc-function'
    | 'large-file-call'
    | 'missing-dynamic-table'
    | 'separate-library'
    | 'missing-library'
    | 'missing-header'
    | 'missing-program'
    | 'dynamic-in-static'
    | 'wrong-machine'
    | 'not-position-independent'
    | 'lto-mismatch'
    | 'glibc-program';
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** Alpine packages that would help. */
  readonly packages: readonly string[];
}

export interface FailedCommand {
  /** The compiler's arguments; `-static` among them decides which package of a library is named. */
  readonly args?: readonly string[];
}

/** The end of a long output holds the error; a longer line is not a message of a compiler. */
const [TEXT_CAP, LINE_CAP] = [1024 * 1024, 4096];

/**
 * Diagnoses, each once, in the order in which their first sign appears.
 *
 * @param output what the tools wrote, gcc, clang, GNU ld and lld alike
 */
export function explainLinkFailure(output: string, { args = [] }: FailedCommand = {}): LinkDiagnosis[] {
  const text = output
    .slice(-TEXT_CAP)
    .split('\n')
    .map((line) => line.slice(0, LINE_CAP))
    .join('\n');
  const isStatic =
    args.some((arg) => /^-{1,2}static(?:-pie)?$/.test(arg)) || /have you installed the static version/.test(text);
  const found = [...undefinedSymbols(text), ...missingParts(text, isStatic), ...mismatches(text)];
  const seen = new Set<string>();
  return found
    .sort((a, b) => a.at - b.at)
    .flatMap(({ at: _at, ...diagnosis }) => {
      const key = `${diagnosis.kind} ${diagnosis.message}`;
      return seen.has(key) ? [] : (seen.add(key), [diagnosis]);
    });
}

type Sign = LinkDiagnosis & { readonly at: number };

interface Reference {
  readonly symbol: string;
  /** The object or archive member that asks; undefined when the text does not say. */
  readonly file: string | undefined;
  readonly at: number;
}

const OBJECT = /(?:^|[\s:])([^\s:()`]+\.(?:a\([^()]+\)|a:\([^()]+\)|l?o(?![\w.])|so[.\d]*))/;

/** Every undefined symbol with the file that asks for it, which ld names on the line or on one before it. */
function references(text: string): Reference[] {
  const found: Reference[] = [];
  let file: string | undefined;
  let at = 0;
  for (const line of text.split('\n')) {
    const symbol =
      /undefined reference to [`'‘"]([^`'’"]+)|undefined symbol: (\S+)|undefined references to [`'‘"]([^`'’"]+)/.exec(
        line,
      );
    const named = OBJECT.exec(line)?.[1];
    if (named !== undefined) file = named;
    const name = symbol?.[1] ?? symbol?.[2] ?? symbol?.[3];
    if (name !== undefined) found.push({ symbol: name, file, at });
    at += line.length + 1;
  }
  return found;
}

function undefinedSymbols(text: string): Sign[] {
  const all = references(text);
  const built = all.filter(({ symbol }) => isGlibcBuilt(symbol));
  const large = all.filter(({ symbol }) => isLargeFileCall(symbol));
  const extensions = all.filter(({ symbol }) => isGlibcExtension(symbol));
  const table = all.filter(({ symbol }) => symbol === '_DYNAMIC');
  return [
    ...group(built, (names, files) => ({
      kind: 'glibc-object',
      packages: [],
      message: `compiled for glibc, not for musl: ${files}, asking for ${names}`,
      hint:
        'take the library from an Alpine package, or compile it again inside (alproot cc); a library of ' +
        'the host cannot be linked into a musl program',
    })),
    ...group(table, (_names, files) => ({
      kind: 'missing-dynamic-table',
      packages: [],
      message: `the dynamic table (_DYNAMIC), which a static program does not have, is asked for by ${files}`,
      hint:
        'start files or libraries of two C libraries are mixed, or position-independent start files are ' +
        'linked with -static: use only libraries from Alpine packages, and one of -static and -static-pie ' +
        'throughout',
    })),
    ...group(large, (names, files) => ({
      kind: 'large-file-call',
      packages: [],
      message: `musl does not have ${names} (its file sizes always have 64 bits), asked for by ${files}`,
      hint:
        'compile the object for musl; in your own source call the names without 64, or define ' +
        '_LARGEFILE64_SOURCE for older musl headers',
    })),
    ...group(extensions, (names, files) => ({
      kind: 'glibc-function',
      packages: [],
      message: `glibc has ${names} and musl does not, called by ${files}`,
      hint: 'leave the call out when __GLIBC__ is not defined, or take a portable replacement along',
    })),
    ...separateLibraries(all),
  ];
}

function separateLibraries(all: readonly Reference[]): Sign[] {
  return SYMBOL_PACKAGES.flatMap(({ pattern, pkg, flag }) =>
    group(
      all.filter(({ symbol }) => pattern.test(symbol)),
      (names, files) => ({
        kind: 'separate-library',
        packages: [pkg],
        message: `musl leaves ${names} to a library of its own, called by ${files}`,
        hint: `install ${pkg} and add ${flag} at the end of the link line`,
      }),
    ),
  );
}

function group(all: readonly Reference[], say: (names: string, files: string) => LinkDiagnosis): Sign[] {
  const [first] = all;
  if (first === undefined) return [];
  const names = [...new Set(all.map(({ symbol }) => symbol))];
  return [{ ...say(enumerate(names), nameFiles(all.flatMap(({ file }) => file ?? []))), at: first.at }];
}

/** Objects by name, members by their archive: `/usr/lib/libcrypto.a (bio.o and 2 more)`. */
function nameFiles(files: readonly string[]): string {
  const members = new Map<string, Set<string>>();
  for (const file of files) {
    const [, archive = file, member] = /^(.*\.a):?\(([^()]+)\)$/.exec(file) ?? [];
    const known = members.get(archive) ?? new Set<string>();
    if (member !== undefined) known.add(member);
    members.set(archive, known);
  }
  return members.size === 0
    ? 'an object'
    : enumerate(
        [...members].map(([file, known]) => (known.size === 0 ? file : `${file} (${enumerate([...known], 1)})`)),
      );
}

/** `a, b, c and 4 more`. */
const enumerate = (names: readonly string[], most = 3): string =>
  `${names.slice(0, most).map(showName).join(', ')}${names.length > most ? ` and ${names.length - most} more` : ''}`;

/** All matches of a pattern as signs. */
const signs = (text: string, pattern: RegExp, say: (name: string) => LinkDiagnosis | undefined): Sign[] =>
  [...text.matchAll(pattern)].flatMap((match) => {
    const diagnosis = say(match.slice(1).find((part) => part !== undefined) ?? '');
    return diagnosis === undefined ? [] : [{ ...diagnosis, at: match.index }];
  });

function missingParts(text: string, isStatic: boolean): Sign[] {
  return [
    ...signs(text, /(?:cannot find|unable to find library) -l([\w.+-]+)/g, (name) =>
      missingLibrary(name.replace(/:$/, ''), isStatic),
    ),
    ...signs(
      text,
      /:\d+: (?:fatal error: ([\w./+-]+): No such file|fatal error: '([\w./+-]+)' file not found)/g,
      missingHeader,
    ),
    ...signs(text, /cannot find (\w*crt[1inSTbe]\w*\.o)/g, (name) => ({
      kind: 'missing-library',
      packages: ['musl-dev'],
      message: `the start file ${name} is missing`,
      hint: 'install musl-dev (and gcc for crtbegin.o and crtend.o)',
    })),
    ...signs(
      text,
      /(?:(?<![\w+.-])([\w+.-]+): (?:command )?not found|cannot execute ['‘"]?([\w+.-]+)['’"]?: |(?<![\w+.-])([\w+.-]+): No such file or directory[ \t]*$|fatal error: cannot find ['‘]([\w+.-]+)['’]|unable to execute command: .*?["']([\w+.-]+)["'])/gm,
      missingProgram,
    ),
  ];
}

function missingLibrary(name: string, isStatic: boolean): LinkDiagnosis {
  const packages = Object.hasOwn(LIBRARY_PACKAGES, name) ? LIBRARY_PACKAGES[name] : undefined;
  const wanted =
    packages === undefined ? [] : [...new Set(isStatic ? [packages.dev, packages.static] : [packages.dev])];
  return {
    kind: 'missing-library',
    packages: wanted,
    message: isStatic ? `the static library lib${name}.a is missing` : `the library ${name} is missing`,
    hint:
      wanted.length > 0
        ? `install ${wanted.join(' and ')}`
        : `find the package that has ${isStatic ? `lib${name}.a` : `lib${name}.so`}; in Alpine static ` +
          `libraries are in a -static or -dev package, or are not built at all`,
  };
}

function missingHeader(name: string): LinkDiagnosis {
  const own = Object.keys(HEADER_PACKAGES)
    .filter((key) => key === name || (key.endsWith('/') && name.startsWith(key)))
    .sort((a, b) => b.length - a.length)[0];
  const pkg = own === undefined ? undefined : HEADER_PACKAGES[own];
  return {
    kind: 'missing-header',
    packages: pkg === undefined ? [] : [pkg],
    message: `the header ${name} is missing`,
    hint: pkg === undefined ? 'install the -dev package that has it, or give its directory with -I' : `install ${pkg}`,
  };
}

function missingProgram(name: string): LinkDiagnosis | undefined {
  const pkg = Object.hasOwn(PROGRAM_PACKAGES, name) ? PROGRAM_PACKAGES[name] : undefined;
  return pkg === undefined
    ? undefined
    : { kind: 'missing-program', packages: [pkg], message: `the program ${name} is missing`, hint: `install ${pkg}` };
}

function mismatches(text: string): Sign[] {
  return [
    ...signs(text, /attempted static link of dynamic object [`'‘]([^'’`]+)/g, (file) => ({
      kind: 'dynamic-in-static',
      packages: staticPackage(file),
      message: `${showName(file)} is a shared library, and the link is static`,
      hint:
        staticPackage(file).length > 0
          ? `install ${staticPackage(file).join(' and ')}, and name the library with -l`
          : 'name the .a file instead, from the -static package of the library',
    })),
    ...signs(
      text,
      /skipping incompatible (\S+) when searching for|(?<!\S)(\S+): (?:file format not recognized|incompatible target|is incompatible with \w)/g,
      (file) => ({
        kind: 'wrong-machine',
        packages: [],
        message: `${showName(file)} is built for another machine`,
        hint: 'use the library of the architecture that is built for (alproot inspect FILE names it)',
      }),
    ),
    ...signs(text, /(?<!\S)(\S+): relocation R_\w+ against .* can ?not be used when making a/g, (file) => ({
      kind: 'not-position-independent',
      packages: [],
      message: `${showName(file)} is not position-independent, and the output is`,
      hint: 'compile it with -fPIC, or link with -no-pie (with -static: not -static-pie)',
    })),
    ...signs(
      text,
      /(?<!\S)(\S*): plugin needed to handle lto object|bytecode stream in file ['‘](\S+?)['’]/g,
      (file) => ({
        kind: 'lto-mismatch',
        packages: [],
        message: `${showName(file) || 'an object'} holds LTO code of another compiler version`,
        hint: 'compile all objects with the same gcc, use gcc-ar and gcc-ranlib for archives, or leave -flto out',
      }),
    ),
    ...signs(text, /version [`'‘](GLIBC_[\d.]+)['’] not found/g, (version) => ({
      kind: 'glibc-program',
      packages: [],
      message: `a program of the host asks for ${version}, which is not here`,
      hint: 'it was built for a newer glibc: compile it inside, or use a static build of it',
    })),
  ];
}

function staticPackage(file: string): string[] {
  const name = /lib([\w+-]+)\.so/.exec(file)?.[1];
  const packages = name !== undefined && Object.hasOwn(LIBRARY_PACKAGES, name) ? LIBRARY_PACKAGES[name] : undefined;
  return packages === undefined ? [] : [packages.static];
}

/** Diagnoses as lines: the fault, then what would help. */
export const formatDiagnoses = (diagnoses: readonly LinkDiagnosis[]): string =>
  diagnoses.map(({ message, hint }) => `${message}\n  hint: ${hint}\n`).join('');
