import { describe, expect, it } from 'vitest';
import { formatWorld, parseWorld } from '../../../src/formats/apk/world-file.ts';

describe('world', () => {
  it('is written sorted without regard to case, one a line', () => {
    expect(formatWorld(parseWorld('zlib\nBusybox a-b a.b\nab@edge~1 !mdev\n'))).toBe(
      'a-b\na.b\nab@edge~1\nBusybox\n!mdev\nzlib\n',
    );
  });

  it('is a single newline when empty', () => {
    expect(formatWorld(parseWorld(''))).toBe('\n');
  });

  it('keeps a line whose version apk cannot compare and refuses a word that is not a dependency', () => {
    expect(formatWorld(parseWorld('a=what'))).toBe('a=what\n');
    expect(() => parseWorld('a=')).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }));
  });
});
