import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { compareVersions, isValidVersion, versionMatches } from '../../../src/formats/apk/package-version.ts';

const version = fc
  .tuple(
    fc.array(fc.nat({ max: 120 }), { minLength: 1, maxLength: 4 }),
    fc.option(fc.constantFrom('a', 'b', 'z'), { nil: '' }),
    fc.option(
      fc
        .tuple(
          fc.constantFrom('alpha', 'beta', 'pre', 'rc', 'cvs', 'svn', 'git', 'hg', 'p'),
          fc.option(fc.nat({ max: 9 }), { nil: '' }),
        )
        .map((part) => `_${part.join('')}`),
      { nil: '' },
    ),
    fc.option(
      fc.nat({ max: 20 }).map((n) => `-r${n}`),
      { nil: '' },
    ),
  )
  .map(([numbers, letter, suffix, revision]) => `${numbers.join('.')}${letter}${suffix}${revision}`);

describe('version order', () => {
  it('puts pre-releases before and post-releases after the plain version', () => {
    const sorted = [
      '1_alpha',
      '1_alpha2',
      '1_beta',
      '1_rc1',
      '1',
      '1-r1',
      '1_cvs',
      '1_git',
      '1_p',
      '1_p2',
      '1a',
      '1.0',
      '1.1',
      '2',
    ];
    const shuffled = [...sorted].reverse().sort(compareVersions);
    expect(shuffled).toEqual(sorted);
  });

  it('counts the first component as a number and later ones with a leading zero as text', () => {
    expect(compareVersions('010', '9')).toBe(1);
    expect(compareVersions('1.010', '1.1')).toBe(-1);
    expect(compareVersions('1.0', '1.00')).toBe(-1);
  });

  it('compares numbers beyond a double exactly', () => {
    expect(compareVersions('20240101000000000001', '20240101000000000002')).not.toBe(0);
    expect(compareVersions('9007199254740993', '9007199254740992')).toBe(1);
  });

  it('is a total order on valid versions', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(compareVersions(a, b)).toBe(0 - compareVersions(b, a));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('calls every version of the grammar valid and refuses what follows it', () => {
    fc.assert(
      fc.property(version, (text) => {
        expect(isValidVersion(text)).toBe(true);
        expect(isValidVersion(`${text}!`)).toBe(false);
      }),
    );
    for (const bad of ['', 'a', '1.', '.1', '1-r', '1_', '1_foo', '1~', '1~xyz', '1bc', '1-r1_p', '1 '])
      expect(isValidVersion(bad), bad).toBe(false);
  });
});

describe('version demands', () => {
  it('takes a fuzzy operator as the beginning of a version', () => {
    expect(versionMatches('3.6.9-r1', '~', '3.6')).toBe(true);
    expect(versionMatches('3.60', '~', '3.6')).toBe(false);
    expect(versionMatches('3.6.9', '>~', '3.6')).toBe(true);
    expect(versionMatches('3.7', '<~', '3.6')).toBe(false);
  });

  it('holds for exactly one of less, equal and greater', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const held = (['<', '=', '>'] as const).filter((op) => versionMatches(a, op, b));
        expect(held).toHaveLength(1);
        expect(versionMatches(a, '<=', b)).toBe(held[0] !== '>');
        expect(versionMatches(a, '>=', b)).toBe(held[0] !== '<');
      }),
    );
  });
});
