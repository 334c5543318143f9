/**
 * Compiles src/run/sandbox/refused-calls.json into the seccomp filters of src/run/sandbox/filter-tables.h: for each
 * machine one that refuses what docker's default profile refuses, and one that leaves no socket but AF_UNIX.
 *
 * @see https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = join(import.meta.dirname, '..', 'src', 'run', 'sandbox');

/** A machine's own calls, and those of the 32-bit programs that its kernel starts as well; AUDIT_ARCH of each. */
export const MACHINES = {
  x86_64: { x86_64: 0xc000003e, x86: 0x40000003 },
  aarch64: { aarch64: 0xc00000b7, armv7: 0x40000028 },
} as const;

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

type Numbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Profile {
  /** The highest number that the profile knows; the kernel is said not to have what comes after it. */
  readonly last: number;
  readonly refused: readonly { readonly calls: Numbers }[];
  readonly examined: Numbers;
}

const LOAD = 0x20,
  JUMP = 0x05,
  EQUAL = 0x15,
  ABOVE = 0x25,
  AT_LEAST = 0x35,
  ANY_BIT = 0x45,
  RETURN = 0x06;
const NUMBER = 0,
  ARCH = 4,
  argument = (index: number): number => 16 + 8 * index;
const ALLOW = 0x7fff0000,
  ERRNO = 0x00050000;
export const EPERM = 1,
  EACCES = 13,
  ENOSYS = 38;

const step = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k });
const answer = (errno: number): Instruction => step(RETURN, errno === 0 ? ALLOW : ERRNO | errno);
/** `then` where the accumulator passes, else what follows. */
const unless = (code: number, k: number, then: Instruction): Instruction[] => [step(code, k, 0, 1), then];

const AF_UNIX = 1;
/** Old, rare or reachable from outside of a network namespace (AF_ALG, AF_VSOCK, …): docker's gaps. */
const ALLOWED_FAMILIES: readonly (readonly [number, number])[] = [
  [0, 11],
  [13, 18],
  [21, 22],
  [24, 24],
  [26, 33],
  [35, 36],
  [39, 39],
  [41, 45],
];
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} */
const NEW_NAMESPACES = 0x7e020000;
/** TIOCSTI and TIOCLINUX type into a terminal. */
const TYPING = [0x5412, 0x541c];

/** What decides about a call whose arguments count. The kernel takes 32 bits of each, so no more is looked at. */
const EXAMINED: Readonly<Record<string, readonly Instruction[]>> = {
  clone: [step(LOAD, argument(0)), ...unless(ANY_BIT, NEW_NAMESPACES, answer(EPERM)), answer(0)],
  clone3: [answer(ENOSYS)],
  ioctl: [step(LOAD, argument(1)), ...TYPING.flatMap((request) => unless(EQUAL, request, answer(EPERM))), answer(0)],
  personality: [
    step(LOAD, argument(0)),
    ...PERSONALITIES.flatMap((wanted) => unless(EQUAL, wanted, answer(0))),
    answer(EPERM),
  ],
  socket: [
    step(LOAD, argument(0)),
    ...ALLOWED_FAMILIES.flatMap(([first, last]) => [step(AT_LEAST, first, 0, 2), step(ABOVE, last, 1, 0), answer(0)]),
    answer(EPERM),
  ],
  socketcall: [answer(0)],
};

const ONLY_UNIX: Readonly<Record<string, readonly Instruction[]>> = {
  socket: [step(LOAD, argument(0)), ...unless(EQUAL, AF_UNIX, answer(0)), answer(EACCES)],
  // Its arguments lie in memory, where a filter cannot look; C libraries then call the others.
  socketcall: [answer(ENOSYS)],
};

interface Range {
  readonly from: number;
  readonly steps: readonly Instruction[];
}

/** A binary search in ranges that are sorted and cover everything from 0. */
function search(ranges: readonly Range[]): Instruction[] {
  const middle = ranges[ranges.length >> 1];
  if (ranges.length < 2 || middle === undefined) return [...(ranges[0]?.steps ?? [answer(0)])];
  const below = search(ranges.slice(0, ranges.length >> 1));
  return [
    step(AT_LEAST, middle.from, 0, 1),
    step(JUMP, below.length),
    ...below,
    ...search(ranges.slice(ranges.length >> 1)),
  ];
}

/** Single calls, and what happens to all between them, as ranges. */
function rangesOf(calls: ReadonlyMap<number, readonly Instruction[]>, rest: Instruction): Range[] {
  const ranges: Range[] = [{ from: 0, steps: [rest] }];
  for (const [number, steps] of [...calls].sort(([a], [b]) => a - b)) {
    if (ranges.at(-1)?.from === number) ranges.pop();
    ranges.push({ from: number, steps }, { from: number + 1, steps: [rest] });
  }
  return ranges.filter(({ steps }, at) => at === 0 || JSON.stringify(steps) !== JSON.stringify(ranges[at - 1]?.steps));
}

function numbersOf(calls: Numbers, machine: string): [string, number][] {
  return Object.entries(calls).flatMap(([name, numbers]) =>
    numbers[machine] === undefined ? [] : [[name, numbers[machine]] as [string, number]],
  );
}

function callsFilter(profile: Profile, machine: string): Instruction[] {
  const refused = profile.refused
    .flatMap(({ calls }) => numbersOf(calls, machine))
    .map(([, number]): [number, Instruction[]] => [number, [answer(EPERM)]]);
  const examined = numbersOf(profile.examined, machine).map(([name, number]): [number, readonly Instruction[]] => [
    number,
    EXAMINED[name] ?? [answer(EPERM)],
  ]);
  const ranges = rangesOf(new Map([...refused, ...examined]), answer(0));
  // Calls of x32 have their numbers beyond the last one; those that are arm's own lie there, too.
  const own = machine === 'armv7' ? [...unless(AT_LEAST, 0xf0000, answer(0))] : [];
  return [step(LOAD, NUMBER), ...own, ...unless(ABOVE, profile.last, answer(ENOSYS)), ...search(ranges)];
}

function networkFilter(profile: Profile, machine: string): Instruction[] {
  const calls = numbersOf(profile.examined, machine).flatMap(([name, number]) =>
    ONLY_UNIX[name] === undefined ? [] : [[number, ONLY_UNIX[name]] as const],
  );
  return [step(LOAD, NUMBER), ...search(rangesOf(new Map(calls), answer(0)))];
}

/** A whole filter: by architecture first; one that the machine is not known to run has no calls at all. */
export function compileFilter(
  profile: Profile,
  machine: keyof typeof MACHINES,
  kind: 'calls' | 'network',
): Instruction[] {
  const parts = Object.entries(MACHINES[machine]).flatMap(([name, arch]) => {
    const steps = kind === 'calls' ? callsFilter(profile, name) : networkFilter(profile, name);
    return [step(EQUAL, arch, 1, 0), step(JUMP, steps.length), ...steps];
  });
  return [step(LOAD, ARCH), ...parts, answer(ENOSYS)];
}

const hex = (value: number): string => (value < 10 ? String(value) : `0x${(value >>> 0).toString(16)}`);

function formatFilter(name: string, steps: readonly Instruction[]): string {
  const words = steps.map(({ code, jt, jf, k }) => `{${hex(code)},${jt},${jf},${hex(k)}}`);
  const rows = Array.from(
    { length: Math.ceil(words.length / 6) },
    (_, row) => `  ${words.slice(row * 6, row * 6 + 6).join(', ')},`,
  );
  return `static const struct filter_step ${name}[] = {\n${rows.join('\n')}\n};`;
}

export const readProfile = (): Profile =>
  JSON.parse(readFileSync(join(DIRECTORY, 'refused-calls.json'), 'utf8')) as Profile;

/** The text of filter-tables.h. */
export function formatTables(profile: Profile): string {
  const [first, second] = (['x86_64', 'aarch64'] as const).map((machine) =>
    (['calls', 'network'] as const)
      .map((kind) => formatFilter(`${kind}_filter`, compileFilter(profile, machine, kind)))
      .join('\n'),
  );
  return [
    '/* Made by scripts/seccomp-filter.ts from refused-calls.json; do not edit. */',
    '#ifndef ALPROOT_FILTER_TABLES_H',
    '#define ALPROOT_FILTER_TABLES_H',
    'struct filter_step { unsigned short code; unsigned char jt, jf; unsigned int k; };',
    '#if defined(__x86_64__)',
    first,
    '#else',
    second,
    '#endif',
    '#endif',
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(join(DIRECTORY, 'filter-tables.h'), formatTables(readProfile()));
