/**
 * One resolve as a program: `resolve-once INDEX ARCH KEPT WORLD…` reads the form of the index that is kept in KEPT,
 * made when it is not there (`-`: none); prints its own times, then each package to install. Verifies nothing: it is
 * bundled for the bench alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { bufferSource } from '../src/core/bytes.ts';
import type { Sha256Hex } from '../src/core/digest.ts';
import type { Arch, RepositoryIndex } from '../src/core/package.ts';
import type { Verified } from '../src/core/verified.ts';
import { parseIndex } from '../src/formats/apk/apkindex.ts';
import { formatIndexForm, parseIndexForm } from '../src/formats/apk/cached-index.ts';
import { parseWorld } from '../src/formats/apk/world-file.ts';
import { createCatalog } from '../src/solve/catalog.ts';
import { solve } from '../src/solve/solve.ts';
import { indexCap, readSegment } from '../src/verify/signatures.ts';

const [file = '', arch = '', kept = '', ...world] = process.argv.slice(2);
const times: string[] = [];

function timed<T>(what: string, run: () => T): T {
  const start = performance.now();
  const value = run();
  times.push(`${what} ${(performance.now() - start).toFixed(0)} ms`);
  return value;
}

function parseFile(): Pick<RepositoryIndex, 'packages' | 'tables'> {
  const text = timed('inflate', () => {
    const bytes = readFileSync(file);
    return (
      readSegment(bufferSource(file, bytes), 0, 'index', indexCap(bytes.length)).files[0]?.content.toString(
        'latin1',
      ) ?? ''
    );
  });
  const parsed = timed('parse', () => parseIndex(text));
  if (kept !== '-')
    writeFileSync(
      kept,
      formatIndexForm(text, parsed, { sha256: hashOf(readFileSync(file)), description: '', memberStart: 0 }) ?? '',
    );
  return parsed;
}

/** As the store does it: the index file is hashed, and the form that is kept of it. */
function readKept(): Pick<RepositoryIndex, 'packages' | 'tables'> | undefined {
  const bytes = timed('read', () => readFileSync(kept));
  timed('hash', () => hashOf(readFileSync(file)) + hashOf(bytes));
  return timed('load', () => parseIndexForm(bytes));
}

const hashOf = (bytes: Buffer): Sha256Hex => createHash('sha256').update(bytes).digest('hex') as Sha256Hex;

const { packages, tables } = (kept !== '-' && existsSync(kept) ? readKept() : undefined) ?? parseFile();
const index: RepositoryIndex = {
  location: 'index',
  description: '',
  sha256: '' as Sha256Hex,
  sizeBytes: 0,
  packages,
  ...(tables === undefined ? {} : { tables }),
};
const catalog = timed('tables', () => createCatalog([{ index: index as Verified<RepositoryIndex> }]));
const plan = timed('solve', () =>
  solve({ arch: arch as Arch, world: parseWorld(world.join(' ')), repositories: catalog, installed: [] }),
);
const lines = plan.changes.flatMap((change) =>
  change.kind === 'install' ? [`${change.next.record.name} (${change.next.record.version})`] : [],
);
writeSync(1, `${[times.join(', '), ...lines].join('\n')}\n`);
