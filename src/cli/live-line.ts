/**
 * The line at the bottom of a terminal that says what is being done now. Works begin, move and end; of those that are
 * under way the line shows the count that advances (packages installed) and the transfer that has the most to go.
 */
import { showName } from '../core/redact.ts';

const REDRAW_MS = 100;

export interface LiveLine {
  readonly start: (work: { readonly id: string; readonly label: string; readonly total?: number }) => void;
  readonly progress: (move: Move) => void;
  readonly done: (id: string) => void;
  /** Off the screen, so that other lines can be written; it comes back with the next event. */
  readonly clear: () => void;
}

export interface Move {
  readonly id: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: 'bytes' | 'items';
  /** What is being done of it now. */
  readonly label?: string;
}

export interface LiveLineOptions {
  /** Shows the text, without line break, instead of the last one; undefined removes it. */
  readonly show: (text: string | undefined) => void;
  /** Milliseconds, from whenever. */
  readonly now: () => number;
}

interface Work {
  readonly label: string;
  /** Its parts are counted. */
  readonly isCount: boolean;
  move?: Move;
}

export function createLiveLine({ show, now }: LiveLineOptions): LiveLine {
  const works = new Map<string, Work>();
  let followed: string | undefined;
  let shown: string | undefined;
  let last = -Infinity;
  const clear = (): void => {
    if (shown !== undefined) show(undefined);
    shown = undefined;
  };
  const draw = (): void => {
    last = now();
    if (followed === undefined || !works.has(followed)) followed = largest(works);
    const text = describe(works, followed);
    if (text === undefined) clear();
    else if (text !== shown) show((shown = text));
  };
  return {
    clear,
    start: ({ id, label, total }) => {
      works.set(id, { label, isCount: total !== undefined });
      draw();
    },
    progress: (move) => {
      const work = works.get(move.id);
      if (work === undefined) return;
      const isNew = work.move === undefined || work.move.label !== move.label;
      work.move = move;
      // What takes long by itself says so at once: nothing may be drawn before it ends.
      if (isNew || now() - last >= REDRAW_MS) draw();
    },
    done: (id) => {
      works.delete(id);
      draw();
    },
  };
}

/** The one with the most to go; of those that say nothing, the first. */
function largest(works: ReadonlyMap<string, Work>): string | undefined {
  const left = ({ move }: Work): number => (move?.total ?? 0) - (move?.done ?? 0);
  let found: readonly [string, Work] | undefined;
  for (const entry of works)
    if (!entry[1].isCount && (found === undefined || left(entry[1]) > left(found[1]))) found = entry;
  return found?.[0];
}

/** `Installing musl (3 of 12) · downloading gcc 12.3 MiB of 48.2 MiB (and 3 more)` */
function describe(works: ReadonlyMap<string, Work>, followed: string | undefined): string | undefined {
  const counts = [...works.values()]
    .filter(({ isCount }) => isCount)
    .slice(-1)
    .map(countText);
  const transfer = followed === undefined ? undefined : works.get(followed);
  if (transfer === undefined) return counts[0];
  const more = [...works.values()].filter(({ isCount }) => !isCount).length - 1;
  return [...counts, `${transferText(transfer)}${more > 0 ? ` (and ${more} more)` : ''}`].join(' · ');
}

function countText({ label, move }: Work): string {
  if (move === undefined) return `${showName(label)} …`;
  const whole = move.total === undefined ? '' : ` of ${move.total}`;
  // The one that is being done is not done yet.
  return move.label === undefined
    ? `${showName(label)}: ${move.done}${whole} done`
    : `${showName(move.label)} (${move.done + 1}${whole})`;
}

function transferText({ label, move }: Work): string {
  if (move === undefined) return `${showName(label)} …`;
  const whole = move.total === undefined ? '' : ` of ${formatBytes(move.total)}`;
  return `downloading ${showName(label)} ${formatBytes(move.done)}${whole}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}
