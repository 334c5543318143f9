/** A tree copied once per build: reflinks where the file system has them, else copies; links stay links, hard links stay together. */
import { chmodSync, constants, copyFileSync, lchownSync, linkSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import type { HostPath } from '../core/paths.ts';

/**
 * @param from a tree of ours that nothing writes to meanwhile
 * @param to does not exist yet
 * @param owners whether to set owners as well, which only root can
 */
export function cloneTree(from: HostPath, to: HostPath, { owners }: { readonly owners: boolean }): void {
  const linked = new Map<bigint, Buffer>();
  const copy = (source: Buffer, target: Buffer): void => {
    const stat = lstatSync(source, { bigint: true });
    const mode = Number(stat.mode & 0o7777n);
    if (stat.isDirectory()) {
      mkdirSync(target, 0o700);
      for (const name of readdirSync(source, { encoding: 'buffer' })) copy(join(source, name), join(target, name));
    } else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(source, { encoding: 'buffer' }), target);
    else if (stat.isFile()) {
      const first = stat.nlink > 1n ? linked.get(stat.ino) : undefined;
      if (first !== undefined) return linkSync(first, target);
      if (stat.nlink > 1n) linked.set(stat.ino, target);
      copyReadable(source, target, mode);
    } else return;
    if (owners) lchownSync(target, Number(stat.uid), Number(stat.gid));
    if (!stat.isSymbolicLink()) chmodSync(target, mode);
    lutimesSync(target, Number(stat.atimeNs) / 1e9, Number(stat.mtimeNs) / 1e9);
  };
  copy(Buffer.from(from), Buffer.from(to));
}

/** Also a file that its owner may not read, such as a set-id program with mode 4111. */
function copyReadable(source: Buffer, target: Buffer, mode: number): void {
  const hidden = (mode & 0o400) === 0 && process.getuid?.() !== 0;
  if (hidden) chmodSync(source, mode | 0o400);
  copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  if (hidden) chmodSync(source, mode);
}

const SLASH = Buffer.from('/');

const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name]);
