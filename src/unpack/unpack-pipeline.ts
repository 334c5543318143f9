/**
 * Files of a tree's sources as inflated bytes, each when its turn comes. With a second thread the next ones are being
 * hashed and inflated while the content of this one is written.
 */
import { unpackedBytes } from '../core/limits.ts';
import { packagesOf, type Change, type PlannedPackage } from '../core/package.ts';
import { startThread, type Thread } from '../system/thread/thread.ts';
import { inflateFrom, type Inflate } from './inflate.ts';
import type { OpenedPackageFile } from './opened.ts';

export interface SuppliedPackage extends OpenedPackageFile {
  /** Of its data member; undefined for a v3 package. */
  readonly inflate: Inflate | undefined;
}

export interface UnpackPipeline {
  /** Packages are taken in the plan's order; who takes one closes it. */
  readonly take: (next: PlannedPackage) => Promise<SuppliedPackage>;
  /** Closes what was opened and not taken. */
  readonly close: () => Promise<void>;
}

export interface UnpackPipelineOptions {
  readonly changes: readonly Change[];
  readonly open: (planned: PlannedPackage) => OpenedPackageFile | Promise<OpenedPackageFile>;
  /** Of `startPackageThread`; the caller stops it. */
  readonly thread: Thread | undefined;
}

/** Packages that are opened before one is unpacked: the thread has work while this one is busy. */
const PREFETCHED = 4;
/** Compressed bytes below which a thread costs more to start than it saves. */
const THREAD_PAYS_BYTES = 4 * 1024 * 1024;

/** A thread for packages, if they are worth one and there is a second processor; it starts while they are fetched. */
export const startPackageThread = (packages: readonly PlannedPackage[]): Thread | undefined =>
  packages.reduce((sum, { record }) => sum + record.sizeBytes, 0) < THREAD_PAYS_BYTES
    ? undefined
    : startThread('package-thread');

export function createUnpackPipeline({ changes, open, thread }: UnpackPipelineOptions): UnpackPipeline {
  const files = packagesOf(changes);
  const waiting: { readonly planned: PlannedPackage; readonly file: Promise<SuppliedPackage> }[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let opened = 0;

  /** One after another, since the thread answers in the order in which it is asked. */
  function openNext(): void {
    const planned = files[opened++];
    if (planned === undefined) return;
    const file = last.then(() => open(planned)).then((found) => withInflate(found, thread));
    waiting.push({ planned, file });
    last = file;
    // Whoever takes it meets the error.
    file.catch(() => undefined);
  }

  return {
    take: async (next) => {
      while (waiting.length < PREFETCHED && opened < files.length) openNext();
      const first = waiting.shift();
      if (first?.planned !== next) throw new Error(`${next.record.name} is not the next package of its plan`);
      await Promise.allSettled(waiting.map(({ file }) => file));
      return first.file;
    },
    close: async () => {
      for (const end of await Promise.allSettled(waiting.splice(0).map(({ file }) => file)))
        if (end.status === 'fulfilled') end.value.close();
    },
  };
}

function withInflate(file: OpenedPackageFile, thread: Thread | undefined): SuppliedPackage {
  const {
    source,
    contents: { data, record },
    onVerified,
  } = file;
  if (data === undefined) return { ...file, inflate: undefined };
  // The thread is not asked for what nobody will take: packages that install nothing.
  const isTaken = record.installedSizeBytes !== 0;
  const inflate = inflateFrom(source, { data, maxBytes: unpackedBytes(record) }, isTaken ? thread : undefined);
  return {
    ...file,
    inflate: (onInflated) => {
      const end = inflate(onInflated);
      onVerified?.();
      return end;
    },
  };
}
