// Bundles the CLI into one CommonJS script behind a small file that starts it, and the library into one ES module.
import { build } from 'esbuild';
import { existsSync, readFileSync, renameSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20.18',
  define: { ALPROOT_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
  legalComments: 'linked',
};
const outputs = [
  {
    entry: 'src/cli/main.ts',
    out: 'dist/engine.cjs',
    options: {
      format: 'cjs',
      minify: true,
      keepNames: true,
      define: { ...shared.define, 'import.meta.url': 'importMetaUrl' },
      banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    },
  },
  { entry: 'src/cli/start.ts', out: 'dist/alproot.cjs', options: { format: 'cjs', minify: true } },
  { entry: 'src/index.ts', out: 'dist/index.js', options: { format: 'esm', packages: 'external' } },
];

mkdirSync(join(root, 'dist'), { recursive: true });
for (const { entry, out, options } of outputs) {
  const source = join(root, entry);
  if (!existsSync(source)) continue;
  const temporary = join(root, `${out}.${process.pid}.tmp`);
  await build({ ...shared, ...options, entryPoints: [source], outfile: temporary, legalComments: 'none' });
  renameSync(temporary, join(root, out));
}

// The library that keeps owners, for every machine that a compiler is at hand for; hosts without one need it ready.
mkdirSync(join(root, 'dist/owners'), { recursive: true });
const flags = /const FLAGS = \[([^\]]*)\]/.exec(readFileSync(join(root, 'src/run/owners/library.ts'), 'utf8'))[1].match(/'[^']+'/g).map((flag) => flag.slice(1, -1));
const machines = { x86_64: { x64: ['cc', 'gcc', 'clang'] }, aarch64: { arm64: ['cc', 'gcc', 'clang'] } };
for (const [arch, native] of Object.entries(machines)) {
  const out = join(root, `dist/owners/owners-${arch}.so`);
  const compilers = [...(native[process.arch] ?? []), `${arch}-linux-gnu-gcc`, `${arch}-linux-musl-gcc`];
  const done = compilers.some((compiler) => {
    const { status } = spawnSync(compiler, [...flags, '-o', `${out}.${process.pid}`, join(root, 'src/run/owners/owners.c')], { stdio: ['ignore', 'ignore', 'pipe'] });
    if (status === 0) renameSync(`${out}.${process.pid}`, out);
    return status === 0;
  });
  if (!done && !existsSync(out)) process.stderr.write(`no compiler for ${arch}: dist/owners/owners-${arch}.so is missing\n`);
}
