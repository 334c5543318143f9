/** The filters of system calls, run instruction by instruction as the kernel runs them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  compileFilter,
  EACCES,
  ENOSYS,
  EPERM,
  formatTables,
  MACHINES,
  readProfile,
  type Instruction,
} from '../../scripts/seccomp-filter.ts';

const profile = readProfile();

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly number[];
}

/** A word of struct seccomp_data, by its offset in bytes; of arguments the lower half. */
function loadedWord(offset: number, { arch, number, args = [] }: Call): number {
  if (offset === 0) return number;
  if (offset === 4) return arch;
  return (offset - 16) % 8 === 0 ? (args[(offset - 16) / 8] ?? 0) : 0;
}

/**
 * What the filter answers: 0 where the call is allowed, else its errno.
 *
 * @see struct seccomp_data of linux/seccomp.h
 */
function answerOf(steps: readonly Instruction[], call: Call): number {
  let at = 0,
    value = 0;
  for (;;) {
    const step = steps[at];
    if (step === undefined) throw new Error(`no instruction ${at}`);
    const { code, jt, jf, k } = step;
    if (code === 0x06) return k === 0x7fff0000 ? 0 : k & 0xffff;
    if (code === 0x20) value = loadedWord(k, call);
    const passes: Readonly<Record<number, boolean>> = {
      0x15: value === k,
      0x25: value > k,
      0x35: value >= k,
      0x45: (value & k) >>> 0 !== 0,
    };
    if (code === 0x05) at += 1 + k;
    else if (code === 0x20) at += 1;
    else at += 1 + (passes[code] === true ? jt : jf);
  }
}

it('the tables that ship are made from the data that is there', () => {
  expect(readFileSync(join(import.meta.dirname, '..', '..', 'src', 'run', 'sandbox', 'filter-tables.h'), 'utf8')).toBe(
    formatTables(profile),
  );
});

const targets = Object.entries(MACHINES).flatMap(([machine, arches]) =>
  Object.entries(arches).map(([name, arch]) => ({ machine: machine as keyof typeof MACHINES, name, arch })),
);

describe.each(targets)('on $machine, for programs of $name', ({ machine, name, arch }) => {
  const calls = compileFilter(profile, machine, 'calls');
  const network = compileFilter(profile, machine, 'network');
  const numberOf = (call: string): number => profile.examined[call]?.[name] ?? Number.NaN;
  const refused = new Set(
    profile.refused.flatMap(({ calls: group }) => Object.values(group).flatMap((numbers) => numbers[name] ?? [])),
  );
  const examined = new Set(Object.values(profile.examined).flatMap((numbers) => numbers[name] ?? []));

  it('refuses what is listed, allows every other number up to the last, and has no call beyond', () => {
    for (let number = 0; number <= profile.last; number++) {
      if (!examined.has(number))
        expect([number, answerOf(calls, { arch, number })]).toEqual([number, refused.has(number) ? EPERM : 0]);
    }
    expect(answerOf(calls, { arch, number: profile.last + 1 })).toBe(ENOSYS);
    expect(answerOf(calls, { arch, number: 0x40000000 + 41 })).toBe(name === 'armv7' ? 0 : ENOSYS);
  });

  it('lets processes be made, and no namespaces', () => {
    expect(answerOf(calls, { arch, number: numberOf('clone'), args: [0x11] })).toBe(0);
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(answerOf(calls, { arch, number: numberOf('clone'), args: [0x11 | flag] })).toBe(EPERM);
    }
    expect(answerOf(calls, { arch, number: numberOf('clone3') })).toBe(ENOSYS);
  });

  it('lets nobody type into a terminal', () => {
    expect(
      [0x5401, 0x5412, 0x541c].map((request) =>
        answerOf(calls, { arch, number: numberOf('ioctl'), args: [3, request] }),
      ),
    ).toEqual([0, EPERM, EPERM]);
  });

  it('knows the families of sockets that docker allows', () => {
    const ofFamily = (family: number): number => answerOf(calls, { arch, number: numberOf('socket'), args: [family] });
    expect([1, 2, 10, 16, 17].map(ofFamily)).toEqual([0, 0, 0, 0, 0]);
    expect([12, 38, 40].map(ofFamily)).toEqual([EPERM, EPERM, EPERM]);
  });

  it('leaves AF_UNIX alone where the network is cut', () => {
    const ofFamily = (family: number): number =>
      answerOf(network, { arch, number: numberOf('socket'), args: [family] });
    expect([1, 2, 10, 16].map(ofFamily)).toEqual([0, EACCES, EACCES, EACCES]);
    if (!Number.isNaN(numberOf('socketcall')))
      expect(answerOf(network, { arch, number: numberOf('socketcall') })).toBe(ENOSYS);
    expect(answerOf(network, { arch, number: 0 })).toBe(0);
  });

  it('has no calls for programs of a machine that the kernel is not known to run', () => {
    expect([calls, network].map((steps) => answerOf(steps, { arch: 0x16, number: 0 }))).toEqual([ENOSYS, ENOSYS]);
  });
});
