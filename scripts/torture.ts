/**
 * `npm run torture -- [--minutes N] [--seed S] [--only WORD,WORD] [--full] [--jobs N]`: faults at random until the
 * time is over; with `--full` until each kind has been tried as often as it is wanted to be. Prints the seed first,
 * each thing that did not hold, a table, and how much of what is wanted was done; ends with 1 when anything did not
 * hold.
 */
import { parseArgs } from 'node:util';
import { formatLedger } from './ledger.ts';
import { capability } from '../test/helpers/capabilities.ts';
import { compareMutants, makeApkBench } from '../test/helpers/apk-comparison.ts';
import {
  countSyscalls,
  damagedStore,
  type Fault,
  failSyscall,
  killAtSyscall,
  limited,
  makeFaultBench,
  manyAtOnce,
  type Operation,
  OPERATIONS,
  signalAfter,
  smallDisk,
  SYSCALLS,
  tryFault,
} from '../test/helpers/faults.ts';
import {
  type LargeBench,
  makeLargeBench,
  SIZES,
  tryContext,
  tryEntries,
  tryHardLinks,
  tryPackage,
  tryRootfs,
} from '../test/helpers/large.ts';
import type { LedgerRow } from '../test/helpers/ledger.ts';
import { makePowerBench, tryPowerLoss } from '../test/helpers/power-loss.ts';
import { generator, oneOf as choose } from '../test/helpers/random.ts';
import { ROADS, raceTree } from '../test/helpers/tree-race.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string' },
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const ERRORS = [
  'ENOSPC',
  'EIO',
  'EDQUOT',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'EACCES',
  'EINTR',
  'ENOMEM',
  'ELOOP',
  'EXDEV',
  'ETXTBSY',
];

console.log(`seed ${seed}, ${values.minutes} minutes`);
const pick = generator(seed);
const oneOf = <T>(list: readonly T[]): T => choose(pick, list);
const bench = await makeFaultBench();
const traced = !capability('strace').skip;
const canMount = process.getuid?.() === 0;

/** One trial: what was done, for the report, what it counts as, and what did not hold. */
interface PendingProbe {
  readonly what: string;
  readonly area: string;
  readonly wrong: readonly string[];
  readonly count?: number;
}

/** One round of a race is short: so many are one trial. */
const RACES = 10_000;
/** One call of a sandbox installs so many packages. */
const MUTANTS = 50;
const comparisonNeeds = capability('bwrap', 'chroot');

/** How often each kind is wanted; of those that go through system calls, every one. */
const WANTED: Readonly<Record<string, number>> = {
  power: 1000,
  signal: 500,
  disk: 50,
  store: 200,
  many: 50 * 17,
  mutants: 5000,
  swap: 100_000,
  large: 20,
};

interface Call {
  readonly operation: Operation;
  readonly name: (typeof SYSCALLS)[number];
  readonly at: number;
}

/** Every call that an undisturbed run of each operation makes. */
const callsOf = once(async (): Promise<Call[]> => {
  const calls: Call[] = [];
  for (const operation of OPERATIONS) {
    const counts = await countSyscalls(bench, operation);
    calls.push(
      ...SYSCALLS.flatMap((name) =>
        Array.from({ length: counts[name] ?? 0 }, (_, at) => ({ operation, name, at: at + 1 })),
      ),
    );
  }
  return calls;
});
const kills = drawEach(callsOf);
const failures = drawEach(async () =>
  (await callsOf()).flatMap((call) => ERRORS.map((error) => ({ ...call, error }))),
);

const FAULTS: Readonly<Record<string, (operation: Operation) => Promise<Fault>>> = {
  signal: (operation) =>
    Promise.resolve(
      signalAfter(
        (pick(1100) * (bench.wanted.get(operation.name)?.durationMs ?? 0)) / 1000,
        oneOf(['SIGKILL', 'SIGKILL', 'SIGINT', 'SIGTERM']),
      ),
    ),
  ...(canMount ? { disk: () => Promise.resolve(smallDisk(64 + pick(40_000))) } : {}),
  limit: () =>
    Promise.resolve(limited(oneOf([`-v ${600_000 + pick(1_500_000)}`, `-f ${pick(20_000)}`, `-n ${8 + pick(60)}`]))),
  store: () => Promise.resolve(damagedStore(pick, oneOf(['cut', 'flip', 'empty', 'gone']))),
};

async function suffer(operation: Operation, fault: Fault): Promise<PendingProbe> {
  const { wrong, undisturbed } = await tryFault(bench, operation, fault);
  if (undisturbed) late++;
  return { what: `${operation.name}, ${fault.kind} (${fault.what})`, area: fault.kind, wrong };
}

const power = once(() => makePowerBench(bench));
const apkBench = once(makeApkBench);
const large = once(makeLargeBench);
let late = 0;

const TRIALS: Readonly<Record<string, () => Promise<PendingProbe>>> = {
  ...Object.fromEntries(
    Object.entries(FAULTS).map(([kind, make]) => [
      kind,
      async (): Promise<PendingProbe> => {
        const operation = oneOf(OPERATIONS);
        return suffer(operation, await make(operation));
      },
    ]),
  ),
  ...(traced
    ? {
        kill: async () => {
          const { operation, name, at } = await kills.next();
          return suffer(operation, killAtSyscall(name, at));
        },
        error: async () => {
          const { operation, name, at, error } = await failures.next();
          return suffer(operation, failSyscall(name, at, error));
        },
        power: async () => ({ ...(await tryPowerLoss(await power(), pick(2 ** 31))), area: 'power loss' }),
      }
    : {}),
  many: async () => {
    const operation = oneOf(OPERATIONS);
    return {
      what: `${operation.name}, 16 at once`,
      area: 'many at once',
      wrong: await manyAtOnce(bench, operation, 16),
      count: 17,
    };
  },
  ...(comparisonNeeds.skip
    ? {}
    : {
        mutants: async () => {
          const own = pick(2 ** 31);
          return {
            what: `${MUTANTS} packages from seed ${own}`,
            area: 'mutants against apk',
            wrong: (await compareMutants(await apkBench(), { seed: own, count: MUTANTS })).differences,
            count: MUTANTS,
          };
        },
      }),
  large: async () => {
    const [what, attempt] = oneOf(LARGE)(oneOf(SIZES));
    return { what, area: 'large things', wrong: (await attempt(await large())).wrong };
  },
  swap: async () => {
    const road = oneOf(Object.keys(ROADS));
    const { wrong, rounds } = await raceTree(road, RACES);
    return { what: `${road} while its directory is swapped`, area: 'swapped directory', wrong, count: rounds };
  },
};

/** From a place to choose by a size; some have one of their own. */
const LARGE: readonly ((
  size: number,
) => readonly [what: string, attempt: (bench: LargeBench) => Promise<{ readonly wrong: readonly string[] }>])[] = [
  (size) => [`a file of ${size} bytes in a context`, (own) => tryContext(own, size)],
  (size) => [`a file of ${size} bytes in a package`, (own) => tryPackage(own, size)],
  () => ['a file of 9 GiB in a minirootfs', (own) => tryRootfs(own, 9 * 2 ** 30)],
  () => ['a file with 65,001 further names', (own) => tryHardLinks(own, 65_001)],
  () => ['a package of 250,000 entries', (own) => tryEntries(own, 250_000)],
];

const rows: LedgerRow[] = [];
const done = new Map<string, number>();
const kinds = Object.keys(TRIALS).filter((kind) => values.only === undefined || values.only.split(',').includes(kind));
if (kinds.length === 0)
  throw new Error(`no such trial: ${values.only ?? ''}; there are ${Object.keys(TRIALS).join(', ')}`);
const wantedOf = (kind: string): number | undefined => WANTED[kind] ?? { kill: kills, error: failures }[kind]?.total();
const end = Date.now() + Number(values.minutes) * 60_000;
try {
  await Promise.all(Array.from({ length: Number(values.jobs) }, tryOneByOne));
} finally {
  await (await power.made)?.close();
  (await apkBench.made)?.close();
  (await large.made)?.close();
  bench.close();
}
console.log(formatLedger(rows));
for (const kind of kinds) console.log(`${kind}: ${done.get(kind) ?? 0} of ${wantedOf(kind) ?? 'all calls'} wanted`);
console.log(`${late} of them came too late, or did not keep the command from ending whole at its first try`);
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;

async function tryOneByOne(): Promise<void> {
  while (Date.now() < end) {
    const left = kinds.filter((kind) => !values.full || (done.get(kind) ?? 0) < (wantedOf(kind) ?? Infinity));
    if (left.length === 0) return;
    const kind = oneOf(left);
    // These take as long as many of the others.
    if (['many', 'swap', 'large'].includes(kind) && left.length > 2 && pick(8) > 0) continue;
    const { what, area, wrong, count = 1 } = await (TRIALS[kind] as () => Promise<PendingProbe>)();
    const before = done.get(kind) ?? 0;
    done.set(kind, before + count);
    const tenth = (wantedOf(kind) ?? 1000) / 10;
    if (Math.floor((before + count) / tenth) > Math.floor(before / tenth)) console.log(`${kind}: ${before + count}`);
    rows.push({ kind: 'fault', area, ok: wrong.length === 0, count });
    if (wrong.length > 0) console.log(`NOT HELD: ${what}\n  ${wrong.join('\n  ')}`);
  }
}

interface Once<T> {
  (): Promise<T>;
  /** undefined when nobody asked for it. */
  made: Promise<T> | undefined;
}

/** Made for the first who asks. */
function once<T>(make: () => Promise<T>): Once<T> {
  const ask: Once<T> = Object.assign(() => (ask.made ??= make()), { made: undefined });
  return ask;
}

/** Each of a list, in an order of chance; then all again. */
function drawEach<T>(list: () => Promise<readonly T[]>): {
  readonly next: () => Promise<T>;
  readonly total: () => number | undefined;
} {
  let left: T[] = [];
  let total: number | undefined;
  return {
    total: () => total,
    next: async () => {
      const all = await list();
      total = all.length;
      if (left.length === 0) left = [...all];
      const at = pick(left.length);
      const drawn = left[at] as T;
      left[at] = left.at(-1) as T;
      left.pop();
      return drawn;
    },
  };
}
