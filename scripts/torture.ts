/**
 * `npm run torture -- [--minutes N] [--seed S] [--only WORD]`: faults at random, one after the other, until the time
 * is over. Prints the seed first, each thing that did not hold, and a table; ends with 1 when anything did not hold.
 */
import { parseArgs } from 'node:util';
import { formatLedger } from './ledger.ts';
import { capability } from '../test/helpers/capabilities.ts';
import { countSyscalls, damagedStore, type Fault, failSyscall, killAtSyscall, makeFaultBench, manyAtOnce, type Operation, OPERATIONS, signalAfter, smallDisk, SYSCALLS, tryFault } from '../test/helpers/faults.ts';
import type { LedgerRow } from '../test/helpers/ledger.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' }, seed: { type: 'string' }, only: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const ERRORS = ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EACCES', 'EINTR', 'ENOMEM', 'ELOOP'];

/** A small generator of 32 bits (mulberry32), so that a seed tells the whole run. */
function generator(start: number): (count: number) => number {
  let state = start | 0;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  };
}

console.log(`seed ${seed}, ${values.minutes} minutes`);
const pick = generator(seed);
const oneOf = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
const bench = await makeFaultBench();
const traced = !capability('strace').skip;
const counts = new Map<Operation, Readonly<Record<string, number>>>();
const canMount = process.getuid?.() === 0;

const MAKERS: Readonly<Record<string, (operation: Operation) => Promise<Fault>>> = {
  ...(traced ? {
    kill: async (operation) => {
      const name = oneOf(SYSCALLS);
      return killAtSyscall(name, 1 + pick((await countsOf(operation))[name] ?? 1));
    },
    error: async (operation) => {
      const name = oneOf(SYSCALLS);
      return failSyscall(name, 1 + pick((await countsOf(operation))[name] ?? 1), oneOf(ERRORS));
    },
  } : {}),
  signal: (operation) => Promise.resolve(signalAfter(pick(1100) * (bench.wanted.get(operation.name)?.durationMs ?? 0) / 1000, oneOf(['SIGKILL', 'SIGKILL', 'SIGINT', 'SIGTERM']))),
  ...(canMount ? { disk: () => Promise.resolve(smallDisk(64 + pick(40_000))) } : {}),
  store: () => Promise.resolve(damagedStore(pick, oneOf(['cut', 'flip', 'empty', 'gone']))),
};

async function countsOf(operation: Operation): Promise<Readonly<Record<string, number>>> {
  const known = counts.get(operation) ?? (await countSyscalls(bench, operation));
  counts.set(operation, known);
  return known;
}

const rows: LedgerRow[] = [];
let undisturbed = 0;
const kinds = Object.keys(MAKERS).filter((kind) => values.only === undefined || kind.includes(values.only));
const end = Date.now() + Number(values.minutes) * 60_000;
try {
  for (let round = 0; Date.now() < end; round++) {
    const operation = oneOf(OPERATIONS);
    const maker = MAKERS[oneOf(kinds)];
    const fault = await maker?.(operation);
    if (fault === undefined) throw new Error(`no such fault: ${values.only ?? ''}`);
    const outcome = await tryFault(bench, operation, fault);
    if (outcome.undisturbed) undisturbed++;
    report(`${operation.name}, ${fault.kind} (${fault.what})`, fault.kind, outcome.wrong);
    if (round % 40 === 39) report(`${operation.name}, 16 at once`, 'many at once', await manyAtOnce(bench, operation, 16));
  }
} finally {
  bench.close();
}
console.log(formatLedger(rows));
console.log(`${undisturbed} of them came too late, or did not keep the command from ending whole at its first try`);
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;

function report(what: string, area: string, wrong: readonly string[]): void {
  rows.push({ kind: 'fault', area, ok: wrong.length === 0 });
  if (wrong.length > 0) console.log(`NOT HELD: ${what}\n  ${wrong.join('\n  ')}`);
}
