import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { formatLock, type Lock, type LockedEnvironment } from '../../src/formats/lock/lockfile.ts';
import { requireNoDrift, isSameLock, lockPathIn, readLock, writeLock } from '../../src/ship/lock-file.ts';
import { diffLocks, formatLockDiff } from '../../src/ship/lock-diff.ts';
import { lockedPackage, sampleLock } from '../helpers/locks.ts';

let directory: HostPath;
beforeEach(() => void (directory = hostPath(mkdtempSync(join(tmpdir(), 'alproot-lock-')))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const changed = (change: Partial<LockedEnvironment>): Lock => {
  const lock = sampleLock();
  return { ...lock, environments: [{ ...lock.environments[0]!, ...change }] };
};

describe('a lock', () => {
  it('says the same after it was written and read', () => {
    expect(parseLock(formatLock(sampleLock()))).toEqual(sampleLock());
  });

  it('has the same text in whatever order it was put together', () => {
    const other: Lock = { ...sampleLock(), requests: [...sampleLock().requests].reverse() };
    expect(formatLock(other)).toBe(formatLock(sampleLock()));
  });

  it('is found, read and written back unchanged, with any line endings', () => {
    const path = lockPathIn(directory);
    expect(readLock(path)).toBeUndefined();
    expect(writeLock(path, sampleLock())).toBe(true);
    writeFileSync(path, `\ufeff${readFileSync(path, 'utf8').replaceAll('\n', '\r\n')}`);
    expect(isSameLock(readLock(path)!, sampleLock())).toBe(true);
    writeFileSync(path, readFileSync(path, 'utf8').slice(1));
    const before = statSync(path).ino;
    expect(writeLock(path, sampleLock())).toBe(false);
    expect(statSync(path).ino).toBe(before);
  });

  it('of a newer format is refused with advice', () => {
    expect(() => parseLock('{"lockfile":2}')).toThrow(expect.objectContaining({ code: 'ALP_USAGE_VERSION' }));
  });
});

describe('the difference of two locks', () => {
  it('is nothing for equal content', () => {
    expect(diffLocks(sampleLock(), sampleLock())).toEqual([]);
  });

  it('says what moved, what came, what went and why', () => {
    const next = changed({
      packages: [lockedPackage('musl', '1.2.5-r0'), lockedPackage('zlib', '1.3-r0')],
      repositories: [{ ...sampleLock().environments[0]!.repositories[0]!, description: 'v3.19.4-99-gdef' }],
    });
    const text = formatLockDiff(diffLocks(sampleLock(), { ...next, requests: ['FROM alpine:3.19', 'zlib'] }));
    expect(text.replace(/sha256 [0-9a-f]{12}/g, 'sha256 …')).toBe(
      [
        '  - request musl-dev asked for',
        '  + request zlib asked for',
        '  ~ index v3.19/main v3.19.4-12-gabc (sha256 …) -> v3.19.4-99-gdef (sha256 …)',
        '  ~ package musl 1.2.4-r2 -> 1.2.5-r0: needed by musl-dev',
        '  - package musl-dev 1.2.4-r2: was needed by world',
        '  + package zlib 1.3-r0: needed by world',
      ].join('\n'),
    );
  });

  it('tells a package that was rebuilt under the same version', () => {
    const { packages } = sampleLock().environments[0]!;
    const [change] = diffLocks(
      sampleLock(),
      changed({ packages: [{ ...packages[0]!, sha256: packages[1]!.sha256 }, packages[1]!] }),
    );
    expect(change).toMatchObject({ kind: 'package', name: 'musl', why: 'the same version, rebuilt' });
  });

  it('is what a drift error shows', () => {
    const wanted = changed({ packages: [] });
    expect(() => requireNoDrift({ path: lockPathIn(directory), lock: sampleLock(), wanted })).toThrow(
      expect.objectContaining({ code: 'ALP_STALE_LOCK', message: expect.stringContaining('- package musl 1.2.4-r2') }),
    );
    expect(() =>
      requireNoDrift({ path: lockPathIn(directory), lock: sampleLock(), wanted: sampleLock() }),
    ).not.toThrow();
  });
});
