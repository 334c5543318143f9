/** Fails when a file under src/ imports a layer that STYLE's table does not allow it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const STAGES = ['fetch', 'verify', 'solve', 'unpack', 'run', 'build', 'ship', 'mirror'];
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  formats: ['core'],
  system: ['core'],
  store: ['core', 'system'],
  fetch: ['core', 'system', 'store'],
  verify: ['core', 'formats'],
  solve: ['core', 'formats'],
  unpack: ['core', 'formats', 'system', 'store'],
  ship: ['core', 'formats', 'system', 'store'],
  mirror: ['core', 'formats', 'system', 'store'],
  // The loader backend asks programs for their interpreters.
  run: ['core', 'formats', 'system'],
  build: ['core', 'formats', 'system', 'run'],
  pipeline: ['core', 'formats', 'system', 'store', ...STAGES],
  index: ['core', 'pipeline'],
  // Not through the index: a command loads its own verb, and nothing of the others.
  cli: ['core', 'pipeline'],
};

const root = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), '..', 'src');
const layerOf = (path: string): string => relative(root, path).split('/')[0]?.replace(/\.ts$/, '') ?? '';

let wrong = 0;
for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
  if (!entry.endsWith('.ts')) continue;
  const file = join(root, entry);
  const from = layerOf(file);
  for (const match of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const to = layerOf(normalize(join(dirname(file), match[1] ?? '')));
    if (to === from || (ALLOWED[from] ?? []).includes(to)) continue;
    process.stderr.write(`src/${entry}: layer ${from} must not import ${to} (${match[1]})\n`);
    wrong++;
  }
}
process.exitCode = wrong === 0 ? 0 : 1;
