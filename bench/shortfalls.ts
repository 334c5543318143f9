/** Why a row misses its goal, by id: shown in docs/benchmarks.md beside the figure for as long as it does. */
const STARTUP = 'what is not Node itself is reading and evaluating the 280 kB that such a command uses, and the printing';
const CLONE = 'each file is copied with its metadata from one thread in JavaScript, where the file system has no reflinks';
const UNPACK = 'start, minirootfs, fetching and verifying come before the first package is unpacked, and packages keep their order: the thread that inflates waits where files are many and small, the one that writes where they are few and large';

export const SHORTFALLS: Readonly<Record<string, string>> = {
  'cold-tmpfs': `${UNPACK}.`,
  'cold-disk': `${UNPACK}; and each package is written to the store as well.`,
  'small-add': 'half of it is the minirootfs, hashed, inflated and written by the same thread that did all else; then the start of the program, and the probe of the backend and the sandbox of the trigger, which it waits for.',
  'warm-tree-tmpfs': `${CLONE}.`,
  'warm-tree-disk': `${CLONE}.`,
  writable: `${CLONE}; removing it follows no link, at a price. An overlay would spare both.`,
  'no-op': `${STARTUP}; then the store, the mirror's index and the sandbox.`,
  version: STARTUP,
  help: STARTUP,
  completion: STARTUP,
  'run-true': `${STARTUP}; then the store, the mirror's index and the sandbox.`,
  'resolve-main': 'Node takes half as long to start as apk takes for all of it; the time within the process is told apart below.',
  'resolve-aarch64': 'Node takes half as long to start as apk takes for all of it; the time within the process is told apart below.',
  'resolve-large': 'half of it is parsing, whose names fill the tables of the solver; the time within the process is told apart below.',
  'build-cold': 'the cold install is part of it, and half of the CPU time comes on top of it: keys of steps, copies of trees, the output. Not profiled further.',
  'build-one-line': 'four times the CPU time of the compile alone: the program, the index, and a tree of its own for the step. Not profiled further.',
  network: 'curl knows all names beforehand and checks nothing. The packages come while the minirootfs does; what is left is the round trips before their names are known, and CPU: the start, the client, the minirootfs, and some 3 ms for each package.',
  'compile-proot': 'PRoot stops the traced program at system calls, at all of them where it was built without its seccomp filter, as Debian does; how many it makes for it is in the row `proot-calls`.',
  'growth-files': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-packages': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-bytes': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-steps': 'what the smallest sizes cost more is within the noise of the machine.',
};
