// Bundles the CLI into one CommonJS file (the fastest thing that Node starts) and the library into one ES module.
import { build } from 'esbuild';
import { existsSync, readFileSync, renameSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

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
    out: 'dist/alproot.cjs',
    options: {
      format: 'cjs',
      minify: true,
      keepNames: true,
      define: { ...shared.define, 'import.meta.url': 'importMetaUrl' },
      banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    },
  },
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
