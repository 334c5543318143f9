/** A host that lets no more processes begin: how programs say so, and our words for it. */

export const TOO_MANY_PROCESSES = 'no more processes or threads may be started';
export const RAISE_PROCESSES =
  "end some of this user's processes, or raise the limit (ulimit -u, or pids.max of the container)";

/** Whether a program printed that it could not start another; strerror(EAGAIN) of glibc, musl and busybox. */
export const saysTooManyProcesses = (output: string): boolean =>
  /Resource temporarily unavailable|\bEAGAIN\b|no more processes or threads may be started/.test(output);
