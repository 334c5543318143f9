/**
 * The records file that sandboxed programs share, from this side: seeded before a command, read after it. The layout
 * is that of ownership-database.h, for little-endian machines of 64 bits. A record is for one inode and one birth of
 * it.
 */
import { AlprootError } from '../../core/errors.ts';

const CAPACITY = 2 ** 18;
const HEADER_BYTES = 4096;
const SLOT_BYTES = 72;
export const RECORDS_BYTES = HEADER_BYTES + CAPACITY * SLOT_BYTES;
const MAX_CAPABILITY_BYTES = 24;
const MAGIC = 'ALPOWN01';

const USED = 1;
const HAS_OWNER = 2;
const HAS_MODE = 4;
const HAS_CAPABILITY = 8;

/** What is kept of one file. */
export interface OwnerSlot {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Nanoseconds since 1970; 0 when not known. */
  readonly birth: bigint;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** 07777 */
  readonly mode?: number;
  /** Value of security.capability. */
  readonly capability?: Uint8Array;
}

export interface RecordsHeader {
  /** The user that the command begins as. */
  readonly uid: number;
  readonly gid: number;
  /** Files born since then, in nanoseconds since 1970, are that user's. */
  readonly start: bigint;
}

/**
 * The pieces of a records file, each with its place.
 *
 * @throws ALP_LIMIT_COUNT for more records than the file has room for
 */
export function formatRecords(
  header: RecordsHeader,
  slots: readonly OwnerSlot[],
): { readonly at: number; readonly bytes: Buffer }[] {
  if (slots.length > CAPACITY / 2)
    throw new AlprootError(
      'ALP_LIMIT_COUNT',
      `${slots.length} files with owners of their own, more than the cap of ${CAPACITY / 2}`,
    );
  const taken = new Set<number>();
  const pieces = slots.map((slot) => {
    let index = Number(slot.ino % BigInt(CAPACITY));
    while (taken.has(index)) index = (index + 1) % CAPACITY;
    taken.add(index);
    return { at: HEADER_BYTES + index * SLOT_BYTES, bytes: formatSlot(slot) };
  });
  const head = Buffer.alloc(32);
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(slots.length, 12);
  head.writeUInt32LE(header.uid, 16);
  head.writeUInt32LE(header.gid, 20);
  head.writeBigUInt64LE(header.start, 24);
  return [{ at: 0, bytes: head }, ...pieces];
}

function formatSlot({ dev, ino, birth, owner, mode, capability }: OwnerSlot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeBigUInt64LE(dev, 0);
  bytes.writeBigUInt64LE(ino, 8);
  bytes.writeBigUInt64LE(birth, 16);
  const kept = capability?.subarray(0, MAX_CAPABILITY_BYTES);
  bytes.writeUInt32LE(
    USED |
      (owner === undefined ? 0 : HAS_OWNER) |
      (mode === undefined ? 0 : HAS_MODE) |
      (kept === undefined ? 0 : HAS_CAPABILITY),
    24,
  );
  bytes.writeUInt32LE(owner?.uid ?? 0, 28);
  bytes.writeUInt32LE(owner?.gid ?? 0, 32);
  bytes.writeUInt32LE((mode ?? 0) & 0o7777, 36);
  bytes.writeUInt32LE(kept?.length ?? 0, 40);
  if (kept !== undefined) bytes.set(kept, 48);
  return bytes;
}

/**
 * Everything in a records file. The sandbox could write to it, so nothing in it is believed but numbers in their
 * ranges.
 *
 * @throws ALP_RUN_OWNERS when it is not such a file
 */
export function parseRecords(bytes: Buffer): OwnerSlot[] {
  if (bytes.length !== RECORDS_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) {
    throw new AlprootError(
      'ALP_RUN_OWNERS',
      `expected ${RECORDS_BYTES} bytes of owner records, got ${bytes.length} bytes`,
      { hint: 'a program of the sandbox has damaged them' },
    );
  }
  const slots: OwnerSlot[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += SLOT_BYTES) {
    if (bytes[at + 24] !== 0) slots.push(parseSlot(bytes.subarray(at, at + SLOT_BYTES)));
  }
  return slots;
}

function parseSlot(bytes: Buffer): OwnerSlot {
  const flags = bytes.readUInt32LE(24);
  const size = Math.min(bytes.readUInt32LE(40), MAX_CAPABILITY_BYTES);
  return {
    dev: bytes.readBigUInt64LE(0),
    ino: bytes.readBigUInt64LE(8),
    birth: bytes.readBigUInt64LE(16),
    ...(flags & HAS_OWNER ? { owner: { uid: bytes.readUInt32LE(28), gid: bytes.readUInt32LE(32) } } : {}),
    ...(flags & HAS_MODE ? { mode: bytes.readUInt32LE(36) & 0o7777 } : {}),
    ...(flags & HAS_CAPABILITY ? { capability: Uint8Array.from(bytes.subarray(48, 48 + size)) } : {}),
  };
}
