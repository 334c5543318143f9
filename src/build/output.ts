/** Where a build's result goes: made complete beside its place, then put there at once. */
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import { TREE_ROOT, joinTree, type TreePath } from '../core/paths.ts';
import { formatTarFile, formatTarItem, TAR_END } from '../formats/tar/tar-writer.ts';
import { readChunks, writeChunks } from '../system/files/chunk-file.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { isRealDirectory } from '../system/files/host-paths.ts';
import { mergeDirectory, publishStaged, requireMergeable, stagingPath } from '../system/files/publish.ts';
import { requireWritablePlace } from '../system/files/output-path.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { BuiltImage } from './executor.ts';
import { writeImageLayout, type WrittenImage } from './output-image.ts';
import type { OutputSpec } from './output-spec.ts';
import { requireFittingPlace, formatRootfs, writeDirectory } from './output-tree.ts';

export interface OutputOptions {
  /** The user's directory, against which `dest` counts. */
  readonly cwd: HostPath;
  /** `-t`: image names with tags. */
  readonly names: readonly string[];
  /** Of image manifests. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH; undefined: trees keep their times, images have none later than 1970. */
  readonly epoch: number | undefined;
  /** For `dest=-`. */
  readonly writeStandardOutput: (chunk: Uint8Array) => void;
}

/**
 * @returns digests, for images
 * @throws ALP_FILE_WRITE; nothing half-written is left in the place
 */
export async function writeOutput(
  image: BuiltImage,
  spec: OutputSpec,
  options: OutputOptions,
): Promise<WrittenImage | undefined> {
  const place = spec.dest === '-' ? joinHost(image.workspace, 'output') : resolveFrom(options.cwd, spec.dest);
  // What is there may be a mount point, or all that the user may write to; renames out of it would fail.
  const staged = stagingPath(spec.type === 'local' && isRealDirectory(place) ? joinHost(place, 'output') : place);
  try {
    const written = await stage(image, spec, { staged, options });
    if (spec.dest === '-') copyOut(staged, options);
    else if (spec.type === 'local') mergeDirectory(staged, place);
    else publishStaged(staged, place);
    return written;
  } finally {
    removeTree(staged);
  }
}

/** Before anything is built for it. @throws ALP_FILE_WRITE where the output could not be put */
export function requireOutputPlace({ type, dest }: OutputSpec, cwd: HostPath): void {
  if (dest === '-') return;
  const place = resolveFrom(cwd, dest);
  requireWritablePlace(place, { into: type === 'local' && isRealDirectory(place) });
  if (type === 'local') requireMergeable(place);
}

const resolveFrom = (cwd: HostPath, dest: string): HostPath =>
  hostPath(
    dest.startsWith('/')
      ? dest.replace(/(.)\/+$/, '$1')
      : `${cwd}/${dest.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '')}`.replace(/\/\.?$/, ''),
  );

async function stage(
  image: BuiltImage,
  { type, asTar, compression, name }: OutputSpec,
  { staged, options }: { staged: HostPath; options: OutputOptions },
): Promise<WrittenImage | undefined> {
  if (type === 'tar') {
    writeChunks(staged, formatRootfs(await image.tree(), options.epoch));
    return undefined;
  }
  if (type === 'local') {
    const source = await image.tree();
    requireFittingPlace(source, staged);
    makeDirectory(staged);
    writeDirectory(source, staged, options.epoch);
    return undefined;
  }
  const layout = asTar ? joinHost(image.workspace, `layout-${type}`) : staged;
  makeDirectory(layout);
  const names = [...new Set([...(name === undefined ? [] : [name]), ...options.names])];
  const written = await writeImageLayout(image, layout, {
    names,
    compression,
    annotations: options.annotations ?? {},
    epoch: options.epoch ?? 0,
  });
  if (asTar) {
    writeChunks(staged, packLayout(layout));
    removeTree(layout);
  }
  return written;
}

/** A layout as one tar, sorted, without times. */
function* packLayout(directory: HostPath): Generator<Buffer> {
  const tree = openWorkTree(directory);
  const entries: TreePath[] = [];
  const walk = (path: TreePath): void => {
    for (const name of tree.list(path)) {
      const inner = joinTree(path, name);
      entries.push(inner);
      if (tree.stat(inner)?.kind === 'directory') walk(inner);
    }
  };
  try {
    walk(TREE_ROOT);
    for (const path of entries) {
      const { kind, sizeBytes = 0 } = tree.stat(path) ?? {};
      if (kind === 'directory') yield formatTarItem({ kind, path, mode: 0o755 });
      else yield* formatTarFile({ path, mode: 0o644 }, sizeBytes, tree.readPieces(path, sizeBytes));
    }
    yield TAR_END;
  } finally {
    tree.close();
  }
}

function copyOut(staged: HostPath, { writeStandardOutput }: OutputOptions): void {
  for (const chunk of readChunks(staged)) writeStandardOutput(chunk);
}
