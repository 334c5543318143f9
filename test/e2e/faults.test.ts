/** A few of the faults of `npm run torture`, at fixed places, so that each kind is tried on each change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { type Bench, damagedStore, type Fault, failSyscall, killAtSyscall, makeFaultBench, manyAtOnce, type Operation, OPERATIONS, signalAfter, smallDisk, tryFault } from '../helpers/faults.ts';
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

const [create, build] = ['rootfs create', 'build'].map((wanted) => OPERATIONS.find(({ name }) => name === wanted) as Operation) as [Operation, Operation];

async function recovers(operation: Operation, fault: Fault): Promise<void> {
  const { wrong } = await tryFault(bench, operation, fault);
  enter({ kind: 'fault', area: fault.kind, ok: wrong.length === 0 });
  expect(wrong, `${operation.name}: ${fault.kind} (${fault.what})`).toEqual([]);
}

describe.skipIf(traced.skip)(`system calls${traced.reason}`, () => {
  it.each([['openat', 90], ['write', 40], ['fsync', 2], ['rename', 2], ['mkdir', 9], ['symlink', 20], ['fchmod', 5], ['unlink', 2]] as const)('a kill at %s number %i is recovered from', (name, at) => recovers(create, killAtSyscall(name, at)));
  it.each([['write', 60, 'ENOSPC'], ['openat', 120, 'EIO'], ['mkdir', 9, 'EMFILE'], ['rename', 1, 'EIO'], ['fsync', 1, 'EIO'], ['unlink', 9, 'ENOSPC']] as const)('%s number %i that fails with %s is said and recovered from', (name, at, error) => recovers(create, failSyscall(name, at, error)));
});

describe.skipIf(needs.skip)(`processes and disks${needs.reason}`, () => {
  it.each([0.2, 0.5, 0.7, 0.9])('a build that is interrupted at %d of its time leaves nothing half-made, and goes on', (part) => recovers(build, signalAfter(part * (bench.wanted.get('build')?.durationMs ?? 0), 'SIGINT')));
  it.skipIf(!isRoot).each([500, 6_000, 14_000])('a disk of %i KiB that is full is said and recovered from', (kib) => recovers(create, smallDisk(kib)));
  it.each(['cut', 'flip', 'empty', 'gone'] as const)('a file of the store that is %s is found and made again', (how) => recovers(create, damagedStore(() => 0, how)));
  it('eight processes that want the same get the same, with a clean-up beside them', async () => {
    const wrong = await manyAtOnce(bench, build, 8);
    enter({ kind: 'fault', area: 'many at once', ok: wrong.length === 0, count: 9 });
    expect(wrong).toEqual([]);
  });
});
