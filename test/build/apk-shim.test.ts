import { describe, expect, it } from 'vitest';
import { intentOf } from '../../src/build/apk-shim.ts';

describe('a call of apk', () => {
  it('looks at the tree, asks what there is, or changes something', () => {
    const intent = (line: string): string => intentOf(line === '' ? [] : line.split(' '));
    for (const line of [
      '',
      'info -e x',
      '--root /x info',
      '-q info',
      '--version',
      '--no-cache --print-arch',
      'verify x.apk',
    ])
      expect(intent(line), line).toBe('look');
    for (const line of [
      'search info',
      '-X https://x policy y',
      'list -I',
      'audit --system',
      'fetch -R x',
      'cache clean',
      'version -t 1 2',
    ])
      expect(intent(line), line).toBe('ask');
    for (const line of ['add info', '--no-cache add search', '-t info add x', 'del list', 'update', 'frobnicate'])
      expect(intent(line), line).toBe('change');
  });
});
