/** Watching for the end of a process's first child, for programs that go on as long as any descendant does. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const INTERVAL_MS = 20;
/** So many looks after its child the process should have ended by itself, and is asked to. */
const PATIENCE = 10;
/** So many looks without seeing any child, and it has ended before the first one. */
const NEVER_SEEN = 250;

export interface ChildWatch {
  /** How many generations below `pid` the process stands whose first child is meant; 0 is `pid` itself. */
  readonly below: number;
  /** Gets that process, or `pid` when it was never seen. */
  readonly onEnd: (pid: number) => void;
}

/** Calls `onEnd` once, when the first child has ended and its parent has not. Give up with the function returned. */
export function watchFirstChild(pid: number, { below, onEnd }: ChildWatch): () => void {
  const line = [pid];
  let looks = 0;
  const timer = setInterval(() => {
    for (
      let next: number | undefined;
      line.length < below + 2 && (next = firstChildOf(line.at(-1) ?? pid)) !== undefined;
    )
      line.push(next);
    const first = line[below + 1];
    if (first !== undefined && existsSync(`/proc/${first}`)) return;
    if (++looks < (first === undefined ? NEVER_SEEN : PATIENCE)) return;
    clearInterval(timer);
    onEnd(line[below] ?? pid);
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}

function firstChildOf(pid: number): number | undefined {
  const children = readOrNothing(`/proc/${pid}/task/${pid}/children`);
  if (children !== undefined) return children === '' ? undefined : Number(children.split(' ')[0]);
  return readdirSync('/proc')
    .map(Number)
    .filter((other) => other > 0 && parentPid(other) === pid)
    .sort((a, b) => a - b)[0];
}

/** The command's name may hold anything, so fields are counted from its closing bracket. */
function parentPid(pid: number): number | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
