/**
 * `npm run torture -- [--minutes N] [--seed S] [--only WORD,WORD]`: faults at random, one after the other, until
 * the time is over. Prints the seed first, each thing that did not hold, and a table; ends with 1 when anything did not.
 */
import { parseArgs } from 'node:util';
import { formatLedger } from './ledger.ts';
import { capability } from '../test/helpers/capabilities.ts';
import { compareMutants, makeTwins, type Twins } from '../test/helpers/apk-twins.ts';
import { countSyscalls, damagedStore, type Fault, failSyscall, killAtSyscall, limited, makeFaultBench, manyAtOnce, type Operation, OPERATIONS, signalAfter, smallDisk, SYSCALLS, tryFault } from '../test/helpers/faults.ts';
import type { LedgerRow } from '../test/helpers/ledger.ts';
import { makePowerBench, type PowerBench, tryPowerLoss } from '../test/helpers/power-loss.ts';
import { generator, oneOf as choose } from '../test/helpers/random.ts';
import { ROADS, raceTree } from '../test/helpers/tree-race.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' }, seed: { type: 'string' }, only: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const ERRORS = ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EACCES', 'EINTR', 'ENOMEM', 'ELOOP'];

console.log(`seed ${seed}, ${values.minutes} minutes`);
const pick = generator(seed);
const oneOf = <T>(list: readonly T[]): T => choose(pick, list);
const bench = await makeFaultBench();
const traced = !capability('strace').skip;
const counts = new Map<Operation, Readonly<Record<string, number>>>();
const canMount = process.getuid?.() === 0;

/** One trial: what was done, for the report, what it counts as, and what did not hold. */
interface Trial {
  readonly what: string;
  readonly area: string;
  readonly wrong: readonly string[];
  readonly count?: number;
}

/** One round of a race is short: so many are one trial. */
const RACES = 10_000;
/** One call of a sandbox judges so many packages. */
const MUTANTS = 50;
const twinsNeed = capability('bwrap', 'chroot');

const FAULTS: Readonly<Record<string, (operation: Operation) => Promise<Fault>>> = {
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
  limit: () => Promise.resolve(limited(oneOf([`-v ${600_000 + pick(1_500_000)}`, `-f ${pick(20_000)}`, `-n ${8 + pick(60)}`]))),
  store: () => Promise.resolve(damagedStore(pick, oneOf(['cut', 'flip', 'empty', 'gone']))),
};

const TRIALS: Readonly<Record<string, () => Promise<Trial>>> = {
  ...Object.fromEntries(Object.entries(FAULTS).map(([kind, make]) => [kind, async (): Promise<Trial> => {
    const operation = oneOf(OPERATIONS);
    const fault = await make(operation);
    const { wrong, undisturbed } = await tryFault(bench, operation, fault);
    if (undisturbed) late++;
    return { what: `${operation.name}, ${fault.kind} (${fault.what})`, area: fault.kind, wrong };
  }])),
  ...(traced ? {
    power: async () => {
      power ??= await makePowerBench(bench);
      return { ...(await tryPowerLoss(power, pick(2 ** 31))), area: 'power loss' };
    },
  } : {}),
  many: async () => {
    const operation = oneOf(OPERATIONS);
    return { what: `${operation.name}, 16 at once`, area: 'many at once', wrong: await manyAtOnce(bench, operation, 16), count: 17 };
  },
  ...(twinsNeed.skip ? {} : {
    mutants: async () => {
      twins ??= await makeTwins();
      const seed = pick(2 ** 31);
      return { what: `${MUTANTS} packages from seed ${seed}`, area: 'mutants against apk', wrong: (await compareMutants(twins, { seed, count: MUTANTS })).differences, count: MUTANTS };
    },
  }),
  swap: async () => {
    const road = oneOf(Object.keys(ROADS));
    const { wrong, rounds } = await raceTree(road, RACES);
    return { what: `${road} while its directory is swapped`, area: 'swapped directory', wrong, count: rounds };
  },
};

async function countsOf(operation: Operation): Promise<Readonly<Record<string, number>>> {
  const known = counts.get(operation) ?? (await countSyscalls(bench, operation));
  counts.set(operation, known);
  return known;
}

let late = 0;
let power: PowerBench | undefined;
let twins: Twins | undefined;
const rows: LedgerRow[] = [];
const kinds = Object.keys(TRIALS).filter((kind) => values.only === undefined || values.only.split(',').includes(kind));
if (kinds.length === 0) throw new Error(`no such trial: ${values.only ?? ''}; there are ${Object.keys(TRIALS).join(', ')}`);
const end = Date.now() + Number(values.minutes) * 60_000;
try {
  while (Date.now() < end) {
    const kind = oneOf(kinds);
    // These take as long as many of the others.
    if (['many', 'swap'].includes(kind) && kinds.length > 2 && pick(8) > 0) continue;
    report(await (TRIALS[kind] as () => Promise<Trial>)());
  }
} finally {
  await power?.close();
  twins?.close();
  bench.close();
}
console.log(formatLedger(rows));
console.log(`${late} of them came too late, or did not keep the command from ending whole at its first try`);
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;

function report({ what, area, wrong, count = 1 }: Trial): void {
  rows.push({ kind: 'fault', area, ok: wrong.length === 0, count });
  if (wrong.length > 0) console.log(`NOT HELD: ${what}\n  ${wrong.join('\n  ')}`);
}
