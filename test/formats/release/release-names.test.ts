import { describe, expect, it } from 'vitest';
import {
  branchOf,
  compareBranches,
  isPointRelease,
  parseMinirootfsName,
} from '../../../src/formats/release/release-names.ts';
import { parsePlainList } from '../../../src/formats/yaml/plain-yaml.ts';
import { parseLatestReleases } from '../../../src/formats/release/release-list.ts';

describe('latest-releases.yaml', () => {
  const entry = (flavor: string, file: string): string => `-\n  title: "x"\n  flavor: ${flavor}\n  file: ${file}\n`;

  it('proposes the minirootfs of the architecture and passes over other flavors', async () => {
    const other = entry('alpine-standard', 'alpine-standard-3.19.4-x86_64.iso');
    const text = `---\n${other}${entry('alpine-minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz')}`;
    expect(await parseLatestReleases(text, 'x86_64')).toEqual({
      file: 'alpine-minirootfs-3.19.4-x86_64.tar.gz',
      version: '3.19.4',
      arch: 'x86_64',
    });
    expect(await parseLatestReleases(text, 'aarch64')).toBeUndefined();
  });

  it('never hands on a file name that is a path', async () => {
    expect(
      await parseLatestReleases(
        entry('alpine-minirootfs', '../../etc/alpine-minirootfs-3.19.4-x86_64.tar.gz'),
        'x86_64',
      ),
    ).toBeUndefined();
    expect(parseMinirootfsName('alpine-minirootfs-3.19.4-x86_64.tar.gz/../x')).toBeUndefined();
  });

  it('refuses text that is not a list', async () => {
    await expect(parseLatestReleases('<html></html>', 'x86_64')).rejects.toEqual(
      expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }),
    );
    await expect(parseLatestReleases('a: [', 'x86_64')).rejects.toEqual(
      expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }),
    );
  });

  it('is read in any other spelling of YAML too, to the same end', async () => {
    const file = 'alpine-minirootfs-3.19.4-x86_64.tar.gz';
    const usual = [
      '---\n-\n  title: "Mini root filesystem"\n  desc: |\n    file: x\n\n    two: lines\n  branch: v3.19\n',
      `  flavor: alpine-minirootfs\n  file: ${file}\n  time: "19:45:03"\n  size: 5290543\n`,
    ].join('');
    const others = [
      `[{flavor: alpine-minirootfs, file: ${file}}]`,
      `- flavor: 'alpine-minirootfs'\n  file: "${file}"\n`,
      usual.replace('title: "Mini root', 'title: "Mini \\n root'),
      usual.replace('branch: v3.19', '# a note\n  branch: &x v3.19'),
    ];
    for (const text of [usual, ...others]) expect((await parseLatestReleases(text, 'x86_64'))?.file).toBe(file);
    expect(parsePlainList(usual)).toEqual([{ branch: 'v3.19', flavor: 'alpine-minirootfs', file }]);
    for (const text of [
      ...others,
      usual.replace('branch:', 'flavor: yes\n  branch:'),
      `${usual}  file: ${file}\n`,
      usual.replace('"19:45:03"', '"19'),
      usual.replace('v3.19', '*x'),
      '',
      '---\n',
    ])
      expect(parsePlainList(text)).toBeUndefined();
  });

  it('accepts dated snapshots of edge', () => {
    expect(parseMinirootfsName('alpine-minirootfs-20240329-aarch64.tar.gz')?.version).toBe('20240329');
  });
});

describe('branches', () => {
  it('are named after the first two numbers', () => {
    expect([branchOf('3.19'), branchOf('3.19.4'), branchOf('edge'), branchOf('3')]).toEqual([
      'v3.19',
      'v3.19',
      'edge',
      'v3',
    ]);
    expect([isPointRelease('3.19.4'), isPointRelease('3.19'), isPointRelease('edge')]).toEqual([true, false, false]);
  });

  it('are ordered by number, not by text', () => {
    expect(['v3.10', 'v3.9', 'v3.19'].sort(compareBranches)).toEqual(['v3.9', 'v3.10', 'v3.19']);
  });
});
