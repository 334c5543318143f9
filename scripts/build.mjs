// Bundles the CLI into few CommonJS scripts behind a small file that starts it, and the library into one ES module.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { makeChunks } from './chunks.mjs';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const shared = {
  platform: 'node',
  target: 'node20.18',
  define: { ALPROOT_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
  legalComments: 'none',
};

async function writeCommand() {
  const { files, places } = await makeChunks({
    options: {
      ...shared,
      minify: true,
      define: { ...shared.define, 'import.meta.url': 'importMetaUrl' },
      entryPoints: [join(root, 'src/cli/main.ts')],
    },
    entry: 'main.js',
    together: [
      'src/cli/program.ts',
      'src/cli/commands/run-command.ts',
      'src/cli/commands/cc-command.ts',
      'src/cli/commands/completion-command.ts',
    ],
  });
  for (const [file, text] of files) replace(file, text);
  await writeBundle('alproot.cjs', 'src/cli/start.ts', {
    format: 'cjs',
    minify: true,
    define: { ...shared.define, ALPROOT_PLACES: JSON.stringify(places) },
  });
  for (const name of readdirSync(join(root, 'dist')))
    if (/^engine.*\.cjs$/.test(name) && !files.has(name)) rmSync(join(root, 'dist', name));
}

const writeThread = () =>
  writeBundle('package-thread.cjs', 'src/unpack/package-thread.ts', {
    format: 'cjs',
    minify: true,
    define: { ...shared.define, 'import.meta.url': '__filename' },
  });

const writeLibrary = () => writeBundle('index.js', 'src/index.ts', { format: 'esm', packages: 'external' });

/** One entry point, with all that it imports, as one file of dist/. */
async function writeBundle(name, entry, options) {
  const { outputFiles } = await build({
    ...shared,
    ...options,
    bundle: true,
    write: false,
    entryPoints: [join(root, entry)],
  });
  replace(name, outputFiles[0].text);
}

function replace(name, text) {
  const temporary = join(root, 'dist', `${name}.${process.pid}.tmp`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(root, 'dist', name));
}

mkdirSync(join(root, 'dist'), { recursive: true });
await writeCommand();
await writeThread();
await writeLibrary();

// The parts in C, for every machine that a compiler is at hand for; hosts without one need them ready.
mkdirSync(join(root, 'dist/native'), { recursive: true });
const { outputFiles } = await build({
  ...shared,
  entryPoints: [join(root, 'src/run/native-parts.ts')],
  format: 'esm',
  write: false,
  legalComments: 'none',
});
const { NATIVE_FLAGS, NATIVE_PARTS } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
const machines = { x86_64: { x64: ['cc', 'gcc', 'clang'] }, aarch64: { arm64: ['cc', 'gcc', 'clang'] } };
/** A package for everybody has to have them all; a build for this machine misses nothing by lacking another's. */
const everyMachine = process.argv.includes('--every-machine');
for (const [arch, native] of Object.entries(machines)) {
  const own = native[process.arch] ?? [];
  const compilers = [...own, `${arch}-linux-gnu-gcc`, `${arch}-linux-musl-gcc`];
  const missing = [];
  for (const { sources, flags, fileName } of NATIVE_PARTS) {
    const out = join(root, 'dist/native', fileName(arch));
    const done = compilers.some((compiler) => {
      const { status } = spawnSync(
        compiler,
        [...NATIVE_FLAGS, ...flags, '-o', `${out}.${process.pid}`, join(root, 'src/run', sources[0])],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      if (status === 0) renameSync(`${out}.${process.pid}`, out);
      return status === 0;
    });
    if (!done && !existsSync(out)) missing.push(fileName(arch));
  }
  if (missing.length === 0 || (own.length === 0 && !everyMachine)) continue;
  process.stderr.write(
    `note: no C compiler for ${arch}: ${missing.join(', ')} left out; alproot works without, see docs/owners.md\n`,
  );
}
