/** Why a row misses its goal, by id: shown in docs/benchmarks.md beside the figure for as long as it does. */
const STARTUP = 'each command loads the whole program before it looks at its words; `--version` shows that part alone';
const UNPACK = 'inflating, hashing and writing follow one another in one thread, and each package is copied into the store before it is unpacked';

export const SHORTFALLS: Readonly<Record<string, string>> = {
  'cold-tmpfs': `${UNPACK}; the goal needs both cores at work on the large package.`,
  'cold-disk': `${UNPACK}; on disk the second copy counts twice.`,
  'small-add': 'the start of the program, the index and the minirootfs cost the same for a small package as for a large one.',
  'warm-tree-tmpfs': '`rootfs create` unpacks and checks again what it has unpacked before, where it could clone the tree that its store has.',
  'warm-tree-disk': '`rootfs create` unpacks and checks again what it has unpacked before, where it could clone the tree that its store has.',
  writable: 'the environment is copied file by file through Node.',
  'no-op': `${STARTUP}, and the mirror's index is read and checked again.`,
  version: STARTUP,
  help: STARTUP,
  'run-true': `${STARTUP}, and the mirror's index is read and checked again.`,
  'resolve-main': 'parsing makes an object of every package; the time within the process is told apart below.',
  'resolve-aarch64': 'parsing makes an object of every package; the time within the process is told apart below.',
  'resolve-large': 'parsing makes an object of every package; the time within the process is told apart below.',
  'build-cold': 'the cold install is part of it, and half of the CPU time comes on top of it: keys of steps, copies of trees, the output. Not profiled further.',
  'build-one-line': 'four times the CPU time of the compile alone: the program, the index, and a tree of its own for the step. Not profiled further.',
  network: 'curl knows all names beforehand; minirootfs, index and packages wait for one another, and the time of unpacking comes on top.',
  'compile-proot': 'PRoot stops the traced program at system calls; how many it makes for it is in the row `proot-calls`.',
  'growth-files': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-packages': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-bytes': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-steps': 'what the smallest sizes cost more is within the noise of the machine.',
};
