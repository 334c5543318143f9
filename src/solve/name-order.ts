/**
 * The order in which apk walks its table of names, which shows where it lists who needs what: by the bucket of
 * a Murmur3 hash, later names first within one bucket.
 *
 * @see apk-tools 3.0 src/blob.c (hash), src/database.c (20,000 buckets)
 */

const BUCKETS = 20_000;
const SEED = 5381;

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

const scramble = (block: number): number => Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);

/** Murmur3, 32 bits, of a text of bytes. */
function nameHash(text: string): number {
  let hash = SEED;
  const whole = text.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const block =
      text.charCodeAt(i) |
      (text.charCodeAt(i + 1) << 8) |
      (text.charCodeAt(i + 2) << 16) |
      (text.charCodeAt(i + 3) << 24);
    hash = (Math.imul(rotate(hash ^ scramble(block), 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = text.length - 1; i >= whole; i--) tail = (tail << 8) | text.charCodeAt(i);
  if (whole < text.length) hash ^= scramble(tail);
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Where a name lies in the table. */
const bucketOf = (name: string): number => nameHash(name) % BUCKETS;

interface Placed {
  readonly name: string;
  bucket: number;
}

/** `names` as apk's table would give them; of two in one bucket the later one of the input comes first. */
export function inTableOrder<T extends Placed>(names: readonly T[]): T[] {
  for (const item of names) if (item.bucket < 0) item.bucket = bucketOf(item.name);
  return [...names].reverse().sort((a, b) => a.bucket - b.bucket);
}
