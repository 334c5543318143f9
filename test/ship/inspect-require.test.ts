import { describe, expect, it } from 'vitest';
import { inspectElf } from '../../src/ship/inspect-report.ts';
import { parseSize, requireElf } from '../../src/ship/inspect-require.ts';
import { formatReport, formatReportJson } from '../../src/ship/inspect-text.ts';
import { makeElf } from '../helpers/make-elf.ts';

const STATIC = inspectElf(makeElf());
const DYNAMIC = inspectElf(
  makeElf({
    interpreter: '/lib/ld-linux-aarch64.so.1',
    machine: 183,
    dynamic: [
      [1, 'libssl.so.3'],
      [1, 'libc.so.6'],
      [29, '/opt/lib'],
    ],
  }),
);

it('what is met is not mentioned', () => {
  expect(
    requireElf(STATIC, 'static,stripped,no-debug,no-rpath,no-textrel,no-paths,unpacked,max-size=1K,machine=x86_64'),
  ).toEqual([]);
  expect(requireElf(STATIC, '')).toEqual([]);
});

it('each failure names the demand and what was found instead, in the order asked', () => {
  expect(requireElf(DYNAMIC, 'max-size=0.1K, static,musl,machine=x86_64,no-rpath')).toEqual([
    { requirement: 'max-size=0.1K', reason: `${DYNAMIC.sizeBytes} bytes` },
    {
      requirement: 'static',
      reason: 'needs libssl.so.3, libc.so.6 and asks for the interpreter /lib/ld-linux-aarch64.so.1',
    },
    { requirement: 'musl', reason: 'built with glibc (interpreter /lib/ld-linux-aarch64.so.1; needs libc.so.6)' },
    { requirement: 'machine=x86_64', reason: 'built for aarch64' },
    { requirement: 'no-rpath', reason: 'library search path /opt/lib' },
  ]);
});

it('an unknown libc does not pass for musl', () => {
  expect(requireElf(STATIC, 'musl')).toEqual([
    { requirement: 'musl', reason: 'nothing says which libc it was built with' },
  ]);
});

it('a packed file does not pass for static', () => {
  const packed = inspectElf(makeElf({ afterHeaders: Buffer.from('\0\0\0\0UPX!\0\0\0\0\0\0\0\0\0\0\0\0', 'latin1') }));
  expect(requireElf(packed, 'static,unpacked').map(({ requirement }) => requirement)).toEqual(['static', 'unpacked']);
});

describe('usage', () => {
  it.each([
    'statik',
    'static=1',
    'max-size',
    'constructor',
    '__proto__',
    'max-size=big',
    'max-size=-1',
    'max-glibc=new',
  ])('refuses %s', (list) => {
    expect(() => requireElf(DYNAMIC, list)).toThrow(expect.objectContaining({ code: 'ALP_USAGE_OPTION' }));
  });

  it.each([
    ['0', 0],
    ['17', 17],
    ['512K', 524_288],
    ['1M', 1_048_576],
    ['1.5m', 1_572_864],
    ['2MiB', 2_097_152],
    ['1GB', 1_073_741_824],
  ])('reads %s as %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

it('names from a hostile file cannot write to the terminal', () => {
  const report = inspectElf(makeElf({ interpreter: '/lib/\x1b[2Jx', dynamic: [[1, 'a\x07\nb.so']] }));
  const lines = formatReport(report);
  expect(lines).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  expect(lines).toContain('needs       a\\x07\\x0ab.so');
  expect(requireElf(report, 'static')[0]?.reason).not.toMatch(/[\x00-\x1f]/);
});

it('JSON holds every fact, absent ones as null', () => {
  const parsed = JSON.parse(formatReportJson(STATIC)) as Record<string, unknown>;
  expect(parsed).toMatchObject({
    linkage: 'static',
    interpreter: null,
    buildId: null,
    needed: [],
    libc: { name: 'unknown', evidence: [] },
  });
});
