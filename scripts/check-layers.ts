/**
 * Fails when a file under src/ imports from a room that the table does not allow it, when files import each other in a
 * circle (type imports and dynamic imports count), or when two files have one name.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';

const STAGES = ['fetch', 'verify', 'solve', 'unpack', 'run', 'build', 'ship', 'mirror'];
const BELOW_PIPELINE = ['core', 'formats', 'system', 'store', ...STAGES];

/** From the ground up: a room of the pipeline may use those before it. */
const PIPELINE = ['session', 'repository', 'environment', 'apk', 'inspect', 'dockerfile', 'bundle'].map(
  (room) => `pipeline/${room}`,
);

/** What each room may import from, besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  formats: ['core'],
  'system/process': ['core'],
  'system/files': ['core', 'system/process'],
  'system/thread': ['core', 'system/process', 'system/files'],
  'system/tree': ['core', 'system/process', 'system/files'],
  'system/http': ['core', 'system/process', 'system/files'],
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
  ...Object.fromEntries(PIPELINE.map((room, at) => [room, [...BELOW_PIPELINE, ...PIPELINE.slice(0, at)]])),
  // What begins before any verb: descriptors that the caller left open.
  'pipeline.ts': [...PIPELINE, 'system/process'],
  'index.ts': ['core', 'pipeline', 'pipeline.ts'],
  // Not through the index: a command loads its own verb, and nothing of the others.
  cli: ['core', 'pipeline', 'pipeline.ts'],
};

/** Files under src/, and what each imports, relative to src/. */
type Graph = ReadonlyMap<string, readonly string[]>;

function readGraph(root: string): Graph {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  return new Map(
    paths.sort().map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      const imports = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)];
      return [path, [...new Set(imports.map(([, to = '']) => normalize(join(dirname(path), to))))]];
    }),
  );
}

const isUnder = (path: string, room: string): boolean => path === room || path.startsWith(`${room}/`);

const roomOf = (path: string): string => Object.keys(ALLOWED).find((room) => isUnder(path, room)) ?? path;

function* findTrespasses(graph: Graph): Generator<string> {
  for (const [path, imports] of graph) {
    const from = roomOf(path);
    for (const to of imports) {
      if (roomOf(to) === from || (ALLOWED[from] ?? []).some((room) => isUnder(to, room))) continue;
      yield `src/${path}: ${from} must not import from ${to}`;
    }
  }
}

/**
 * Files that can be reached from themselves, by depth-first search; each circle is named once, by its first edge back.
 */
function* findCircles(graph: Graph): Generator<string> {
  const done = new Set<string>();
  const way: string[] = [];
  function* visit(path: string): Generator<string> {
    if (way.includes(path)) {
      const circle = [...way.slice(way.indexOf(path)), path].map((file) => `src/${file}`);
      yield `files import each other in a circle: ${circle.join(' → ')}`;
      return;
    }
    if (done.has(path)) return;
    way.push(path);
    for (const to of graph.get(path) ?? []) yield* visit(to);
    way.pop();
    done.add(path);
  }
  for (const path of graph.keys()) yield* visit(path);
}

function* findNamesakes(graph: Graph): Generator<string> {
  const paths = [...graph.keys()];
  for (const [at, path] of paths.entries()) {
    const other = paths.slice(0, at).find((before) => basename(before) === basename(path));
    if (other !== undefined) yield `src/${path} has the name of src/${other}: two files of one name are hard to find`;
  }
}

const graph = readGraph(join(import.meta.dirname, '..', 'src'));
const problems = [...findTrespasses(graph), ...findCircles(graph), ...findNamesakes(graph)];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
