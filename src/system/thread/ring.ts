/**
 * A ring of buffers between two threads: one fills slot after slot, the other empties them in the same order. Both
 * wait without an event loop, so that either side may be deep inside synchronous work. A slot is its reader's alone
 * until it is released.
 */

export interface SharedRing {
  /** Slots written, slots released, whether the reader has gone; then kind and length of each slot. */
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export interface RingSlot {
  /** A small number that the two sides agreed on. */
  readonly kind: number;
  /** Valid until `release`. */
  readonly bytes: Uint8Array;
}

export interface RingWriter {
  /** Room for the next slot. @throws RingClosed when the reader has gone */
  readonly room: () => Uint8Array;
  /** Hands over the first `length` bytes of the room. */
  readonly commit: (kind: number, length: number) => void;
}

export interface RingReader {
  /** The oldest slot; waits for one. @throws Error when the other thread has stopped answering */
  readonly take: () => RingSlot;
  /** Gives the slot that `take` returned back. */
  readonly release: () => void;
  /** The writer's next call throws. */
  readonly close: () => void;
}

/** The reader has gone: what is written now nobody wants. */
export class RingClosed extends Error {}

const SLOTS = 32;
const SLOT_BYTES = 256 * 1024;
const [WRITTEN, RELEASED, CLOSED, FIRST_SLOT] = [0, 1, 2, 4];
/** A thread that has died cannot say so to one that waits; a disk may be slow. */
const PATIENCE_MS = 60_000;

export const createRing = (): SharedRing => ({
  control: new SharedArrayBuffer(4 * (FIRST_SLOT + 2 * SLOTS)),
  data: new SharedArrayBuffer(SLOTS * SLOT_BYTES),
});

export function ringWriter({ control, data }: SharedRing): RingWriter {
  const state = new Int32Array(control);
  const slots = slotsOf(data);
  return {
    room: () => {
      for (;;) {
        const released = Atomics.load(state, RELEASED);
        if (Atomics.load(state, CLOSED) !== 0) throw new RingClosed();
        const written = Atomics.load(state, WRITTEN);
        if (written - released < SLOTS) return slotAt(slots, written);
        Atomics.wait(state, RELEASED, released);
      }
    },
    commit: (kind, length) => {
      const at = FIRST_SLOT + 2 * (Atomics.load(state, WRITTEN) % SLOTS);
      Atomics.store(state, at, kind);
      Atomics.store(state, at + 1, length);
      Atomics.add(state, WRITTEN, 1);
      Atomics.notify(state, WRITTEN);
    },
  };
}

export function ringReader({ control, data }: SharedRing): RingReader {
  const state = new Int32Array(control);
  const slots = slotsOf(data);
  return {
    take: () => {
      const next = Atomics.load(state, RELEASED);
      for (let waits = 0; Atomics.load(state, WRITTEN) === next; waits++) {
        // Twice, so that a process that was stopped and goes on gives the other thread its time.
        if (waits === 2) throw new Error('the thread that inflates does not answer');
        Atomics.wait(state, WRITTEN, next, PATIENCE_MS);
      }
      const at = FIRST_SLOT + 2 * (next % SLOTS);
      return { kind: Atomics.load(state, at), bytes: slotAt(slots, next).subarray(0, Atomics.load(state, at + 1)) };
    },
    release: () => {
      Atomics.add(state, RELEASED, 1);
      Atomics.notify(state, RELEASED);
    },
    close: () => {
      Atomics.store(state, CLOSED, 1);
      // The writer may wait for a release that will not come.
      Atomics.add(state, RELEASED, 1);
      Atomics.notify(state, RELEASED);
    },
  };
}

const slotsOf = (data: SharedArrayBuffer): Uint8Array[] =>
  Array.from({ length: SLOTS }, (_, at) => new Uint8Array(data, at * SLOT_BYTES, SLOT_BYTES));

function slotAt(slots: readonly Uint8Array[], count: number): Uint8Array {
  const slot = slots[count % SLOTS];
  if (slot === undefined) throw new Error('a ring without slots');
  return slot;
}
