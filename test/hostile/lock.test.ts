import { describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { formatLock } from '../../src/formats/lock/lockfile.ts';
import { sampleLock } from '../helpers/locks.ts';

type Json = Record<string, unknown>;
interface Parts {
  readonly lock: Json;
  readonly environment: Json;
  readonly repository: Json;
  readonly minirootfs: Json;
  readonly musl: Json;
}

/** The sample's JSON with one thing changed. */
function tampered(change: (parts: Parts) => void): string {
  const lock = JSON.parse(formatLock(sampleLock())) as Json;
  const [environment] = lock['environments'] as Json[];
  const [repository] = environment!['repositories'] as Json[];
  const [musl] = environment!['packages'] as Json[];
  change({
    lock,
    environment: environment!,
    repository: repository!,
    minirootfs: environment!['minirootfs'] as Json,
    musl: musl!,
  });
  return JSON.stringify(lock);
}

const refusal = (text: string): { code: string; message: string } => {
  try {
    parseLock(text);
  } catch (error) {
    if (isAlprootError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'accepted', message: '' };
};

describe('a lock that somebody tampered with', () => {
  it('is accepted when nothing was changed', () => {
    expect(refusal(tampered(() => undefined)).code).toBe('accepted');
  });

  it.each<[string, (parts: Parts) => void, string]>([
    ['a package without hash', ({ musl }) => void delete musl['sha256'], 'packages[0].sha256'],
    ['a hash that is cut', ({ musl }) => void (musl['sha256'] = 'ab'), 'packages[0].sha256'],
    ['an upper-case hash', ({ musl }) => void (musl['sha256'] = 'A'.repeat(64)), 'packages[0].sha256'],
    ['a hash that is a path', ({ musl }) => void (musl['sha256'] = '../../etc/passwd'), 'packages[0].sha256'],
    ['no checksum of apk', ({ musl }) => void delete musl['checksum'], 'packages[0].checksum'],
    ['a false checksum', ({ musl }) => void (musl['checksum'] = 'Q1x'), 'packages[0].checksum'],
    ['a climbing name', ({ musl }) => void (musl['name'] = '../x'), 'packages[0].name'],
    ['a name that is an option', ({ musl }) => void (musl['name'] = '-rf'), 'packages[0].name'],
    ['a climbing version', ({ musl }) => void (musl['version'] = '1/../../x'), 'packages[0].version'],
    ['a foreign architecture', ({ musl }) => void (musl['arch'] = 'aarch64'), 'packages[0].arch'],
    ['a negative size', ({ musl }) => void (musl['size'] = -1), 'packages[0].size'],
    ['a size that is text', ({ musl }) => void (musl['size'] = '12'), 'packages[0].size'],
    ['a size beyond the cap', ({ musl }) => void (musl['size'] = 2 ** 50), 'packages[0].size'],
    [
      'a repository that is not listed',
      ({ musl }) => void (musl['repository'] = 'v3.19/community'),
      'packages[0].repository',
    ],
    [
      'a file: repository',
      ({ repository }) => void (repository['location'] = 'file:///etc'),
      'repositories[0].location',
    ],
    [
      'an http: repository',
      ({ repository }) => void (repository['location'] = 'http://example.org/main'),
      'repositories[0].location',
    ],
    [
      'a repository with a password',
      ({ repository }) => void (repository['location'] = 'https://u:p@example.org/main'),
      'repositories[0].location',
    ],
    [
      'a climbing repository',
      ({ repository }) => void (repository['location'] = 'https://example.org/../x'),
      'repositories[0].location',
    ],
    ['an absolute repository', ({ repository }) => void (repository['location'] = '/etc'), 'repositories[0].location'],
    ['an index without hash', ({ repository }) => void delete repository['sha256'], 'repositories[0].sha256'],
    [
      'a minirootfs with a path',
      ({ minirootfs }) => void (minirootfs['file'] = '../alpine-minirootfs-3.19.4-x86_64.tar.gz'),
      'minirootfs.file',
    ],
    [
      'a minirootfs for another machine',
      ({ minirootfs }) => void (minirootfs['file'] = 'alpine-minirootfs-3.19.4-aarch64.tar.gz'),
      'minirootfs.file',
    ],
    ['a minirootfs without SHA-512', ({ minirootfs }) => void delete minirootfs['sha512'], 'minirootfs.sha512'],
    ['a release that is a path', ({ environment }) => void (environment['release'] = '../x'), 'release'],
    ['an unknown architecture', ({ environment }) => void (environment['arch'] = 'pdp11'), 'arch'],
    ['an extra key', ({ musl }) => void (musl['postinstall'] = 'rm -rf /'), 'postinstall'],
    ['a request with a line break', ({ lock }) => void (lock['requests'] = ['a\nb']), 'requests[0]'],
    [
      'a terminal escape in a description',
      ({ musl }) => void (musl['description'] = '\u001b[2J'),
      'packages[0].description',
    ],
    [
      'the same package twice',
      ({ environment, musl }) => void (environment['packages'] = [musl, musl]),
      'there twice',
    ],
    ['packages that are not a list', ({ environment }) => void (environment['packages'] = {}), 'packages'],
    ['a dependency that is none', ({ musl }) => void (musl['depends'] = ['a=']), 'packages[0].depends[0]'],
  ])('is refused for %s', (_what, change, field) => {
    const { code, message } = refusal(tampered(change));
    expect(code).toBe('ALP_FORMAT_LOCK');
    expect(message).toContain(field);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('is refused for the key %s, and no prototype changes', (key) => {
    const text = formatLock(sampleLock()).replace('"lockfile": 1', `"lockfile": 1, "${key}": {"polluted": true}`);
    expect(refusal(text).code).toBe('ALP_FORMAT_LOCK');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('shows the line where a merge was left unfinished', () => {
    const lines = formatLock(sampleLock()).split('\n');
    lines.splice(4, 0, '<<<<<<< HEAD');
    expect(refusal(lines.join('\n'))).toEqual({
      code: 'ALP_FORMAT_LOCK',
      message: 'alproot.lock, line 5: marks of an unfinished merge',
    });
  });

  it.each(['', '[]', 'null', '1', '"x"', '{', '{"lockfile":"1"}', '{"lockfile":0}', '\0'])(
    'is refused when it is %j',
    (text) => {
      expect(refusal(text).code).toBe('ALP_FORMAT_LOCK');
    },
  );

  it('is refused at any cut, and never with an error of ours', () => {
    const text = formatLock(sampleLock());
    for (let at = 0; at < text.length - 2; at += 7) expect(refusal(text.slice(0, at)).code).toBe('ALP_FORMAT_LOCK');
  });

  it('does not print what it was given raw', () => {
    expect(refusal(tampered(({ musl }) => void (musl['\u001b]0;x\u0007'] = 1))).message).not.toMatch(
      /[\u0000-\u001f]/,
    );
  });
});
