/**
 * The target stage as an image: one layer for the base and one for each step that changed something, times bounded, so
 * that the same Dockerfile, context and packages give the same digest anywhere. Layers are uncompressed unless asked:
 * what deflate makes depends on the zlib and the processor, and registries compress on their way in.
 */
import { redactText } from '../core/redact.ts';
import { ARCHES } from '../core/arch.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import type { Healthcheck } from '../formats/dockerfile/dockerfile-instruction.ts';
import { formatGzipPieces } from '../formats/gzip/gzip-writer.ts';
import {
  formatDockerManifest,
  formatOciConfig,
  formatOciIndex,
  formatOciManifest,
  MEDIA,
  type OciDescriptor,
  type OciRuntimeConfig,
} from '../formats/oci/oci.ts';
import { clampTarTimes } from '../formats/tar/tar-times.ts';
import { hashedOnTheWay, writeChunks, writeComingChunks } from '../system/files/chunk-file.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { writeFileAtomic } from '../system/files/files.ts';
import { moveFile } from '../system/files/hashed-file.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { BuiltImage } from './executor.ts';
import type { StoredLayer } from './host.ts';
import type { ImageConfig } from './image-config.ts';
import { formatLayer, readLayer } from './layer.ts';
import { baseOf, chainOf } from './stage-chain.ts';
import { baseKey } from './step-key.ts';
import { compareStates, scanTree } from './tree-scan.ts';

export interface ImageOptions {
  /** Names with tags, for references and RepoTags. */
  readonly names: readonly string[];
  readonly compression: 'uncompressed' | 'gzip';
  readonly annotations: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH: seconds since 1970; later times in layers are put down to it. */
  readonly epoch: number;
}

/** What was written, for --metadata-file. */
export interface WrittenImage {
  /** Of the manifest: the image's digest. */
  readonly digest: string;
  readonly configDigest: string;
}

interface WrittenLayer {
  readonly descriptor: OciDescriptor;
  readonly diffId: string;
}

const EMPTY_TAR_BYTES = 1024;

/** Writes an OCI layout, which docker can load as well, into an existing empty directory. */
export async function writeImageLayout(
  image: BuiltImage,
  directory: HostPath,
  { names, compression, annotations, epoch }: ImageOptions,
): Promise<WrittenImage> {
  const blobs = joinHost(directory, 'blobs', 'sha256');
  makeDirectory(blobs);
  const { stage } = image.build;
  const base = await baseLayer(image);
  const steps = chainOf(image.build);
  const stored = [
    ...(base === undefined ? [] : [base]),
    ...steps.flatMap(({ layer }) => (layer === undefined || layer.sizeBytes <= EMPTY_TAR_BYTES ? [] : [layer])),
  ];
  const layers: WrittenLayer[] = [];
  for (const layer of stored) layers.push(await writeLayer(layer, blobs, { compression, epoch }));
  const [architecture = '', variant = ''] = ARCHES[stage.arch].docker.split('/');
  const config = formatOciConfig({
    architecture,
    variant,
    author: stage.config.author,
    config: runtimeConfig(stage.config),
    diffIds: layers.map((layer) => layer.diffId),
    created: epoch,
    history: [
      ...(base === undefined
        ? []
        : [{ created_by: redactText(`FROM ${baseOf(image.build)?.label ?? ''}`), empty: false }]),
      ...steps.map(({ source, layer }) => ({
        created_by: redactText(source.trim()),
        empty: layer === undefined || layer.sizeBytes <= EMPTY_TAR_BYTES,
      })),
    ],
  });
  const descriptors = layers.map((layer) => layer.descriptor);
  const manifest = formatOciManifest(config.descriptor, descriptors, annotations);
  for (const { bytes, descriptor } of [config, manifest])
    writeFileAtomic(joinHost(blobs, descriptor.digest.slice('sha256:'.length)), bytes);
  writeFileAtomic(joinHost(directory, 'index.json'), formatOciIndex(manifest.descriptor, names).bytes);
  writeFileAtomic(joinHost(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileAtomic(joinHost(directory, 'manifest.json'), formatDockerManifest(config.descriptor, descriptors, names));
  return { digest: manifest.descriptor.digest, configDigest: config.descriptor.digest };
}

/** The base tree as a layer, made once and kept with the steps. */
async function baseLayer(image: BuiltImage): Promise<StoredLayer | undefined> {
  const base = baseOf(image.build);
  if (base === undefined) return undefined;
  const { host, workspace } = image;
  const key = baseKey(base.key);
  const known = await host.layers.get(key);
  if (known !== undefined) return known;
  const tree = openWorkTree(base.tree);
  try {
    const file = joinHost(workspace, `base-${key}`);
    const changes = compareStates(new Map(), scanTree(tree, base.owners));
    const written = writeChunks(
      file,
      formatLayer({ tree, owners: base.owners, real: host.realOwners }, changes, { directoryTimes: true }),
    );
    return await host.layers.put(key, file, written);
  } finally {
    tree.close();
  }
}

async function writeLayer(
  layer: StoredLayer,
  blobs: HostPath,
  { compression, epoch }: { compression: ImageOptions['compression']; epoch: number },
): Promise<WrittenLayer> {
  const temporary = joinHost(blobs, 'layer');
  const tar = clampTarTimes(readLayer(layer), epoch);
  let diffId = '';
  const written =
    compression === 'uncompressed'
      ? writeChunks(temporary, tar)
      : await writeComingChunks(temporary, formatGzipPieces(hashedOnTheWay(tar, (sha256) => (diffId = sha256))));
  moveFile(temporary, joinHost(blobs, written.sha256));
  const mediaType = compression === 'uncompressed' ? MEDIA.layer : MEDIA.layerGzip;
  return {
    diffId: diffId === '' ? written.sha256 : diffId,
    descriptor: { mediaType, digest: `sha256:${written.sha256}`, size: written.sizeBytes },
  };
}

/** docker leaves out what is not set; so do we. */
function runtimeConfig({
  env,
  cmd,
  entrypoint,
  workdir,
  user,
  labels,
  exposed,
  volumes,
  stopSignal,
  healthcheck,
  shell,
  onBuild,
}: ImageConfig): OciRuntimeConfig {
  const set = (names: readonly string[]): Record<string, Record<string, never>> =>
    Object.fromEntries([...names].sort().map((name) => [name, {}]));
  return {
    ...(user === '' ? {} : { User: user }),
    ...(exposed.length === 0 ? {} : { ExposedPorts: set(exposed) }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(volumes.length === 0 ? {} : { Volumes: set(volumes) }),
    WorkingDir: workdir,
    ...(Object.keys(labels).length === 0 ? {} : { Labels: Object.fromEntries(Object.entries(labels).sort()) }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(healthcheck === undefined ? {} : { Healthcheck: healthFields(healthcheck) }),
    ...(shell === undefined ? {} : { Shell: shell }),
    ...(onBuild.length === 0 ? {} : { OnBuild: onBuild }),
  };
}

function healthFields({
  test,
  interval,
  timeout,
  startPeriod,
  startInterval,
  retries,
}: Healthcheck): Record<string, unknown> {
  const fields = {
    Test: test,
    Interval: interval,
    Timeout: timeout,
    StartPeriod: startPeriod,
    StartInterval: startInterval,
    Retries: retries,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
