/** Writes the pages that are made from the code: `docs/cli.md`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../src/cli/commands.ts';
import { formatManual } from '../src/cli/manual.ts';
import { COMMON_OPTIONS } from '../src/cli/options.ts';

writeFileSync(
  join(import.meta.dirname, '..', 'docs', 'cli.md'),
  formatManual({ commands: COMMANDS, common: COMMON_OPTIONS }),
);
