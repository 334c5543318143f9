import { describe, expect, it } from 'vitest';
import {
  formatRepositories,
  indexLocation,
  packageLocation,
  parseRepositories,
  repositoryFiles,
} from '../../../src/formats/release/repositories-file.ts';

const context = { file: 'etc/apk/repositories', arch: 'x86_64' } as const;
const parse = (text: string): ReturnType<typeof parseRepositories> => parseRepositories(text, context);

describe('repositories file', () => {
  it('reads URLs, tags, local paths and comments in order', () => {
    expect(
      parse(
        '# main\nhttps://h/alpine/v3.19/main/\n\n@edge https://h/alpine/edge/main\n' +
          '  /media/cdrom/apks\r\n#@x https://h/x\n',
      ),
    ).toEqual([
      { location: 'https://h/alpine/v3.19/main', layout: 'v2' },
      { location: 'https://h/alpine/edge/main', layout: 'v2', tag: 'edge' },
      { location: '/media/cdrom/apks', layout: 'v2' },
    ]);
  });

  it('reads apk 3 keywords, components and variables', () => {
    expect(
      parse(
        'set mirror=https://h/alpine\nset -default mirror=https://other\n' +
          'v3 ${mirror}/edge main community\nndx @mine https://h/${APK_ARCH}/my.adb\n',
      ),
    ).toEqual([
      { location: 'https://h/alpine/edge/main', layout: 'v3' },
      { location: 'https://h/alpine/edge/community', layout: 'v3' },
      { location: 'https://h/x86_64/my.adb', layout: 'ndx', tag: 'mine' },
    ]);
  });

  it('takes a URL that ends like an index for one', () => {
    expect(parse('https://h/own/APKINDEX.tar.gz')[0]?.layout).toBe('ndx');
  });

  it('names file and line of what it cannot read', () => {
    for (const line of [
      'main',
      'v4 https://h',
      'v2',
      '@ https://h',
      '@edge',
      'set 1=2',
      'set APK_ARCH=x',
      'https://${nothing}/x',
      'v2 relative/path',
    ]) {
      expect(() => parse(`#\n${line}`), line).toThrow(
        expect.objectContaining({
          code: 'ALP_FORMAT_TEXT',
          message: expect.stringContaining('etc/apk/repositories:2: '),
        }),
      );
    }
  });

  it('knows where index and packages lie in each layout', () => {
    const record = { name: 'zlib', version: '1.3-r0', arch: 'noarch' };
    const places = parse('https://h/a\nv3 https://h/b\nndx https://h/c/index.adb').map((line) => [
      indexLocation(line, 'x86_64'),
      packageLocation(line, record, 'x86_64'),
    ]);
    expect(places).toEqual([
      ['https://h/a/x86_64/APKINDEX.tar.gz', 'https://h/a/x86_64/zlib-1.3-r0.apk'],
      ['https://h/b/x86_64/Packages.adb', 'https://h/b/noarch/zlib-1.3-r0.apk'],
      ['https://h/c/index.adb', 'https://h/c/zlib-1.3-r0.apk'],
    ]);
  });

  it('writes what it reads', () => {
    const text = 'https://h/a\n@edge https://h/b\nv3 @x https://h/c\nndx https://h/d/list\nhttps://h/e/i.adb\n';
    expect(formatRepositories(parse(text))).toBe(text);
  });

  it('reads the .list files of a directory by name', () => {
    expect(repositoryFiles(['b.list', 'a.list', '.hidden.list', 'readme', 'c.list~'])).toEqual(['a.list', 'b.list']);
  });
});
