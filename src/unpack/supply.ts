/**
 * The packages of a plan, opened as their turn comes. With a second thread the next ones are open already, and their
 * data are being inflated while the files of this one are hashed and written.
 */
import { unpackedBytes } from '../core/limits.ts';
import { packagesOf, type Change, type PlannedPackage } from '../core/package.ts';
import { inflateMember, type MemberEnd } from '../formats/gzip-member.ts';
import { startThread, type Thread } from '../system/thread.ts';
import { DATA_SLOT, endOf, type InflateJob, type InflateOutcome } from './inflate-job.ts';
import type { OpenedPackageFile } from './opened.ts';

export interface SuppliedPackage extends OpenedPackageFile {
  /** Inflates the data member that starts at `start`. @throws as inflateMember */
  readonly inflate: (start: number, onInflated: (chunk: Uint8Array) => void) => MemberEnd;
}

export interface Supply {
  /** Packages are taken in the plan's order; who takes one closes it. */
  readonly take: (next: PlannedPackage) => SuppliedPackage;
  /** Closes what was opened and not taken. */
  readonly close: () => void;
}

export interface SupplyOptions {
  readonly changes: readonly Change[];
  readonly open: (planned: PlannedPackage) => OpenedPackageFile;
  /** An inflating thread, which the caller stops. */
  readonly thread: Thread | undefined;
}

/** Packages that are open before their turn. */
const AHEAD = 8;
/** Compressed bytes below which a thread costs more to start than it saves. */
const THREAD_PAYS_BYTES = 4 * 1024 * 1024;

export const createSupply = ({ changes, open, thread }: SupplyOptions): Supply =>
  thread === undefined ? { take: (next) => withInflate(open(next)), close: () => undefined } : createSupplyAhead(packagesOf(changes), open, thread);

/** A thread for the packages of a plan, if they are worth one; it starts while they are fetched. */
export const startInflating = (changes: readonly Change[]): Thread | undefined =>
  packagesOf(changes).reduce((sum, { record }) => sum + record.sizeBytes, 0) < THREAD_PAYS_BYTES ? undefined : startThread('inflate-thread');

/** The same work in this thread. */
const withInflate = (file: OpenedPackageFile): SuppliedPackage => ({
  ...file,
  inflate: (start, onInflated) => inflateMember(file.source, start, { maxBytes: unpackedBytes(file.contents.record), limitName: 'unpacked', onInflated }),
});

function createSupplyAhead(files: readonly PlannedPackage[], open: SupplyOptions['open'], thread: Thread): Supply {
  const waiting: { readonly planned: PlannedPackage; readonly file: SuppliedPackage }[] = [];
  let opened = 0;

  function openNext(): void {
    const planned = files[opened];
    if (planned === undefined) return;
    opened++;
    const file = open(planned);
    const job = jobOf(file);
    if (job !== undefined) thread.post(job);
    waiting.push({ planned, file: job === undefined ? withInflate(file) : { ...file, inflate: (_start, onInflated) => receive(thread, onInflated) } });
  }

  return {
    take: (next) => {
      while (waiting.length < AHEAD && opened < files.length) openNext();
      const first = waiting.shift();
      if (first?.planned !== next) throw new Error(`${next.record.name} is not the next package of its plan`);
      return first.file;
    },
    close: () => {
      for (const { file } of waiting.splice(0)) file.close();
    },
  };
}

/** undefined for what the thread is not asked: v3 packages, and those into which nobody looks since they install nothing. */
function jobOf(file: OpenedPackageFile): InflateJob | undefined {
  const { source, contents: { dataStart, record } } = file;
  if (dataStart === undefined || source.descriptor === undefined || record.installedSizeBytes === 0) return undefined;
  return { descriptor: source.descriptor, name: source.name, start: dataStart, maxBytes: unpackedBytes(record) };
}

/** The bytes of the oldest job. */
function receive({ ring }: Thread, onInflated: (chunk: Uint8Array) => void): MemberEnd {
  for (;;) {
    const { kind, bytes } = ring.take();
    if (kind !== DATA_SLOT) {
      const outcome = JSON.parse(Buffer.from(bytes).toString()) as InflateOutcome;
      ring.release();
      return endOf(outcome);
    }
    onInflated(bytes);
    ring.release();
  }
}
