import { describe, expect, it } from 'vitest';
import { branchOf, compareBranches, isPointRelease, parseMinirootfsName } from '../../src/formats/releases.ts';
import { parseLatestReleases } from '../../src/formats/release-list.ts';

describe('latest-releases.yaml', () => {
  const entry = (flavor: string, file: string): string => `-\n  title: "x"\n  flavor: ${flavor}\n  file: ${file}\n`;

  it('proposes the minirootfs of the architecture and passes over other flavors', () => {
    const text = `---\n${entry('alpine-standard', 'alpine-standard-3.19.4-x86_64.iso')}${entry('alpine-minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz')}`;
    expect(parseLatestReleases(text, 'x86_64')).toEqual({ file: 'alpine-minirootfs-3.19.4-x86_64.tar.gz', version: '3.19.4', arch: 'x86_64' });
    expect(parseLatestReleases(text, 'aarch64')).toBeUndefined();
  });

  it('never hands on a file name that is a path', () => {
    expect(parseLatestReleases(entry('alpine-minirootfs', '../../etc/alpine-minirootfs-3.19.4-x86_64.tar.gz'), 'x86_64')).toBeUndefined();
    expect(parseMinirootfsName('alpine-minirootfs-3.19.4-x86_64.tar.gz/../x')).toBeUndefined();
  });

  it('refuses text that is no list', () => {
    expect(() => parseLatestReleases('<html></html>', 'x86_64')).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }));
    expect(() => parseLatestReleases('a: [', 'x86_64')).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TEXT' }));
  });

  it('accepts dated snapshots of edge', () => {
    expect(parseMinirootfsName('alpine-minirootfs-20240329-aarch64.tar.gz')?.version).toBe('20240329');
  });
});

describe('branches', () => {
  it('are named after the first two numbers', () => {
    expect([branchOf('3.19'), branchOf('3.19.4'), branchOf('edge'), branchOf('3')]).toEqual(['v3.19', 'v3.19', 'edge', 'v3']);
    expect([isPointRelease('3.19.4'), isPointRelease('3.19'), isPointRelease('edge')]).toEqual([true, false, false]);
  });

  it('are ordered by number, not by text', () => {
    expect(['v3.10', 'v3.9', 'v3.19'].sort(compareBranches)).toEqual(['v3.9', 'v3.10', 'v3.19']);
  });
});
