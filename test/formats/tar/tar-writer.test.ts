import { describe, expect, it } from 'vitest';
import { Parser } from 'tar';
import { formatTar, formatTarItem, TAR_END, type TarItem } from '../../../src/formats/tar/tar-writer.ts';
import { createTarReader } from '../../../src/formats/tar/tar-reader.ts';
import type { TarEntry, TarProfile } from '../../../src/formats/tar/tar-entry.ts';

const file = (path: string, text = 'x'): TarItem => ({ kind: 'file', path, mode: 0o644, bytes: Buffer.from(text) });

/** What our strict reader makes of it. */
function read(bytes: Buffer, profile: TarProfile = 'data'): { entry: TarEntry; text: string }[] {
  const found: { entry: TarEntry; text: string }[] = [];
  const reader = createTarReader(
    {
      entry: (entry) => {
        const one = { entry, text: '' };
        found.push(one);
        return { write: (chunk) => void (one.text += Buffer.from(chunk).toString('latin1')), close: () => undefined };
      },
    },
    profile,
  );
  reader.push(bytes);
  reader.finish();
  return found;
}

/** What the tar package makes of it. */
function readElsewhere(bytes: Buffer): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const names: string[] = [];
    const parser = new Parser({ strict: true });
    parser.on('entry', (entry) => {
      names.push(`${entry.type} ${entry.path} ${entry.linkpath ?? ''} ${entry.size}`.trim());
      entry.resume();
    });
    parser.on('end', () => {
      resolve(names);
    });
    parser.on('error', reject);
    parser.end(bytes);
  });
}

describe('the tar writer', () => {
  it('writes all four kinds so that our strict reader gets back what went in', () => {
    const items: TarItem[] = [
      { kind: 'directory', path: 'etc', mode: 0o755 },
      { ...file('etc/shadow', 'root:*:'), mode: 0o640, gid: 42, gname: 'shadow', mtime: 1_700_000_000 },
      { kind: 'symlink', path: 'etc/link', mode: 0o777, target: 'shadow' },
      { kind: 'hardlink', path: 'etc/twin', mode: 0o640, target: 'etc/shadow' },
    ];
    const found = read(formatTar(items));
    expect(found.map(({ entry }) => [entry.kind, entry.path, entry.target, entry.mode])).toEqual([
      ['directory', 'etc', '', 0o755],
      ['file', 'etc/shadow', '', 0o640],
      ['symlink', 'etc/link', 'shadow', 0o777],
      ['hardlink', 'etc/twin', 'etc/shadow', 0o640],
    ]);
    expect(found[1]?.text).toBe('root:*:');
    expect(found[1]?.entry).toMatchObject({ gid: 42, gname: 'shadow', mtime: 1_700_000_000 });
  });

  it.each([99, 100, 101, 155, 156, 254, 255, 256, 600])(
    'keeps a name of %i bytes whole, also for other readers',
    async (length) => {
      const deep = 'd/'
        .repeat(length)
        .slice(0, length - 1)
        .concat('f')
        .replace(/\/\/+/g, '/');
      for (const path of ['n'.repeat(Math.min(length, 255)), deep]) {
        const bytes = formatTar([file(path)]);
        expect(read(bytes).map(({ entry }) => entry.path)).toEqual([path]);
        expect(await readElsewhere(bytes)).toEqual([`File ${path}  1`.replace(/ {2,}/, '  ')]);
      }
    },
  );

  it('keeps a long link target', () => {
    const target = `../${'t'.repeat(180)}`;
    expect(read(formatTar([{ kind: 'symlink', path: 'l', mode: 0o777, target }]))[0]?.entry.target).toBe(target);
  });

  it.each([...Array(15).keys()].map((extra) => 83 + extra))(
    'counts a pax record of about 100 bytes right (value of %i)',
    (length) => {
      const bytes = formatTarItem({ ...file('f'), pax: { comment: 'v'.repeat(length) } }).subarray(512);
      const record = bytes.toString('latin1', 0, bytes.indexOf('\n') + 1);
      expect(Number(/^\d+/.exec(record)?.[0])).toBe(record.length);
    },
  );

  it('gives the same bytes for the same entries and ends with two empty blocks', () => {
    const items = [file('a'), file('b')];
    expect(formatTar(items).equals(formatTar(items))).toBe(true);
    expect(formatTar(items).subarray(-1024).equals(TAR_END)).toBe(true);
    expect(formatTar(items, { end: false })).toHaveLength(2 * 1024);
  });

  it('refuses a name that is not bytes', () => {
    expect(() => formatTarItem(file('é\u0142'))).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TAR' }));
    expect(() => formatTarItem(file('a\0b'))).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TAR' }));
  });
});
