/**
 * Runs in a process of its own: solves for `top` in indexes of one shape and of each `n` packages. Prints of each how
 * many packages the plan has and how many errors, the steps of the solver, what was resident at most in MiB, and
 * milliseconds of CPU.
 */
import type { Repository } from '../../src/core/package.ts';
import type { Verified } from '../../src/core/verified.ts';
import { parseIndex } from '../../src/formats/apk/apkindex.ts';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { planChanges } from '../../src/solve/install-plan.ts';
import { resolve } from '../../src/solve/resolution.ts';
import { residentMiB } from './memory.ts';

type Fields = {
  readonly P: string;
  readonly V?: string;
  readonly D?: string;
  readonly p?: string;
  readonly i?: string;
};

const range = (n: number, make: (at: number) => string): string =>
  Array.from({ length: n }, (_, at) => make(at)).join(' ');

/** Each calls `add` for the packages of one index; `top` is what the world asks for. */
const SHAPES: Readonly<Record<string, (n: number, add: (fields: Fields) => void) => void>> = {
  'packages that wait for one name': (n, add) => {
    add({ P: 'top' });
    for (let at = 0; at < n; at++) add({ P: `w${at}`, i: 'top' });
  },
  'packages that wait for a name of their own': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `t${at}`) });
    for (let at = 0; at < n; at++) {
      add({ P: `t${at}` });
      add({ P: `w${at}`, i: `top t${at}` });
    }
  },
  'packages that wait in a row': (n, add) => {
    add({ P: 'top' });
    for (let at = 0; at < n; at++) add({ P: `w${at}`, i: at === 0 ? 'top' : `w${at - 1}` });
  },
  'names that one package waits for': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `t${at}`) });
    for (let at = 0; at < n; at++) add({ P: `t${at}` });
    add({ P: 'w', i: range(n, (at) => `t${at}`) });
  },
  'packages with thirty dependencies each': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `d${at}`) });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: range(30, (step) => `d${(at * 7 + step * 7919 + 1) % n}`) });
  },
  'packages with thirty dependencies below each': (n, add) => {
    add({ P: 'top', D: 'd0' });
    for (let at = 0; at < n; at++)
      add({ P: `d${at}`, D: range(Math.min(30, n - at - 1), (step) => `d${at + step + 1}`) });
  },
  'packages with thirty providers to choose from': (n, add) => {
    add({ P: 'top', D: range(Math.floor(n / 30), (at) => `v${at}`) });
    for (let at = 0; at < n; at++)
      add({
        P: `c${at}`,
        p: `v${Math.floor(at / 30)}=1.${at % 30}`,
        D: at >= 30 ? `v${Math.floor(at / 30) - 1}` : '',
      });
  },
  'packages that provide one name': (n, add) => {
    add({ P: 'top', D: 'virtual' });
    for (let at = 0; at < n; at++) add({ P: `c${at}`, p: `virtual=${at}` });
  },
  'packages that provide one name without version': (n, add) => {
    add({ P: 'top', D: `virtual ${range(n, (at) => `c${at}`)}` });
    for (let at = 0; at < n; at++) add({ P: `c${at}`, p: 'virtual' });
  },
  'packages that need one name': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `d${at}`) });
    add({ P: 'one' });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: 'one' });
  },
  'packages that refuse one name': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `d${at}`) });
    add({ P: 'one' });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: '!one' });
  },
  'names that one package provides': (n, add) => {
    add({ P: 'top', D: range(n, (at) => `so:n${at}`) });
    add({ P: 'one', p: range(n, (at) => `so:n${at}=1`) });
  },
  'packages in a chain': (n, add) => {
    add({ P: 'top', D: 'd0' });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: at + 1 < n ? `d${at + 1}` : '' });
  },
  'packages in a circle': (n, add) => {
    add({ P: 'top', D: 'd0' });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: `d${(at + 1) % n}` });
  },
  'versions of one package': (n, add) => {
    add({ P: 'top', D: 'one' });
    for (let at = 0; at < n; at++) add({ P: 'one', V: `${at}-r0`, D: at % 2 === 0 ? 'two' : '' });
    add({ P: 'two' });
  },
  'versions in a chain that ends nowhere': (n, add) => {
    add({ P: 'top', D: 'd0' });
    for (let at = 0; at < n; at++) add({ P: `d${at}`, D: at + 1 < n ? `d${at + 1}=1-r0` : 'nothing' });
  },
};

function indexText(shape: string, n: number): string {
  const parts: Buffer[] = [];
  let lines: string[] = [];
  let count = 0;
  const flush = (): void => void (parts.push(Buffer.from(lines.join(''), 'latin1')), (lines = []));
  SHAPES[shape]?.(n, ({ P, V = '1-r0', D = '', p = '', i = '' }) => {
    const digest = Buffer.alloc(20);
    digest.writeUInt32BE(++count);
    const lists = Object.entries({ D, p, i }).map(([letter, list]) => (list === '' ? '' : `${letter}:${list}\n`));
    const sizes = 'A:x86_64\nS:1000\nI:2000\n';
    lines.push(`C:Q1${digest.toString('base64')}\nP:${P}\nV:${V}\n${sizes}${lists.join('')}\n`);
    if (lines.length >= 1000) flush();
  });
  flush();
  return Buffer.concat(parts).toString('latin1');
}

function run(shape: string, n: number): Readonly<Record<string, unknown>> {
  const text = indexText(shape, n);
  const [textMiB, before] = [residentMiB(), process.cpuUsage()];
  const { packages, tables } = parseIndex(text);
  const index = { location: 'test', description: '', packages, tables } as unknown as Verified<Repository['index']>;
  const resolution = resolve({
    arch: 'x86_64',
    world: parseWorld('top'),
    catalog: createCatalog([{ index }]),
    installed: [],
  });
  const {
    errors,
    state: { steps },
  } = resolution;
  const planned = planChanges(resolution).length;
  const { user, system } = process.cpuUsage(before);
  return { planned, errors, steps, residentMiB: residentMiB(), textMiB, cpuMs: Math.round((user + system) / 1000) };
}

const [shape, ...sizes] = process.argv.slice(2);
process.stdout.write(
  JSON.stringify(shape === undefined ? Object.keys(SHAPES) : sizes.map((n) => run(shape, Number(n)))),
);
