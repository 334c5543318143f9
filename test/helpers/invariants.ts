/**
 * What holds around every attack: a canary beside the tree (and one whose name the tree's is a prefix of) and the
 * tree itself are as before (I1, I2), every blob of the store has the name of its bytes (I3), nothing temporary
 * survives the next opening of the store (I4), the lock is as it was (I5), and what is printed is plain (I7). That
 * nothing is acted on unverified (I6) shows in the code that each attack must get.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { enter } from './ledger.ts';
import { picture } from './worlds.ts';

export interface Arena {
  readonly place: string;
  /** The tree. */
  readonly dest: HostPath;
  readonly store: HostPath;
  readonly close: () => void;
}

export function makeArena(): Arena {
  const place = mkdtempSync(join(tmpdir(), 'alproot-arena-'));
  for (const path of ['out/etc', 'out/usr/bin', 'out/lib', 'out-evil', 'canary', 'home/.ssh'])
    mkdirSync(join(place, path), { recursive: true });
  for (const path of ['out/etc/passwd', 'out-evil/file', 'canary/file', 'home/.ssh/id_rsa', 'alproot.lock'])
    writeFileSync(join(place, path), 'untouched');
  return {
    place,
    dest: hostPath(join(place, 'out')),
    store: hostPath(join(place, 'store')),
    close: () => rmSync(place, { recursive: true, force: true }),
  };
}

/** Times of directories count too: a name that came and went leaves its trace there. */
const times = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'latin1' })
    .sort()
    .map((name) => `${name} ${lstatSync(join(path, name)).mtimeMs}`);

const beside = ({ place }: Arena): unknown => [
  picture(join(place, 'canary')),
  times(join(place, 'canary')),
  picture(join(place, 'out-evil')),
  times(join(place, 'out-evil')),
  picture(join(place, 'home')),
  times(join(place, 'home')),
  readFileSync(join(place, 'alproot.lock'), 'utf8'),
];

/**
 * Runs an attack and checks the invariants around it.
 *
 * @returns the error's code, or `accepted`; anything but our own error is thrown on
 */
export async function underAttack(arena: Arena, attack: (arena: Arena) => unknown): Promise<string> {
  const before = beside(arena);
  const tree = picture(arena.dest);
  let code = 'accepted';
  try {
    await attack(arena);
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    code = error.code;
    expect(`${error.message}${error.hint ?? ''}`).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    expect(picture(arena.dest)).toEqual(tree);
  }
  expect(beside(arena)).toEqual(before);
  if (existsSync(arena.store)) checkStore(arena.store);
  enter({ kind: 'invariant', area: 'I1 to I7 around one attack', ok: true });
  return code;
}

function checkStore(root: HostPath): void {
  const store = openStore(root, { clock: systemClock });
  expect(readdirSync(store.path('tmp'))).toEqual([]);
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /[0-9a-f]{64}$/.test(path) && lstatSync(join(root, path)).isFile() && path.startsWith('blobs'),
  )) {
    expect(
      createHash('sha256')
        .update(readFileSync(join(root, name)))
        .digest('hex'),
    ).toBe(name.split('/').at(-1));
  }
}
