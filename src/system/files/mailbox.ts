/**
 * A directory through which a sandbox and we trade small files. What the other side puts there is taken without
 * following links; what we put appears by rename, whole. Watched by looking, which works on every file system and in
 * every sandbox.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';

export interface Mailbox {
  /** Calls `handle` for each name, one at a time, until `close`; rejects when `handle` does. */
  readonly watch: (handle: (name: string) => Promise<void>) => Promise<void>;
  /** Reads and removes a regular file; undefined for anything else. */
  readonly take: (name: string, maxBytes: number) => Buffer | undefined;
  readonly put: (name: string, content: string | Uint8Array) => void;
  /** Leaves `closed` in the directory and ends the watch after the request at hand. */
  readonly close: () => void;
}

const POLL_MS = 15;

/** @param directory existing, ours alone until it is bound into the sandbox */
export function openMailbox(directory: HostPath): Mailbox {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const at = (name: string): string => `/proc/self/fd/${fd}/${name}`;
  let open = true;

  function put(name: string, content: string | Uint8Array): void {
    const temporary = at(`.put-${randomBytes(6).toString('hex')}`);
    writeFileSync(temporary, content, { flag: 'wx', mode: 0o644 });
    renameSync(temporary, at(name));
  }

  function take(name: string, maxBytes: number): Buffer | undefined {
    try {
      const file = openSync(at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const stat = fstatSync(file);
        return stat.isFile() && stat.size <= maxBytes ? readFileSync(file) : undefined;
      } finally {
        closeSync(file);
        unlinkSync(at(name));
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  async function watch(handle: (name: string) => Promise<void>): Promise<void> {
    try {
      while (open) {
        for (const name of readdirSync(at('.')).sort()) await handle(name);
        await delay(POLL_MS);
      }
    } finally {
      try {
        put('closed', '');
      } finally {
        closeSync(fd);
      }
    }
  }

  return { watch, take, put, close: () => void (open = false) };
}
