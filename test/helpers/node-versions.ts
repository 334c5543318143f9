/** Releases of Node that alproot promises to run on, as npm has their binaries. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { npm, testCache } from './packed.ts';

/** The oldest that `engines` allows, and the newest of each line that is kept up. */
export const NODE_VERSIONS = ['20.18.1', '22.23.5', '24.22.3'] as const;
export type NodeVersion = (typeof NODE_VERSIONS)[number];

/** The binary of a release; fetched at its first use. */
export function nodeOf(version: NodeVersion): string {
  const directory = join(testCache, `node-${version}-${process.arch}`);
  const binary = join(directory, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(binary)) installNode(version, directory);
  return binary;
}

function installNode(version: NodeVersion, directory: string): void {
  mkdirSync(testCache, { recursive: true });
  const work = mkdtempSync(join(testCache, 'making-'));
  try {
    npm(
      [
        'install',
        '--prefix',
        work,
        '--no-save',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        `node-linux-${process.arch}@${version}`,
      ],
      work,
    );
    renameSync(work, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
