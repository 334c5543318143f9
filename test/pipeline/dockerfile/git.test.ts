/** ADD of git repositories: what the host's git is made to fetch, from repositories made for the run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { fetchGitTree } from '../../../src/pipeline/dockerfile/git.ts';
import type { Session } from '../../../src/pipeline/session/session.ts';
import { capability } from '../../helpers/capabilities.ts';

const needs = capability('git');
let work: string;
let first: string;

const git = (directory: string, ...args: string[]): string =>
  execFileSync(
    'git',
    [
      '-C',
      directory,
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@example.org',
      '-c',
      'protocol.file.allow=always',
      ...args,
    ],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', HOME: work } },
  ).trim();

function makeRepository(name: string): string {
  const directory = join(work, name);
  mkdirSync(directory);
  git(directory, 'init', '-q', '-b', 'main');
  return directory;
}

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-git-'));
  if (needs.skip) return;
  const inner = makeRepository('inner');
  writeFileSync(join(inner, 'deep'), 'deep\n');
  git(inner, 'add', '.');
  git(inner, 'commit', '-qm', 'deep');
  const outer = makeRepository('outer');
  writeFileSync(join(outer, 'f'), 'one\n');
  git(outer, 'add', '.');
  git(outer, 'commit', '-qm', 'one');
  first = git(outer, 'rev-parse', 'HEAD');
  git(outer, 'tag', 'v1');
  writeFileSync(join(outer, 'f'), 'two\n');
  git(outer, 'submodule', '-q', 'add', '../inner', 'sub');
  git(outer, 'commit', '-qam', 'two');
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

let count = 0;
async function fetched(options: {
  readonly ref?: string;
  readonly commit?: string;
  readonly submodules?: boolean;
  readonly keepGitDir?: boolean;
}): Promise<(name: string) => string | undefined> {
  const into = join(work, `into-${count++}`);
  mkdirSync(into);
  const fetch = fetchGitTree({ config: { env: { PATH: process.env['PATH'] }, offline: false } } as unknown as Session);
  await fetch?.({
    url: `file://${work}/outer`,
    ref: undefined,
    commit: undefined,
    submodules: true,
    keepGitDir: false,
    into: hostPath(into),
    ...options,
  });
  return (name) => (existsSync(join(into, name)) ? readFileSync(join(into, name), 'utf8') : undefined);
}

describe.skipIf(needs.skip)(`fetching a repository${needs.reason}`, () => {
  it('takes the newest commit with its submodules, and nothing of git', async () => {
    const read = await fetched({});
    expect([read('f'), read('sub/deep'), read('.git/HEAD')]).toEqual(['two\n', 'deep\n', undefined]);
    expect((await fetched({ submodules: false }))('sub/deep')).toBeUndefined();
  });

  it('takes a tag, a branch, a commit, or the beginning of one', async () => {
    for (const ref of ['v1', 'refs/tags/v1', first, first.slice(0, 9)])
      expect((await fetched({ ref }))('f')).toBe('one\n');
    const read = await fetched({ ref: 'refs/heads/main', keepGitDir: true });
    expect([read('f'), read('.git/HEAD')]).toEqual(['two\n', expect.stringMatching(/^[\da-f]{40}\n$/)]);
  });

  it('refuses a reference that means another commit, and one that is not there', async () => {
    expect((await fetched({ ref: 'v1', commit: first.slice(0, 8) }))('f')).toBe('one\n');
    await expect(fetched({ ref: 'main', commit: first })).rejects.toMatchObject({ code: 'ALP_VERIFY_DIGEST' });
    await expect(fetched({ ref: 'nope' })).rejects.toMatchObject({ code: 'ALP_FETCH_NETWORK' });
    await expect(fetched({ ref: '0123456789' })).rejects.toMatchObject({ code: 'ALP_FETCH_NETWORK' });
  });
});
