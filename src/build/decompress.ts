/**
 * xz and bzip2, which Node cannot read: unpacked by the stage's own programs, inside its sandbox, without a network.
 */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { treePathFromUser } from '../core/paths.ts';
import type { BuildHost } from './host.ts';
import { PATH_DEFAULT } from './image-config.ts';
import type { OwnedTree } from './layer.ts';

const PROGRAMS = { xz: 'unxz', bzip2: 'bunzip2' } as const;

/**
 * @throws ALP_BUILD_UNSUPPORTED when the stage has no shell; ALP_FORMAT_TAR when its program refuses; ALP_LIMIT_SIZE
 * for a bomb
 */
export async function decompressInside(
  kind: 'xz' | 'bzip2',
  bytes: Buffer,
  { host, target, signal }: { host: BuildHost; target: OwnedTree; signal: AbortSignal },
): Promise<Buffer> {
  const { tree, owners } = target;
  if (tree.stat(tree.resolve(treePathFromUser('bin/sh'))) === undefined) {
    throw new AlprootError(
      'ALP_BUILD_UNSUPPORTED',
      `ADD: a ${kind} archive is unpacked by the stage's own tools, and this stage has none`,
      { hint: 'unpack it in a stage FROM alpine and COPY --from that, or pack it with gzip' },
    );
  }
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const overflow = new AbortController();
  const result = await host.run({
    tree: tree.root,
    owners,
    writable: false,
    mounts: [],
    argv: ['/bin/sh', '-c', `exec ${PROGRAMS[kind]} -c`],
    env: { PATH: PATH_DEFAULT },
    cwd: '/',
    user: { uid: 0, gid: 0 },
    network: 'none',
    signal: AbortSignal.any([signal, overflow.signal]),
    stdio: {
      kind: 'pipe',
      stdin: bytes,
      onOutput: (stream, chunk) => {
        if (stream !== 'stdout') return;
        sizeBytes += chunk.length;
        if (sizeBytes > limits.packageFile)
          overflow.abort(
            new AlprootError('ALP_LIMIT_SIZE', `an archive is larger than ${limits.packageFile} bytes unpacked`),
          );
        else chunks.push(chunk);
      },
    },
  });
  if (result.status !== 0)
    throw new AlprootError('ALP_FORMAT_TAR', `damaged ${kind} archive, or no ${PROGRAMS[kind]} in this stage`);
  return Buffer.concat(chunks);
}
