/**
 * The order in which apk hands directories to triggers: that of its hash table. Scripts see it in their arguments,
 * so it is part of what a tree looks like afterwards.
 *
 * @see apk-tools 2.14 `murmur3_32` in src/blob.c, `apk_hash_foreach`
 */

const SEED = 5381;
const BUCKETS = 20_000;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const mix = (value: number): number => Math.imul(rotate(Math.imul(value, 0xcc9e2d51), 15), 0x1b873593);

/** MurmurHash3, 32 bits, of one byte per character. */
export function murmur3(text: string, seed: number): number {
  const bytes = Buffer.from(text, 'latin1');
  const whole = bytes.length - (bytes.length % 4);
  let hash = seed;
  for (let at = 0; at < whole; at += 4)
    hash = (Math.imul(rotate(hash ^ mix(bytes.readInt32LE(at)), 13), 5) + 0xe6546b64) | 0;
  if (whole < bytes.length) hash ^= mix(bytes.readUIntLE(whole, bytes.length - whole));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** @param paths without leading slash, each once, in the order in which apk came to know them */
export function inApkOrder<T extends string>(paths: Iterable<T>): T[] {
  const buckets = [...paths].map((path, age) => ({ path, age, bucket: murmur3(path, SEED) % BUCKETS }));
  return buckets.sort((a, b) => a.bucket - b.bucket || b.age - a.age).map(({ path }) => path);
}
