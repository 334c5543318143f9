/**
 * The thread that copies files, and that reads, hashes and inflates their members, in the order in which it is told of
 * them.
 */
import { copyHashed, descriptorSource, type CopyJob } from '../system/files/hashed-file.ts';
import { serveJobs } from '../system/thread/thread.ts';
import { inflateHere, type InflateJob } from './inflate.ts';

serveJobs({
  job: (job, { room, write }) => {
    const { descriptor, name, ...options } = job as InflateJob;
    return inflateHere(descriptorSource(descriptor, name), options, {
      room,
      deferCrc: true,
      onInflated: ({ length }) => write(length),
    });
  },
  query: (query) => copyHashed(query as CopyJob),
});
