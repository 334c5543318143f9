/** Files that ship with alproot (`keys/`), found by walking up from the running file. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostPath, type HostPath } from '../../core/paths.ts';

/** The directory that holds `keys/`. */
export function packageRoot(): HostPath {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'keys', 'minirootfs.sha512'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('the keys directory of alproot is missing from its installation');
    directory = parent;
  }
  return hostPath(directory);
}
