/** Enters every test of test/hostile into the ledger as an attack of its file's area. */
import { basename } from 'node:path';
import { afterEach } from 'vitest';
import { enter } from './ledger.ts';

afterEach(({ task }) => {
  const { filepath } = task.file;
  const state = task.result?.state;
  if (!/\/test\/hostile\//.test(filepath) || state === 'skip') return;
  enter({ kind: 'attack', area: basename(filepath, '.test.ts'), ok: state !== 'fail' });
});
