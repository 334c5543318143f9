/**
 * Work on a tree while another thread swaps one of its directories for a link out of it, and what came of it outside.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import { openWorkTree, type WorkTree } from '../../src/system/tree/work-tree.ts';
import { swapDoor } from './swapper.ts';

type Road = (tree: WorkTree, round: number) => void;

/** Every way to change something through `door`, by its name. */
export const ROADS: Readonly<Record<string, Road>> = {
  'writing a file': (tree, round) => tree.writeFile(`door/new${round}` as TreePath, Buffer.from('x'), 0o644),
  'creating and finishing a file': (tree, round) => {
    const file = tree.createFile(`door/made${round}` as TreePath);
    file.write(Buffer.from('x'));
    file.finish(0o4755, 1);
  },
  'changing a mode': (tree) => tree.setMode('door/victim' as TreePath, 0o777),
  'changing a time': (tree) => tree.setTime('door/victim' as TreePath, 1),
  'making a directory': (tree, round) => tree.makeDirectory(`door/d${round}` as TreePath, 0o777),
  'making a link': (tree, round) => tree.makeSymlink(`door/l${round}` as TreePath, 'x'),
  'renaming onto': (tree, round) => {
    tree.writeFile(`file${round}` as TreePath, Buffer.from('x'), 0o644);
    tree.rename(`file${round}` as TreePath, 'door/victim' as TreePath);
  },
  'writing where a path leads': (tree, round) =>
    tree.writeFile(tree.resolve(`door/r${round}` as TreePath), Buffer.from('x'), 0o644),
  'removing a file': (tree) => {
    tree.remove('door/victim' as TreePath);
    // What is not there is not an error for a removal; this tells whether the door is shut.
    tree.setMode('door/nothing' as TreePath, 0o700);
  },
  'removing everything in the directory': (tree) => {
    for (const name of tree.list('door' as TreePath)) tree.remove(`door/${name}` as TreePath);
  },
};

export interface Race {
  readonly rounds: number;
  /** Rounds in which the link stood at the door, or nothing did. */
  readonly shut: number;
  /** What happened outside; nothing, if all is well. */
  readonly wrong: readonly string[];
}

/** At most so many times the rounds that were asked for, until the door was met both ways. */
const PATIENCE = 100;

/**
 * Goes one road again and again. Directories that a tree has open stay open while synchronous work goes on, so each
 * round is a turn of its own: the door is opened anew each time.
 */
export async function raceTree(road: string, rounds: number): Promise<Race> {
  const place = mkdtempSync(join(tmpdir(), 'alproot-swap-'));
  for (const name of ['tree', 'outside']) mkdirSync(join(place, name));
  writeFileSync(join(place, 'outside/victim'), 'untouched', { mode: 0o600 });
  const before = pictureOf(place);
  const adversary = await swapDoor(join(place, 'tree'), join(place, 'outside'));
  const tree = openWorkTree(hostPath(join(place, 'tree')));
  let [shut, round] = [0, 0];
  try {
    for (; round < rounds || ((shut === 0 || shut === round) && round < PATIENCE * rounds); round++) {
      if (isShut(() => ROADS[road]?.(tree, round))) shut++;
      await undefined;
    }
  } finally {
    tree.close();
    await adversary.terminate();
  }
  const after = pictureOf(place);
  rmSync(place, { recursive: true, force: true });
  return { rounds: round, shut, wrong: after.filter((line, at) => line !== before[at]) };
}

/** Whether the door could not be gone through; that there was no such file behind it is not a sign. */
function isShut(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (!isAlprootError(error) && !(error instanceof Error && 'code' in error)) throw error;
    return /ELOOP|ENOTDIR|link/.test(`${error.code} ${error.message}`);
  }
}

function pictureOf(place: string): string[] {
  const victim = join(place, 'outside/victim');
  const names = readdirSync(join(place, 'outside'));
  if (!names.includes('victim')) return [names.join(' ')];
  const { mode, ino, mtimeNs, ctimeNs, nlink } = statSync(victim, { bigint: true });
  return [
    names.join(' '),
    readFileSync(victim, 'latin1'),
    `mode ${mode}`,
    `inode ${ino}`,
    `mtime ${mtimeNs}`,
    `ctime ${ctimeNs}`,
    `links ${nlink}`,
  ];
}
