/**
 * A git repository as ADD names it: `URL#REF:DIRECTORY`, or `URL?branch=…&subdir=…`.
 *
 * @see docker's manual, "Build context", Git repositories: URL fragments and URL queries
 */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';

export interface GitSource {
  readonly address: string;
  /** undefined: the repository's own choice. */
  readonly ref: string | undefined;
  /** The directory that is taken; `.` is all of it. */
  readonly directory: string;
  /** Must be what `ref` means, in full or its beginning. */
  readonly commit: string | undefined;
  /** undefined: ADD's flag decides. */
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
}

const KEYS = ['ref', 'tag', 'branch', 'subdir', 'checksum', 'commit', 'keep-git-dir', 'submodules'];

/** @throws ALP_BUILD_INSTRUCTION for an unknown key, two references, or a directory outside of the repository */
export function parseGitSource(url: string): GitSource {
  const [, address = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url) ?? [];
  const cut = fragment.indexOf(':');
  const fields = new Map(new URLSearchParams(query));
  const refuse = (why: string): never => {
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `ADD: illegal git reference in ${quoteName(url)}: ${why}`);
  };
  for (const key of fields.keys()) if (!KEYS.includes(key)) refuse(`unknown key ${quoteName(key)}`);
  const named = (key: string, prefix: string): string[] => (fields.has(key) ? [prefix + (fields.get(key) ?? '')] : []);
  const refs = [
    cut < 0 ? fragment : fragment.slice(0, cut),
    ...named('ref', ''),
    ...named('tag', 'refs/tags/'),
    ...named('branch', 'refs/heads/'),
  ].filter((ref) => ref !== '');
  const directory = fields.get('subdir') ?? (cut < 0 ? '' : fragment.slice(cut + 1));
  const commit = fields.get('checksum') ?? fields.get('commit');
  if (refs.length > 1) refuse('one of fragment, ref, tag and branch is enough');
  if (refs[0]?.startsWith('-') === true || directory.split('/').includes('..')) refuse('it leads elsewhere');
  const flag = (key: string): boolean | undefined =>
    fields.has(key) ? !/^(?:0|f|false)$/i.test(fields.get(key) ?? '') : undefined;
  return {
    address,
    ref: refs[0] ?? commit,
    directory: directory === '' ? '.' : directory,
    commit,
    keepGitDir: flag('keep-git-dir'),
    submodules: flag('submodules') ?? true,
  };
}
