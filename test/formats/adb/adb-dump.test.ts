import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bufferSource } from '../../../src/core/bytes.ts';
import { formatAdbDump } from '../../../src/formats/adb/adb-dump.ts';
import { capability } from '../../helpers/capabilities.ts';
import { upstreamRoot } from '../../helpers/upstream.ts';

const upstream = capability('upstream');

it.skipIf(upstream.skip).each([
  ['Packages.adb', 'Packages.dump.yaml'],
  ['demo-zstd-1.2.3-r4.apk', 'demo-zstd.dump.yaml'],
])(`%s is dumped as apk dumps it${upstream.reason}`, (name, dump) => {
  const root = join(upstreamRoot, 'adb');
  expect(formatAdbDump(bufferSource(name, readFileSync(join(root, name))))).toBe(
    readFileSync(join(root, dump), 'latin1'),
  );
});
