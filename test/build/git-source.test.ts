import { describe, expect, it } from 'vitest';
import { parseGitSource } from '../../src/build/git-source.ts';

const whole = {
  address: 'https://h/r.git',
  ref: undefined,
  directory: '.',
  commit: undefined,
  keepGitDir: undefined,
  submodules: true,
};

describe('a git repository as ADD names it', () => {
  it.each([
    ['https://h/r.git', whole],
    ['https://h/r.git#v1', { ...whole, ref: 'v1' }],
    ['https://h/r.git#v1:sub/dir', { ...whole, ref: 'v1', directory: 'sub/dir' }],
    ['https://h/r.git#:sub', { ...whole, directory: 'sub' }],
    ['git@h:a/r.git#pull/4/head', { ...whole, address: 'git@h:a/r.git', ref: 'pull/4/head' }],
    ['https://h/r.git?branch=a/b', { ...whole, ref: 'refs/heads/a/b' }],
    ['https://h/r.git?tag=v1&subdir=d', { ...whole, ref: 'refs/tags/v1', directory: 'd' }],
    ['https://h/r.git?ref=refs/x&checksum=abc1234', { ...whole, ref: 'refs/x', commit: 'abc1234' }],
    [
      'https://h/r.git?commit=abc1234&keep-git-dir=true&submodules=false',
      { ...whole, ref: 'abc1234', commit: 'abc1234', keepGitDir: true, submodules: false },
    ],
    ['https://h/r.git?keep-git-dir=0', { ...whole, keepGitDir: false }],
  ])('%s', (url, expected) => {
    expect(parseGitSource(url)).toEqual(expected);
  });

  it.each([
    'https://h/r.git#--upload-pack=x',
    'https://h/r.git#v1:a/../../b',
    'https://h/r.git?subdir=..',
    'https://h/r.git?branch=a#b',
    'https://h/r.git?nope=1',
  ])('%s is refused', (url) => {
    expect(() => parseGitSource(url)).toThrow(expect.objectContaining({ code: 'ALP_BUILD_INSTRUCTION' }));
  });
});
