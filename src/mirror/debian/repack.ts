/**
 * Debian's files in Alpine's places: documentation goes, copyright stays, paths move as the recipe says, links are
 * added, and every program is announced as `cmd:NAME`.
 */
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import type { PackageFacts } from '../pkginfo-text.ts';
import type { PlannedRepack } from './repack-plan.ts';
import type { Target } from './recipe.ts';

const DOCUMENTATION =
  /^usr\/share\/(doc|man|info|locale|lintian|bug|menu|applications|pixmaps|icons|emacs|gdb|doc-base|zsh|bash-completion|gtk-doc|help|metainfo)(\/|$)|^var(\/|$)|^(run|tmp|proc|dev|sys)(\/|$)/;

/** Files of one Debian package, by its name. */
export type DebFiles = ReadonlyMap<string, readonly TarItem[]>;

/** The entries of the Alpine package. */
export function repackEntries({ recipe, sources }: PlannedRepack, files: DebFiles, target: Target): TarItem[] {
  const moves = recipe.moves?.(target) ?? [];
  const move = (path: string): string => moves.reduce((moved, [from, to]) => moved.replace(from, to), path);
  const all = sources.flatMap(({ name }) => files.get(name) ?? []);
  const kept = all.filter(
    ({ path }) => !DOCUMENTATION.test(path) && recipe.drops?.test(path) !== true && (recipe.keeps?.test(path) ?? true),
  );
  const entries = new Map<string, TarItem>();
  const add = (item: TarItem): void => {
    if (item.path !== '' && !entries.has(item.path)) entries.set(item.path, item);
  };
  const originals = recipe.keeps?.source === '^$' ? all : kept.map((item) => relocate(item, move));
  for (const item of kept) if (item.kind !== 'directory') add(relocate(item, move));
  for (const item of recipe.generates?.(originals, target) ?? []) add(item);
  for (const [path, link] of Object.entries(recipe.links?.(target) ?? {}))
    add({ kind: 'symlink', path, mode: 0o777, target: link });
  for (const item of copyrights(all, recipe.name)) add(item);
  return [...entries.values()];
}

const relocate = (item: TarItem, move: (path: string) => string): TarItem =>
  item.kind === 'hardlink'
    ? { ...item, path: move(item.path), target: move(item.target) }
    : { ...item, path: move(item.path) };

/** Debian's copyright files: what the licences ask to be kept. */
const copyrights = (items: readonly TarItem[], name: string): TarItem[] =>
  items.flatMap((item) => {
    const match = /^usr\/share\/doc\/([^/]+)\/copyright$/.exec(item.path);
    return match === null || item.kind !== 'file'
      ? []
      : [{ ...item, path: `usr/share/licenses/${name}/${match[1] ?? ''}.copyright` }];
  });

/** What .PKGINFO says of it. Licences are named where Debian's copyright file is machine-readable. */
export function repackFacts(
  { recipe, sources, version, depends }: PlannedRepack,
  entries: readonly TarItem[],
  target: Target,
): PackageFacts {
  const [first] = sources;
  const commands =
    recipe.standIn === true
      ? []
      : entries.flatMap(({ kind, path, mode }) => {
          const name = /^(?:usr\/)?s?bin\/([^/]+)$/.exec(path)?.[1];
          return name !== undefined && kind !== 'directory' && (kind === 'symlink' || (mode & 0o111) !== 0)
            ? [`cmd:${name}=${version}`]
            : [];
        });
  return {
    name: recipe.name,
    version,
    arch: target.arch,
    description: recipe.description || (first?.summary ?? recipe.name),
    url: first?.homepage ?? '',
    license: licenceOf(entries),
    origin: first?.source ?? recipe.name,
    maintainer: first === undefined ? 'alproot' : `alproot, from the Debian package of ${first.maintainer}`,
    buildTime: entries.reduce((newest, { mtime = 0 }) => Math.max(newest, mtime), 0),
    depends,
    provides: [...(recipe.provides?.(target) ?? []), ...[...new Set(commands)].sort()].filter(
      (text) => !/\s/.test(text),
    ),
    replaces: recipe.replaces ?? [],
    ...(recipe.providerPriority === undefined ? {} : { providerPriority: recipe.providerPriority }),
  };
}

function licenceOf(entries: readonly TarItem[]): string {
  for (const item of entries) {
    if (item.kind !== 'file' || !item.path.startsWith('usr/share/licenses/')) continue;
    const text = Buffer.from(item.bytes).toString('latin1');
    const name = /^Files:\s*\*[\s\S]*?^License:[ \t]*([A-Za-z0-9.+-]+)[ \t]*$/m.exec(text)?.[1];
    if (name !== undefined) return name;
  }
  return 'custom';
}
