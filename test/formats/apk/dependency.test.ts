import { describe, expect, it } from 'vitest';
import {
  formatDependencies,
  formatDependency,
  formatProvides,
  parseDependencies,
  parseDependency,
  parseProvides,
} from '../../../src/formats/apk/dependency.ts';

describe('dependencies', () => {
  it('reads and writes every operator in its own spelling', () => {
    const text =
      'a b=1 c<2 d>3 e<=4 f>=5 g~6 h<~7 i>~8 !j !k=9 so:libc.musl-x86_64.so.1 cmd:sh=1.36-r0 /bin/sh ' +
      'l><Q1hdUpqRv5mYgJEqW52UmVsvmyysE=';
    expect(formatDependencies(parseDependencies(text))).toBe(text);
  });

  it('reads other spellings of an operator as the same', () => {
    for (const [text, op] of [
      ['a=~1', '~'],
      ['a~=1', '~'],
      ['a~<1', '<~'],
      ['a~>1', '>~'],
      ['a=<1', '<='],
      ['a=>1', '>='],
    ]) {
      expect(parseDependency(text ?? '').op).toBe(op);
    }
  });

  it('keeps a repository pin where one is allowed and refuses it elsewhere', () => {
    const pinned = parseDependency('a@edge>=2', { tag: true });
    expect(pinned).toEqual({ name: 'a', op: '>=', version: '2', conflict: false, tag: 'edge' });
    expect(formatDependency(pinned, { tag: true })).toBe('a@edge>=2');
    expect(formatDependency(pinned)).toBe('a>=2');
    expect(() => parseDependency('a@edge')).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }));
  });

  it('refuses what apk refuses', () => {
    for (const text of ['', '!', '=1', 'a=', 'a=invalid', 'a<', 'a=1=2', '@edge']) {
      expect(() => parseDependency(text, { tag: true }), text).toThrow(
        expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }),
      );
    }
  });

  it('reads provides with and without version', () => {
    const text = 'so:libz.so.1=1.3.1 cmd:minigzip virtual=2-r0';
    expect(formatProvides(parseProvides(text))).toBe(text);
    expect(parseProvides('/bin/sh')).toEqual([{ name: '/bin/sh', version: '' }]);
  });
});
