/**
 * Debian's package stanzas (deb822) and dependency fields, read. Input is what `apt-cache show` prints of lists that
 * apt has verified.
 *
 * @see https://www.debian.org/doc/debian-policy/ch-controlfields.html
 * @see https://www.debian.org/doc/debian-policy/ch-relationships.html
 */

/** What we need of a binary package. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Name of its source package. */
  readonly source: string;
  readonly summary: string;
  readonly homepage: string;
  readonly maintainer: string;
  /** Pre-Depends and Depends: each group is a list of alternatives, names only. */
  readonly depends: readonly (readonly string[])[];
  readonly provides: readonly string[];
}

/** All stanzas of a text. */
export function parseDebianStanzas(text: string): DebianPackage[] {
  return text
    .split(/\n{2,}/)
    .filter((stanza) => /^Package:/m.test(stanza))
    .map(parseStanza);
}

function parseStanza(stanza: string): DebianPackage {
  const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'mi').exec(stanza)?.[1]?.trim() ?? '';
  const name = field('Package');
  return {
    name,
    version: field('Version'),
    architecture: field('Architecture'),
    source: field('Source').replace(/ .*/, '') || name,
    summary: field('Description(?:-en)?') || name,
    homepage: field('Homepage'),
    maintainer: field('Maintainer'),
    depends: [...parseGroups(field('Pre-Depends')), ...parseGroups(field('Depends'))],
    provides: parseGroups(field('Provides')).flat(),
  };
}

/** `a (>= 1) | b, c:any` → [[a, b], [c]]. */
function parseGroups(text: string): string[][] {
  return text
    .split(',')
    .map((group) =>
      group
        .split('|')
        .map((one) => one.trim().replace(/[\s(:[<].*$/, ''))
        .filter((one) => one !== ''),
    )
    .filter((group) => group.length > 0);
}

/**
 * An apk version that sorts as the Debian version does: the upstream number, and a release made of the first three
 * numbers of Debian's revision. The epoch and suffixes such as `+dfsg` go.
 *
 * `1:1.35.0-4+deb12u1` → `1.35.0-r4012001`, `2.40-2` → `2.40-r2000000`, `13.2.0-23ubuntu4` → `13.2.0-r23004000`
 */
export function apkVersionOf(debianVersion: string): string {
  const plain = debianVersion.replace(/^\d+:/, '');
  const cut = plain.lastIndexOf('-');
  const [upstream, revision] = cut < 0 ? [plain, ''] : [plain.slice(0, cut), plain.slice(cut + 1)];
  const number = /^\d+(?:\.\d+)*/.exec(upstream)?.[0] ?? '0';
  const rest = upstream.slice(number.length);
  const letter = /^[a-z](?![a-z0-9])/.exec(rest)?.[0] ?? '';
  const early = /^~?(alpha|beta|rc|pre)\.?(\d*)/.exec(rest);
  const suffix = early === null ? '' : `_${early[1] ?? ''}${early[2] ?? ''}`;
  const [first = '0', second = '0', third = '0'] = revision.match(/\d+/g) ?? [];
  const part = (digits: string): string => digits.slice(-3).padStart(3, '0');
  return `${number}${letter}${suffix}-r${Number(`${first}${part(second)}${part(third)}`)}`;
}
