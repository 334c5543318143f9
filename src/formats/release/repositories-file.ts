/**
 * `/etc/apk/repositories` and the files of `repositories.d`: one repository a line, with tags (`@edge URL`),
 * comments, and apk 3's keywords: `v2`, `v3` and `ndx` before the URL, components after it, `set NAME=value`
 * with `${NAME}` in what follows.
 */
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';

/** How a repository is laid out: `ARCH/APKINDEX.tar.gz`, `ARCH/Packages.adb`, or the line names the index file. */
export type RepositoryLayout = 'v2' | 'v3' | 'ndx';

export interface RepositoryLine {
  /**
   * As written, without trailing slash: `https://host/alpine/v3.19/main`, `/media/cdrom/apks`; for `ndx` the index
   * file.
   */
  readonly location: string;
  readonly layout: RepositoryLayout;
  /** Without `@`. */
  readonly tag?: string;
}

export interface RepositoriesContext {
  /** For messages. */
  readonly file: string;
  /** Value of `${APK_ARCH}`. */
  readonly arch: Arch;
  /** Keywords and `set` are for files; a command line's `--repository` has a tag and a URL only. */
  readonly keywords?: boolean;
}

const isLocation = (word: string): boolean => word.startsWith('/') || word.indexOf('://') > 0;

/** State of one file: variables live until its end. */
interface Reader {
  readonly context: RepositoriesContext;
  readonly variables: Map<string, string>;
  readonly refuse: (why: string) => never;
}

function substitute(reader: Reader, text: string): string {
  return text.replace(
    /\$\{([^}]*)\}/g,
    (_, name: string) => reader.variables.get(name) ?? reader.refuse(`undefined variable ${quoteName(name)}`),
  );
}

/** `set [-default] NAME=value`. Names that begin with APK_ are apk's own. */
function setVariable(reader: Reader, words: readonly string[]): void {
  const preset = words[0] === '-default';
  const definition = words.slice(preset ? 1 : 0).join(' ');
  const match = /^([A-Za-z][A-Za-z0-9_]*)=(.*)$/.exec(definition);
  if (match === null || definition.startsWith('APK_')) reader.refuse(`not a definition: ${quoteName(definition)}`);
  const [, name = '', value = ''] = match ?? [];
  if (!preset || !reader.variables.has(name)) reader.variables.set(name, substitute(reader, value));
}

/** The layout that the line names or, without a keyword, that its file name tells. */
function layoutOf(keyword: string | undefined, location: string): RepositoryLayout {
  if (keyword === 'v2' || keyword === 'v3' || keyword === 'ndx') return keyword;
  return /\.(?:adb|tar\.gz)$/.test(location) ? 'ndx' : 'v2';
}

function parseLine(reader: Reader, text: string): RepositoryLine[] {
  const words = text.split(/[ \t]+/).filter((word) => word !== '');
  const keywords = reader.context.keywords !== false;
  const [first = ''] = words;
  let keyword: string | undefined;
  if (keywords && !first.startsWith('@') && !isLocation(first)) {
    keyword = words.shift();
    if (keyword === 'set') {
      setVariable(reader, words);
      return [];
    }
    if (keyword !== 'v2' && keyword !== 'v3' && keyword !== 'ndx')
      reader.refuse(`unknown keyword ${quoteName(first)}`);
  }
  const tag = words[0]?.startsWith('@') === true ? words.shift()?.slice(1) : undefined;
  if (tag === '') reader.refuse('an empty tag');
  const url = substitute(reader, words.shift() ?? reader.refuse('no URL')).replace(/(?<=.)\/+$/, '');
  if (keywords && !isLocation(url)) reader.refuse(`not a URL: ${quoteName(url)}`);
  const layout = layoutOf(keyword, url);
  const components =
    words.length === 0
      ? ['']
      : substitute(reader, words.join(' '))
          .split(' ')
          .filter((word) => word !== '');
  return components.map((component) => ({
    location: component === '' ? url : `${url}/${component}`,
    layout,
    ...(tag === undefined ? {} : { tag }),
  }));
}

/**
 * The repositories of one file, in its order.
 *
 * @throws ALP_FORMAT_TEXT naming file and line
 * @see apk-tools 3.0 src/repoparser.c
 */
export function parseRepositories(text: string, context: RepositoriesContext): RepositoryLine[] {
  const variables = new Map<string, string>([['APK_ARCH', context.arch]]);
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    const refuse = (why: string): never => {
      throw new AlprootError('ALP_FORMAT_TEXT', `${context.file}:${index + 1}: ${why}`, {
        hint: 'write it as [@tag] URL',
      });
    };
    return parseLine({ context, variables, refuse }, line);
  });
}

/** As apk 2 and 3 both read it where the layout is v2. */
export function formatRepository({ location, layout, tag }: RepositoryLine): string {
  const keyword = layout === layoutOf(undefined, location) ? '' : `${layout} `;
  return `${keyword}${tag === undefined ? '' : `@${tag} `}${location}`;
}

export const formatRepositories = (lines: readonly RepositoryLine[]): string =>
  lines.map((line) => `${formatRepository(line)}\n`).join('');

/** Which files of a `repositories.d` count, in the order in which they are read. */
export const repositoryFiles = (names: readonly string[]): string[] =>
  names.filter((name) => name.endsWith('.list') && !name.startsWith('.')).sort();

/** Where the index lies. */
export function indexLocation({ location, layout }: RepositoryLine, arch: Arch): string {
  if (layout === 'ndx') return location;
  return `${location}/${arch}/${layout === 'v2' ? 'APKINDEX.tar.gz' : 'Packages.adb'}`;
}

/**
 * Where a package file lies. A package of another architecture (`noarch`) lies with those of the machine in the
 * v2 layout, and under its own name in the v3 layout.
 */
export function packageLocation(
  { location, layout }: RepositoryLine,
  record: { readonly name: string; readonly version: string; readonly arch: string },
  arch: Arch,
): string {
  const file = `${record.name}-${record.version}.apk`;
  if (layout === 'ndx') return `${location.slice(0, location.lastIndexOf('/') + 1)}${file}`;
  return `${location}/${layout === 'v2' || record.arch === '' ? arch : record.arch}/${file}`;
}
