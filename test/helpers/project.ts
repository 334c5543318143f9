/** Where the checkout is. */
import { join } from 'node:path';

export const projectRoot: string = join(import.meta.dirname, '..', '..');
