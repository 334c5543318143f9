/**
 * The first file of the built program. `--version` needs nothing else; everything else is a few large scripts of
 * modules (see `scripts/chunks.mjs`), each read when one of its modules is first asked for.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadCompiled } from './code-cache.ts';
import { version } from './program-version.ts';

declare const __filename: string;
/** Which file has a module, for all that are not in the first one. */
declare const ALPROOT_PLACES: Readonly<Record<string, string>>;

type Modules = Readonly<
  Record<
    string,
    (exports: unknown, require: (name: string) => unknown, module: { exports: unknown }, url: string) => void
  >
>;

/** Modules of Node's own that cost milliseconds and that many commands have no use for. */
const SELDOM = new Set([
  'node:child_process',
  'node:dns/promises',
  'node:http',
  'node:https',
  'node:net',
  'node:tls',
  'node:worker_threads',
  'node:zlib',
]);

/** Stands for a module until something of it is asked for. */
function whenUsed(load: () => object): object {
  let loaded: object | undefined;
  return new Proxy({}, { get: (_, name): unknown => Reflect.get((loaded ??= load()), name) });
}

/** `require` of the modules inside. */
function createLoader(directory: string): (name: string) => unknown {
  const native = createRequire(__filename);
  const files = new Map<string, Modules>();
  const loaded = new Map<string, { exports: unknown }>();
  const load = (request: string): unknown => {
    if (SELDOM.has(request)) return whenUsed(() => native(request) as object);
    if (!request.startsWith('./')) return native(request);
    const name = request.slice(2);
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const file = ALPROOT_PLACES[name] ?? 'engine.cjs';
    let modules = files.get(file);
    if (modules === undefined)
      files.set(file, (modules = loadCompiled(join(directory, file), verbOf(process.argv[2])) as Modules));
    const module = { exports: {} };
    loaded.set(name, module);
    modules[name]?.(module.exports, load, module, pathToFileURL(__filename).href);
    return module.exports;
  };
  return load;
}

/** Commands use different functions of the same file, so each keeps a compiled form of its own. */
const verbOf = (word = ''): string => (/^[a-z]{2,10}$/.test(word) ? word : 'any');

if (process.argv[2] === '--version' || process.argv[2] === '-V') process.stdout.write(`alproot ${version}\n`);
else createLoader(dirname(__filename))('./main.js');
