/** `~/.netrc`: who one is on which host. Read here, sent as Basic, never printed. @see netrc(5), inetutils */
export interface NetrcEntry {
  /** Lower case; undefined for `default`. */
  readonly machine: string | undefined;
  readonly user: string;
  readonly password: string;
}

/** The entries of a netrc file in file order; macros, accounts and what is not understood are passed over. */
export function parseNetrc(text: string): NetrcEntry[] {
  const words = (
    text
      .replace(/^\s*macdef\b[\s\S]*?(?:\n[ \t]*\n|(?![\s\S]))/gm, '')
      .replace(/^\s*#.*$/gm, '')
      .match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []
  ).map(unquoted);
  const entries: { machine: string | undefined; user: string; password: string }[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === 'machine') entries.push({ machine: words[++at]?.toLowerCase() ?? '', user: '', password: '' });
    else if (word === 'default') entries.push({ machine: undefined, user: '', password: '' });
    else {
      const last = entries.at(-1);
      const value = words[++at] ?? '';
      if (last !== undefined && word === 'login') last.user = value;
      else if (last !== undefined && word === 'password') last.password = value;
    }
  }
  return entries;
}

const unquoted = (word: string): string =>
  word.startsWith('"') && word.length > 1 ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;

/** The first entry for the URL's host, else the default's; undefined when there is none. */
export function netrcCredentials(
  entries: readonly NetrcEntry[],
  url: URL,
): { readonly user: string; readonly password: string } | undefined {
  const host = url.hostname.toLowerCase();
  const found =
    entries.find(({ machine }) => machine === host) ?? entries.find(({ machine }) => machine === undefined);
  return found === undefined || (found.user === '' && found.password === '')
    ? undefined
    : { user: found.user, password: found.password };
}
