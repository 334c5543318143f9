/** A few of the faults of `npm run torture`, at fixed places, so that each kind is tried on each change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import {
  type Bench,
  damagedStore,
  type Fault,
  failSyscall,
  killAtSyscall,
  limited,
  makeFaultBench,
  manyAtOnce,
  type Operation,
  OPERATIONS,
  type Outcome,
  signalAfter,
  smallDisk,
  tryFault,
} from '../helpers/faults.ts';
import { enter } from '../helpers/ledger.ts';

const needs = capability('upstream', 'bwrap');
const traced = capability('upstream', 'bwrap', 'strace');
const isRoot = process.getuid?.() === 0;
let bench: Bench;
beforeAll(async () => {
  if (!needs.skip) bench = await makeFaultBench();
});
afterAll(() => {
  if (!needs.skip) bench.close();
});

const [create, build] = ['rootfs create', 'build'].map(
  (wanted) => OPERATIONS.find(({ name }) => name === wanted) as Operation,
) as [Operation, Operation];

async function recovers(operation: Operation, fault: Fault): Promise<Outcome> {
  const { wrong, ...outcome } = await tryFault(bench, operation, fault);
  enter({ kind: 'fault', area: fault.kind, ok: wrong.length === 0 });
  expect(wrong, `${operation.name}: ${fault.kind} (${fault.what})`).toEqual([]);
  return { wrong, ...outcome };
}

describe.skipIf(traced.skip)(`system calls${traced.reason}`, () => {
  it.each([
    ['openat', 90],
    ['write', 40],
    ['fsync', 2],
    ['rename', 2],
    ['mkdir', 9],
    ['symlink', 20],
    ['fchmod', 5],
    ['unlink', 2],
  ] as const)(
    'a kill at %s number %i is recovered from',
    async (name, at) => void (await recovers(create, killAtSyscall(name, at))),
  );
  it.each([
    ['write', 60, 'ENOSPC'],
    ['openat', 120, 'EIO'],
    ['mkdir', 9, 'EMFILE'],
    ['rename', 1, 'EIO'],
    ['fsync', 1, 'EIO'],
    ['unlink', 9, 'ENOSPC'],
  ] as const)(
    '%s number %i that fails with %s is said and recovered from',
    async (name, at, error) => void (await recovers(create, failSyscall(name, at, error))),
  );
});

describe.skipIf(needs.skip)(`processes and disks${needs.reason}`, () => {
  it.each([0.2, 0.5, 0.7, 0.9])(
    'a build that is interrupted at %d of its time leaves nothing half-made, and goes on',
    async (part) =>
      void (await recovers(build, signalAfter(part * (bench.wanted.get('build')?.durationMs ?? 0), 'SIGINT'))),
  );
  it.skipIf(!isRoot).each([500, 6_000, 14_000])(
    'a disk of %i KiB that is full is said and recovered from',
    async (kib) => void (await recovers(create, smallDisk(kib))),
  );
  it.each(['-v 700000', '-v 1000000', '-v 1300000', '-f 8', '-f 4000', '-n 40'])(
    'a build under ulimit %s ends whole, or is said and recovered from',
    async (limit) => void (await recovers(build, limited(limit))),
  );
  it.each([create, build])('$name works in 4 GB of address space', async (operation) => {
    expect(await recovers(operation, limited('-v 4000000'))).toMatchObject({ undisturbed: true });
  });
  it.each(['cut', 'flip', 'empty', 'gone'] as const)(
    'a file of the store that is %s is found and made again',
    async (how) =>
      void (await recovers(
        create,
        damagedStore(() => 0, how),
      )),
  );
  it('eight processes that want the same get the same, with a clean-up beside them', async () => {
    const wrong = await manyAtOnce(bench, build, 8);
    enter({ kind: 'fault', area: 'many at once', ok: wrong.length === 0, count: 9 });
    expect(wrong).toEqual([]);
  });
});
