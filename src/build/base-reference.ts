/** Image names: which of them mean an Alpine release that alproot can put in their place. */
import { ARCHES } from '../core/arch.ts';
import type { Arch } from '../core/package.ts';

/** `[registry/]path[:tag][@digest]`, taken apart. */
export interface ImageName {
  readonly registry: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

export type BaseReference =
  | { readonly kind: 'scratch' }
  /** `release`: `3.19`, `3.19.4`, `3`, `edge`, `latest`. */
  | { readonly kind: 'alpine'; readonly release: string; readonly arch: Arch; readonly digest?: string }
  | { readonly kind: 'foreign'; readonly name: string };

const DOCKER_HUB = [
  '',
  'docker.io',
  'index.docker.io',
  'registry.hub.docker.com',
  'registry-1.docker.io',
  'public.ecr.aws/docker',
  'mirror.gcr.io',
];
const ARCH_PREFIXES: Readonly<Record<string, Arch>> = {
  amd64: 'x86_64',
  i386: 'x86',
  arm64v8: 'aarch64',
  arm32v6: 'armhf',
  arm32v7: 'armv7',
  ppc64le: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
};

/** Takes a name apart; undefined when it is not an image name. */
export function parseImageName(text: string): ImageName | undefined {
  const match = /^(.+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text);
  const name = match?.[1];
  if (name === undefined || !/^[a-z0-9A-Z._:/-]+$/.test(name)) return undefined;
  const slash = name.indexOf('/');
  const head = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = /[.:]/.test(head) || head === 'localhost';
  const registry = isRegistry ? head : '';
  const path = isRegistry ? name.slice(slash + 1) : name;
  if (!/^[a-z0-9._/-]+$/.test(path)) return undefined;
  return {
    registry,
    path,
    ...(match?.[2] === undefined ? {} : { tag: match[2] }),
    ...(match?.[3] === undefined ? {} : { digest: match[3] }),
  };
}

/**
 * What a name after substitution means as a base.
 *
 * @returns undefined when it is not an image name at all
 */
export function parseBaseReference(text: string, arch: Arch): BaseReference | undefined {
  if (text === 'scratch') return { kind: 'scratch' };
  const name = parseImageName(text);
  if (name === undefined) return undefined;
  const path = `${name.registry}/${name.path}`.replace(/^\//, '');
  const alpine = alpinePath(path);
  if (alpine === undefined) return { kind: 'foreign', name: text };
  const release = name.tag ?? 'latest';
  if (!/^(?:latest|edge|\d+|\d+\.\d+|\d+\.\d+\.\d+)$/.test(release) && !/^\d{8}$/.test(release))
    return { kind: 'foreign', name: text };
  return {
    kind: 'alpine',
    release,
    arch: alpine.arch ?? arch,
    ...(name.digest === undefined ? {} : { digest: name.digest }),
  };
}

function alpinePath(path: string): { arch: Arch | undefined } | undefined {
  for (const registry of DOCKER_HUB) {
    const prefix = registry === '' ? '' : `${registry}/`;
    if (!path.startsWith(prefix)) continue;
    const rest = path.slice(prefix.length);
    if (rest === 'alpine' || rest === 'library/alpine') return { arch: undefined };
    const owner = /^([a-z0-9]+)\/alpine$/.exec(rest)?.[1];
    const arch = owner === undefined ? undefined : ARCH_PREFIXES[owner];
    if (arch !== undefined) return { arch };
  }
  return undefined;
}

export interface Platform {
  readonly os: string;
  /** docker's name: `amd64`, `arm`. */
  readonly architecture: string;
  readonly variant: string;
  readonly arch: Arch;
}

/** `linux/arm64/v8`, `amd64`, `linux/arm/v7`; undefined when Alpine has no port for it. */
export function parsePlatform(text: string): Platform | undefined {
  const parts = text.toLowerCase().split('/');
  const [os = '', machine = '', variantText = ''] = parts[0] === 'linux' ? parts : ['linux', ...parts];
  const machineName =
    { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386', armhf: 'arm', armel: 'arm' }[machine] ??
    machine;
  const variant = machineName === 'arm' ? variantText || (machine === 'armel' ? 'v6' : 'v7') : '';
  const docker = variant === '' ? machineName : `${machineName}/${variant}`;
  const arch = (Object.keys(ARCHES) as Arch[]).find((candidate) => ARCHES[candidate].docker === docker);
  return arch === undefined || os !== 'linux' ? undefined : { os, architecture: machineName, variant, arch };
}

/** docker's name of an architecture: `linux/arm/v7`. */
export const platformOf = (arch: Arch): string => `linux/${ARCHES[arch].docker}`;
