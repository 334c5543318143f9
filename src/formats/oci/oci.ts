/**
 * Images as OCI and docker write them: configuration, manifest, index. Deterministic: keys in a fixed order, no time
 * but the one given.
 *
 * @see OCI image-spec 1.1 `config.md`, `manifest.md`, `image-layout.md`; docker image spec v1.3 for Healthcheck,
 * OnBuild, Shell
 */
import type { RedactedText } from '../../core/redact.ts';
import { sha256Hex } from '../../core/digest.ts';

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export interface OciDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What runs, as the `config` member of an image configuration. */
export interface OciRuntimeConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Healthcheck?: Readonly<Record<string, unknown>>;
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
}

export interface OciHistory {
  readonly created_by: RedactedText;
  readonly empty: boolean;
}

export interface OciImage {
  /** docker's name: `amd64`. */
  readonly architecture: string;
  readonly variant: string;
  readonly author: string | undefined;
  readonly config: OciRuntimeConfig;
  /** SHA-256 of each uncompressed layer, hex. */
  readonly diffIds: readonly string[];
  readonly history: readonly OciHistory[];
  /** Seconds since 1970. */
  readonly created: number;
}

/** A JSON document and its descriptor. */
export interface OciDocument {
  readonly bytes: Buffer;
  readonly descriptor: OciDescriptor;
}

const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z');

function documentOf(value: unknown, mediaType: string): OciDocument {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length } };
}

/** The image configuration. */
export function formatOciConfig({
  architecture,
  variant,
  author,
  config,
  diffIds,
  history,
  created,
}: OciImage): OciDocument {
  return documentOf(
    {
      created: time(created),
      ...(author === undefined ? {} : { author }),
      architecture,
      os: 'linux',
      ...(variant === '' ? {} : { variant }),
      config,
      rootfs: { type: 'layers', diff_ids: diffIds.map((hex) => `sha256:${hex}`) },
      history: history.map(({ created_by, empty }) => ({
        created: time(created),
        created_by,
        ...(empty ? { empty_layer: true } : {}),
      })),
    },
    MEDIA.config,
  );
}

/** The manifest that ties a configuration to its layers. */
export const formatOciManifest = (
  config: OciDescriptor,
  layers: readonly OciDescriptor[],
  annotations: Readonly<Record<string, string>> = {},
): OciDocument =>
  documentOf(
    {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config,
      layers,
      ...(Object.keys(annotations).length === 0
        ? {}
        : { annotations: Object.fromEntries(Object.entries(annotations).sort()) }),
    },
    MEDIA.manifest,
  );

/**
 * `index.json` of a layout.
 *
 * @param names full image names; the tag of each becomes its reference, `latest` when there is none: umoci finds no
 * image without
 */
export function formatOciIndex(manifest: OciDescriptor, names: readonly string[]): OciDocument {
  const manifests =
    names.length === 0
      ? [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }]
      : names.map((name) => ({
          ...manifest,
          annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tagOf(name) },
        }));
  return documentOf({ schemaVersion: 2, mediaType: MEDIA.index, manifests }, MEDIA.index);
}

/** `manifest.json` of `docker load`. */
export function formatDockerManifest(
  config: OciDescriptor,
  layers: readonly OciDescriptor[],
  names: readonly string[],
): Buffer {
  const path = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  return Buffer.from(
    JSON.stringify([
      {
        Config: path(config.digest),
        RepoTags: names.length === 0 ? null : names,
        Layers: layers.map((layer) => path(layer.digest)),
      },
    ]),
  );
}

/** The tag in an image name; `latest` when there is none. */
export const tagOf = (name: string): string => /:([\w][\w.-]*)$/.exec(name)?.[1] ?? 'latest';

/** `NAME`, `NAME:TAG`, with a tag in any case; undefined when it is not an image name. */
export function normaliseImageName(name: string): string | undefined {
  const match = /^((?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/.exec(name);
  return match === null ? undefined : `${match[1] ?? ''}:${match[2] ?? 'latest'}`;
}
