/** The thread that copies package files, and that reads, hashes and inflates their members, in the order in which it is told of them. */
import { demandDataHash } from '../formats/data-hash.ts';
import { inflateMember } from '../formats/gzip-member.ts';
import { copyHashed, descriptorSource, type CopyJob } from '../system/hashed-file.ts';
import { RingClosed, type RingWriter } from '../system/ring.ts';
import { serveJobs } from '../system/thread.ts';
import { DATA_SLOT, END_SLOT, outcomeOf, type InflateJob, type InflateOutcome } from './package-job.ts';

function inflate({ descriptor, name, start, maxBytes, sha256 }: InflateJob, ring: RingWriter): InflateOutcome {
  try {
    const source = descriptorSource(descriptor, name);
    if (sha256 !== undefined) demandDataHash(source, start, { expected: sha256 });
    const onInflated = ({ length }: Uint8Array): void => ring.commit(DATA_SLOT, length);
    return { kind: 'done', end: inflateMember(source, start, { maxBytes, limitName: 'unpacked', room: ring.room, deferCrc: true, onInflated }) };
  } catch (error) {
    if (!(error instanceof Error) || error instanceof RingClosed) throw error;
    return outcomeOf(error);
  }
}

serveJobs({
  job: (job, ring) => {
    const outcome = inflate(job as InflateJob, ring);
    ring.commit(END_SLOT, new TextEncoder().encodeInto(JSON.stringify(outcome), ring.room()).written);
  },
  question: (question) => copyHashed(question as CopyJob),
});
