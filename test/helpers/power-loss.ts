/** Power failures: a traced run of several commands, states of its disk, and what the next command makes of each. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { bootId, processSpace } from '../../src/system/process/boot.ts';
import { builtCommand, type CliResult, runArgv } from './cli.ts';
import { enterUnseen, type Loss, makeState, type Rewriting, whole } from './disk-state.ts';
import { readTrace, type Trace, traceArgs } from './disk-trace.ts';
import { BACKEND, type Bench, digestOf, fillPlace } from './faults.ts';
import { startServer } from './https-mirror.ts';
import { type Choose, generator, oneOf } from './random.ts';

export interface PowerBench {
  readonly root: string;
  readonly trace: Trace;
  readonly wanted: ReadonlyMap<string, string>;
  readonly args: readonly string[];
  readonly close: () => Promise<void>;
}

interface Command {
  readonly words: readonly string[];
  readonly rest?: readonly string[];
  /** What it makes. */
  readonly makes: string;
  /** Whether it is promised to be absent, old or whole after a power failure: single files are. */
  readonly durable: boolean;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    words: ['run', '-p', 'app'],
    rest: ['--', 'sh', '-c', 'cat /usr/share/app/file /etc/app.made /usr/lib/lib/* > said'],
    makes: 'said',
    durable: false,
  },
  build: { words: ['build', '-o', 'out', '.'], makes: 'out', durable: false },
  create: { words: ['rootfs', 'create', 'tree', '-p', 'app'], makes: 'tree', durable: false },
  lock: { words: ['lock', '.'], makes: 'alproot.lock', durable: true },
  bundle: { words: ['bundle', 'create', '-o', 'app.alproot', '.'], makes: 'app.alproot', durable: true },
  tar: { words: ['build', '-o', 'type=tar,dest=out.tar', '.'], makes: 'out.tar', durable: true },
  image: { words: ['build', '-o', 'type=oci,dest=image.tar', '.'], makes: 'image.tar', durable: true },
  layout: { words: ['build', '-o', 'type=oci,dest=image', '.'], makes: 'image', durable: false },
};
const POWER_COMMANDS = Object.keys(COMMANDS);

const OTHER_START: Rewriting = {
  replace: [
    [bootId(), 'c0ffee00-0000-4000-8000-000000000000'],
    [processSpace(), 'c0ffee00'],
  ],
};

const commandLine = (name: string, args: readonly string[]): string[] => {
  const { words = [], rest = [] } = COMMANDS[name] ?? {};
  return [process.execPath, builtCommand(), ...words, ...args, ...rest];
};

const environment = (place: string): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: join(place, 'home'),
  TMPDIR: place,
  LC_ALL: 'C.UTF-8',
  ALPROOT_CACHE: join(place, 'cache'),
  SOURCE_DATE_EPOCH: '1700000000',
  ...(BACKEND === undefined ? {} : { ALPROOT_BACKEND: BACKEND }),
});

/** Runs every command once under strace, one after the other on one store, with packages from a server. */
export async function makePowerBench({ root, mirror }: Pick<Bench, 'root' | 'mirror'>): Promise<PowerBench> {
  const server = await startServer(({ request, response }) => {
    const path = join(mirror.directory, decodeURIComponent(request.url ?? ''));
    if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
    response.end(readFileSync(path));
  });
  const args = ['--mirror', server.url, '--key', mirror.keyFile, '--release', '3.19'];
  const place = mkdtempSync(join(root, 'traced-'));
  fillPlace(place);
  const log = join(root, 'trace');
  const lines = POWER_COMMANDS.map((name) =>
    commandLine(name, args)
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' '),
  );
  const { status, stderr } = await runArgv(['strace', ...traceArgs(log), 'sh', '-c', lines.join(' && ')], {
    cwd: place,
    env: environment(place),
  });
  if (status !== 0) throw new Error(`the commands fail undisturbed: ${stderr}`);
  const trace = readTrace(log, place);
  enterUnseen(trace, place);
  const wanted = new Map(POWER_COMMANDS.map((name) => [name, digestOf(join(place, COMMANDS[name]?.makes ?? ''))]));
  rmSync(log);
  rmSync(place, { recursive: true });
  return { root, trace, wanted, args, close: server.close };
}
/** What is not as the run left it when nothing is lost; for the trust that one has in the trace. */
export function checkTrace(bench: PowerBench): string[] {
  const place = mkdtempSync(join(bench.root, 'state-'));
  try {
    makeState(bench.trace, whole(bench.trace), place, { replace: [] });
    return POWER_COMMANDS.filter(
      (name) => digestOf(join(place, COMMANDS[name]?.makes ?? '')) !== bench.wanted.get(name),
    );
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const LOSSES: readonly Loss['data'][] = [
  ['none'],
  ['blank'],
  ['all', 'none'],
  ['all', 'torn'],
  ['all', 'zeros'],
  ['all', 'all', 'all', 'none', 'torn', 'zeros', 'blank'],
];

/** The trees of the store, whose files are not synced: they are all that counts on them being verified. */
const TREES = /\/snapshots\/[^/]+\/tree\//;

/**
 * Of three states one has lost nothing but data in trees: where more is lost, the trees are mostly found lacking for
 * that.
 */
function randomLoss({ length }: Trace, pick: Choose): Loss {
  const common = { at: 1 + pick(length), data: oneOf(pick, LOSSES), pick };
  return pick(3) === 0
    ? { ...common, names: 'journal', only: TREES }
    : { ...common, names: oneOf(pick, ['journal', 'directories'] as const) };
}

export interface PowerLoss {
  /** For the report. */
  readonly what: string;
  /** What did not hold. */
  readonly wrong: readonly string[];
}

/** A power failure that the seed tells, and one command after it. */
export async function tryPowerLoss(bench: PowerBench, seed: number): Promise<PowerLoss> {
  const pick = generator(seed);
  const loss = randomLoss(bench.trace, pick);
  const name = oneOf(pick, POWER_COMMANDS);
  const place = mkdtempSync(join(bench.root, 'state-'));
  try {
    makeState(bench.trace, loss, place, OTHER_START);
    const wrong = [
      ...(pick(3) === 0 ? await goOnOver(bench, name, place) : []),
      ...checkResults(bench, place),
      ...(await goOn(bench, name, { place, offline: pick(4) === 0, verify: pick(5) === 0 })),
    ];
    const data = `data ${loss.data.join(' ')}${loss.only === undefined ? '' : ' in trees'}`;
    const what = `${name} after call ${loss.at} of ${bench.trace.length}, names by ${loss.names}, ${data}, seed ${seed}`;
    return { what, wrong };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Results that are single files are there whole, or not at all; then all are cleared away. */
function checkResults({ wanted }: PowerBench, place: string): string[] {
  const wrong: string[] = [];
  for (const [name, { makes, durable }] of Object.entries(COMMANDS)) {
    const digest = digestOf(join(place, makes));
    if (durable && digest !== '' && digest !== wanted.get(name)) wrong.push(`left half of ${makes}`);
    rmSync(join(place, makes), { recursive: true, force: true });
  }
  // What another start of the machine left counts as somebody's for a day.
  const old = new Date(Date.now() - 2 * 86_400_000);
  for (const directory of [place, join(place, 'cache/tmp')])
    if (existsSync(directory))
      for (const entry of readdirSync(directory)) utimesSync(join(directory, entry), old, old);
  return wrong;
}

/** Trees may be there half: a command that goes on in one makes it whole, or says that something is there. */
async function goOnOver({ args, wanted }: PowerBench, name: string, place: string): Promise<string[]> {
  const made = join(place, COMMANDS[name]?.makes ?? '');
  if (COMMANDS[name]?.durable !== false || digestOf(made) === wanted.get(name) || !existsSync(made)) return [];
  fillPlace(place);
  const { status, stderr } = await runArgv(commandLine(name, args), { cwd: place, env: environment(place) });
  if (status === 0 ? digestOf(made) === wanted.get(name) : stderr.includes('is not empty')) return [];
  return [
    `over what was left of ${COMMANDS[name]?.makes} it ends with ${status}, and another result: ${stderr.slice(-600)}`,
  ];
}

interface GoOn {
  readonly place: string;
  /** Whether the command is run without network first. */
  readonly offline: boolean;
  /** Whether all of the store is read at the end. */
  readonly verify: boolean;
}

async function goOn({ args, wanted }: PowerBench, name: string, { place, offline, verify }: GoOn): Promise<string[]> {
  const made = join(place, COMMANDS[name]?.makes ?? '');
  const wrong: string[] = [];
  const check = ({ status, stderr }: CliResult, what: string): void => {
    const digest = digestOf(made);
    if (status === 70 || stderr.includes('this is a bug')) wrong.push(`${what} ends as a bug: ${stderr.slice(-600)}`);
    if (status === 0 && digest !== wanted.get(name)) wrong.push(`${what} gives another result`);
    rmSync(made, { recursive: true, force: true });
  };
  fillPlace(place);
  const run = (more: readonly string[]): Promise<CliResult> =>
    runArgv(commandLine(name, [...args, ...more]), { cwd: place, env: environment(place) });
  if (offline) check(await run(['--offline']), 'the next run, offline,');
  const second = await run([]);
  if (second.status !== 0) wrong.push(`the next run ends with ${second.status}: ${second.stderr.slice(-600)}`);
  check(second, 'the next run');
  const left = existsSync(join(place, 'cache/tmp')) ? readdirSync(join(place, 'cache/tmp')) : [];
  if (left.length > 0) wrong.push(`left in the store: ${left.join(', ')}`);
  return verify ? [...wrong, ...(await verifyStore(place))] : wrong;
}

/** Damaged files that nobody read are found, and dropped, by the first look. */
async function verifyStore(place: string): Promise<string[]> {
  const verify = (): Promise<CliResult> =>
    runArgv([process.execPath, builtCommand(), 'cache', 'verify'], { cwd: place, env: environment(place) });
  await verify();
  const { status, stdout, stderr } = await verify();
  return status === 0 ? [] : [`cache verify: ${stdout}${stderr}`];
}
