/** Architectures: what Node, Debian and docker call Alpine's. */
import type { Arch } from './package.ts';

interface ArchNames {
  /** docker's GOARCH and variant: `arm/v7`. */
  readonly docker: string;
  readonly debian: string;
  /** GNU machine part of a target triple. */
  readonly machine: string;
}

export const ARCHES: Readonly<Record<Arch, ArchNames>> = {
  x86_64: { docker: 'amd64', debian: 'amd64', machine: 'x86_64' },
  x86: { docker: '386', debian: 'i386', machine: 'i586' },
  aarch64: { docker: 'arm64', debian: 'arm64', machine: 'aarch64' },
  armhf: { docker: 'arm/v6', debian: 'armel', machine: 'armv6' },
  armv7: { docker: 'arm/v7', debian: 'armhf', machine: 'armv7' },
  ppc64le: { docker: 'ppc64le', debian: 'ppc64el', machine: 'powerpc64le' },
  s390x: { docker: 's390x', debian: 's390x', machine: 's390x' },
  riscv64: { docker: 'riscv64', debian: 'riscv64', machine: 'riscv64' },
  loongarch64: { docker: 'loong64', debian: 'loong64', machine: 'loongarch64' },
  mips64: { docker: 'mips64', debian: 'mips64', machine: 'mips64' },
};

const NODE_ARCHES: Readonly<Record<string, Arch>> = {
  x64: 'x86_64',
  ia32: 'x86',
  arm64: 'aarch64',
  arm: 'armv7',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loongarch64',
};

export const isArch = (text: string): text is Arch => Object.hasOwn(ARCHES, text);

/** Alpine's name for `process.arch`; undefined where Alpine has no port. */
export const archOfNode = (nodeArch: string): Arch | undefined => NODE_ARCHES[nodeArch];

/** Alpine's name for docker's `linux/arm64` or `arm64`; undefined when there is none. */
export function archOfPlatform(text: string): Arch | undefined {
  const name = text
    .toLowerCase()
    .replace(/^linux\//, '')
    .replace(/^(?:arm64\/v8|aarch64)$/, 'arm64')
    .replace(/^x86_64$/, 'amd64')
    .replace(/^arm$/, 'arm/v7');
  return (Object.keys(ARCHES) as Arch[]).find((arch) => ARCHES[arch].docker === name);
}

/** Architectures whose programs a machine of this one starts. */
export const runnableOn = (own: Arch): readonly Arch[] => (own === 'x86_64' ? ['x86_64', 'x86'] : [own]);
