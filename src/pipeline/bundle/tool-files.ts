/**
 * alproot itself as files of a bundle: a script, and an archive that the script unpacks beside itself when it is first
 * used.
 */
import { AlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { formatTar, type TarItem } from '../../formats/tar/tar-writer.ts';
import { packageRoot } from '../../system/files/assets.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { isDirectory } from '../../system/files/host-paths.ts';
import { helperFiles } from './helper-files.ts';

const SCRIPT = `#!/bin/sh
# alproot, bundled: needs sh, tar and Node 20.18 or later.
set -e
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$here/alproot.d" ]; then
  rm -rf "$here/alproot.$$" && mkdir "$here/alproot.$$"
  tar -xf "$here/alproot.tar" -C "$here/alproot.$$"
  mv "$here/alproot.$$" "$here/alproot.d"
fi
# The helpers that came along serve where this host has none of its own.
PATH=$PATH:$here/alproot.d/helpers exec node "$here/alproot.d/dist/alproot.cjs" "$@"
`;

/** The program, without what was compiled from it here. */
const PROGRAM = /^(?:alproot|package-thread|engine(?:-[\w.-]+)?)\.cjs$/;
const PARTS = ['dist/native', 'keys', 'LICENSE'];
const FILE_BYTES = 64 * 1024 * 1024;

/** The same bytes for the same alproot and helpers. @throws ALP_USAGE_ARGUMENT when this alproot was not built */
export function toolFiles(searchPath: string): { readonly path: string; readonly bytes: Uint8Array }[] {
  const root = packageRoot();
  const program = [...namesOf(joinHost(root, 'dist'))]
    .filter((name) => PROGRAM.test(name))
    .sort()
    .map((name) => `dist/${name}`);
  const items = [...program, ...PARTS].flatMap((part) => itemsOf(root, part));
  if (!items.some(({ path }) => path === 'dist/alproot.cjs'))
    throw new AlprootError(
      'ALP_USAGE_ARGUMENT',
      'this alproot runs from its sources and has no built file to bundle',
      { hint: 'run `npm run build` first' },
    );
  items.push(...helperFiles(searchPath));
  return [
    { path: 'tool/alproot', bytes: Buffer.from(SCRIPT) },
    { path: 'tool/alproot.tar', bytes: formatTar(items) },
  ];
}

function itemsOf(root: HostPath, path: string): TarItem[] {
  const place = joinHost(root, ...path.split('/'));
  if (isDirectory(place))
    return [
      { kind: 'directory', path, mode: 0o755 },
      ...[...namesOf(place)].sort().flatMap((name) => itemsOf(root, `${path}/${name}`)),
    ];
  const bytes = readFileCapped(place, FILE_BYTES);
  return bytes === undefined ? [] : [{ kind: 'file', path, mode: 0o644, bytes }];
}
