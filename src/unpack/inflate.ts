/** The data member of an open package file, inflated by this thread or by the one that helps it. */
import { crc32 } from 'node:zlib';
import type { ByteSource } from '../core/bytes.ts';
import { openChecked, type PackageData } from '../formats/apk/package-data.ts';
import { requireCrc, inflateMember, type MemberEnd, type MemberOptions } from '../formats/gzip/gzip-member.ts';
import type { Thread } from '../system/thread/thread.ts';

/** The bytes of a member. @throws as inflateMember; ALP_VERIFY_DIGEST before any of them is given */
export type Inflate = (onInflated: (chunk: Uint8Array) => void) => MemberEnd;

export interface InflateOptions extends Pick<MemberOptions, 'header' | 'maxBytes'> {
  /** What is pending is checked before any of it is inflated. */
  readonly data: PackageData;
}

/** What the other thread is told; the file is open until it is done. */
export interface InflateJob extends InflateOptions {
  readonly descriptor: number;
  readonly name: string;
}

/** With a thread it begins at once, and what was begun must be taken in the same order. */
export function inflateFrom(source: ByteSource, options: InflateOptions, thread: Thread | undefined): Inflate {
  const { descriptor, name } = source;
  if (thread?.isAlive() !== true || descriptor === undefined)
    return (onInflated) => inflateHere(source, options, { onInflated });
  const receive = thread.begin({ ...options, descriptor, name } satisfies InflateJob);
  return (onInflated) => {
    // Left to this side, which has less to do.
    let crc = 0;
    const end = receive((bytes) => {
      crc = crc32(bytes, crc);
      onInflated(bytes);
    }) as MemberEnd;
    requireCrc(source, end, crc);
    return end;
  };
}

/** @throws as inflateMember; ALP_VERIFY_DIGEST before any of them is given */
export function inflateHere(
  source: ByteSource,
  { data, ...options }: InflateOptions,
  how: Pick<MemberOptions, 'onInflated' | 'room' | 'deferCrc'>,
): MemberEnd {
  const { start } = openChecked(source, data);
  return inflateMember(source, start, { ...options, ...how, limitName: 'unpacked' });
}
