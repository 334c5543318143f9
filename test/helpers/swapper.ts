/** A thread that swaps a directory of a tree for a link out of it, again and again, as fast as it can. */
import { Worker } from 'node:worker_threads';

const SWAPPER = `
  const { renameSync, symlinkSync, mkdirSync } = require('node:fs');
  const { workerData: { root, outside }, parentPort } = require('node:worker_threads');
  mkdirSync(root + '/real'); symlinkSync(outside, root + '/link');
  renameSync(root + '/real', root + '/door');
  parentPort.postMessage('ready');
  for (;;) {
    try { renameSync(root + '/door', root + '/real'); renameSync(root + '/link', root + '/door'); } catch {}
    try { renameSync(root + '/door', root + '/link'); renameSync(root + '/real', root + '/door'); } catch {}
  }`;

/**
 * `door` of `root` is by turns a directory and a link to `outside`; resolves when the swapping has begun. End it with
 * `terminate`.
 */
export async function swapDoor(root: string, outside: string): Promise<Worker> {
  const worker = new Worker(SWAPPER, { eval: true, workerData: { root, outside } });
  await new Promise((resolve) => worker.once('message', resolve));
  return worker;
}
