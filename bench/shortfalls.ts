/** Why a row misses its goal, by id: shown in docs/benchmarks.md beside the figure for as long as it does. */
const STARTUP =
  'what is not Node itself is reading and evaluating the 280 kB that such a command uses, and the printing';
const CLONE =
  "the start of the program, the store and the mirror's index, some 70 ms, come before the copying, which takes as long as `cp -a` where the file system has no reflinks, or less with a processor for each half";
const UNPACK =
  'it is faster than apk, but not by half: a third of the time is Node, indexes, minirootfs and the trigger in its sandbox, whatever is installed, most of that on one processor; a third of the CPU is V8 compiling, and JavaScript that runs a few times; gcc is three quarters of the bytes, and one stream that one thread inflates; and bytes are copied into the store, hashed and only then inflated, three passes where the goal supposes one';

export const SHORTFALLS: Readonly<Record<string, string>> = {
  'cold-tmpfs': `${UNPACK}.`,
  'cold-disk': `${UNPACK}.`,
  'small-add':
    'of 180 ms the start of the program is 50, indexes 20, the minirootfs, hashed, inflated and written, 70, the sandbox of the trigger 20, all one after another.',
  'warm-tree-tmpfs': `${CLONE}.`,
  'warm-tree-disk': `${CLONE}.`,
  writable:
    'the kernel mounts no overlay here, so the tree is copied and removed again, as cp and rm do, and the program starts before that.',
  'no-op': `${STARTUP}; then the store, the mirror's index and the sandbox.`,
  version: STARTUP,
  help: STARTUP,
  completion: STARTUP,
  'run-true': `${STARTUP}; then the store, the mirror's index and the sandbox.`,
  'resolve-main':
    'Node takes half as long to start as apk takes for all of it; the time within the process is told apart below.',
  'resolve-aarch64':
    'Node takes half as long to start as apk takes for all of it; the time within the process is told apart below.',
  'resolve-large':
    'half of it is parsing, whose names fill the tables of the solver; the time within the process is told apart below.',
  'build-cold':
    'of 850 ms the layer of RUN apk add, a tar of 100 MB, takes 190 (reading, hashing, writing) and the walk that finds what belongs in it 25; a RUN verifies all packages before it unpacks any, 110; the base is kept in the store and copied for the stage, a sandbox is tried and started, 100.',
  'build-unchanged':
    'the other side compiles in 40 ms, and Node alone is 30: reading and evaluating the program is 25 more, keys, records and output of the build itself are 8.',
  'build-one-line':
    'Node (30 ms) and the compile (40) alone would be 1.8. An unchanged build is 73 ms; a step that runs adds 45 to its compile: the sandbox, the pipes for apk, two walks over the metadata of the tree, the record that is kept with it.',
  network:
    'curl knows all names beforehand and checks nothing. The packages come while the minirootfs does; what is left is the round trips before their names are known, and CPU: the start, the client, the minirootfs, and some 3 ms for each package.',
  'compile-proot':
    'PRoot stops the traced program at system calls, at all of them and twice where it was built without its seccomp filter, as Debian does (its program does not even import prctl, without which there is no filter); how many it makes for it is in the row `proot-calls`.',
  'growth-files': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-packages': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-bytes': 'what the smallest sizes cost more is within the noise of the machine.',
  'growth-steps': 'what the smallest sizes cost more is within the noise of the machine.',
};
