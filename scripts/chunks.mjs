/**
 * One program as few files of CommonJS modules. esbuild splits ES modules along their dynamic imports; each piece
 * becomes a function here, and pieces that are needed together share a file, so that a command reads and compiles
 * little more than it uses, and nothing is there twice.
 */
import { build, transform } from 'esbuild';

/** A piece with more than this of somebody else's code is a file of its own. */
const VENDOR_BYTES = 50_000;

/**
 * @param {object} request
 * @param {import('esbuild').BuildOptions} request.options with `splitting` in mind: entry points and defines
 * @param {string} request.entry the module that the program starts with, as esbuild names its output
 * @param {readonly string[]} request.together sources whose pieces, with all that they import at once, are in the
 * first file
 * @returns {Promise<{ files: Map<string, string>, places: Record<string, string> }>} texts by file name (`engine.cjs`
 * first), and the file of every piece that is not in it
 */
export async function makeChunks({ options, entry, together }) {
  const { outputFiles, metafile } = await build({
    ...options,
    bundle: true,
    format: 'esm',
    splitting: true,
    outdir: '/',
    write: false,
    metafile: true,
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [nameOf(path), output]));
  // Of a CommonJS package such an import has no names but `default`, unlike under Node.
  const bare = [...outputs.values()].find(({ entryPoint }) => entryPoint?.includes('node_modules/'));
  if (bare !== undefined)
    throw new Error(`${bare.entryPoint} is imported dynamically: do that with a module of ours that imports it`);
  const first = closure(
    outputs,
    [...outputs]
      .filter(([name, { entryPoint }]) => name === entry || together.some((source) => entryPoint?.endsWith(source)))
      .map(([name]) => name),
  );
  const files = new Map([['engine.cjs', []]]);
  const places = {};
  for (const { path, text } of [...outputFiles].sort((a, b) => (nameOf(a.path) < nameOf(b.path) ? -1 : 1))) {
    const name = nameOf(path);
    const file = first.has(name) ? 'engine.cjs' : fileFor(outputs.get(name));
    if (file !== 'engine.cjs') places[name] = file;
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: 'node20.18',
      supported: { 'dynamic-import': false },
      minifyWhitespace: true,
      minifySyntax: true,
    });
    if (!files.has(file)) files.set(file, []);
    files.get(file).push(`${JSON.stringify(name)}:function(exports,require,module,importMetaUrl){${code}}`);
  }
  return { files: new Map([...files].map(([file, pieces]) => [file, `({${pieces.join(',\n')}})\n`])), places };
}

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1);

/** All pieces that are loaded with these. */
function closure(outputs, names) {
  const found = new Set();
  const add = (name) => {
    if (found.has(name)) return;
    found.add(name);
    for (const { path, kind, external } of outputs.get(name).imports)
      if (external !== true && kind !== 'dynamic-import') add(nameOf(path));
  };
  names.forEach(add);
  return found;
}

function fileFor({ inputs }) {
  const vendors = new Map();
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const vendor = /node_modules\/([^/]+)/.exec(path)?.[1];
    if (vendor !== undefined) vendors.set(vendor, (vendors.get(vendor) ?? 0) + bytesInOutput);
  }
  const [[vendor, bytes] = ['', 0]] = [...vendors].sort((a, b) => b[1] - a[1]);
  return bytes > VENDOR_BYTES ? `engine-${vendor}.cjs` : 'engine-more.cjs';
}
