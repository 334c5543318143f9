/**
 * A bill of materials of installed packages as CycloneDX JSON: names, versions, licences, digests and where each was
 * built from. Deterministic: sorted, no time, a serial number that is the digest of what it lists.
 *
 * @see CycloneDX 1.6 JSON; package URLs of type `apk`
 */
import { keyOf } from '../core/digest.ts';
import type { PackageRecord } from '../core/package.ts';
import { compareText } from '../core/text-order.ts';

export interface SbomOptions {
  /** What the bill is for: an image name, a file, a directory. */
  readonly subject: string;
  /** Alpine release, `3.19.4`. */
  readonly release: string;
  /** alproot's own version. */
  readonly toolVersion: string;
}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/** `pkg:apk/alpine/NAME@VERSION?arch=…&distro=alpine-…` */
export function packageUrl({ name, version, arch }: PackageRecord, release: string): string {
  const [pkg, at, machine, distro] = [name, version, arch, release].map(encodeURIComponent);
  return `pkg:apk/alpine/${pkg}@${at}?arch=${machine}&distro=alpine-${distro}`;
}

/** The document's text, with a final newline. */
export function formatSbom(
  packages: readonly PackageRecord[],
  { subject, release, toolVersion }: SbomOptions,
): string {
  const sorted = [...packages].sort((left, right) => compareText(left.name, right.name));
  const components = sorted.map((record) => component(record, release));
  const serial = keyOf(subject, release, ...sorted.map((record) => packageUrl(record, release)));
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(serial)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: 'application', name: 'alproot', version: toolVersion }] },
      component: { type: 'container', name: subject, 'bom-ref': 'subject' },
    },
    components,
    dependencies: dependencies(sorted, release),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function component(record: PackageRecord, release: string): Record<string, unknown> {
  const url = packageUrl(record, release);
  const { checksum, commit, origin } = record;
  const properties = Object.entries({ 'alpine:origin': origin, 'alpine:commit': commit }).filter(
    ([, value]) => value !== '',
  );
  return {
    type: 'library',
    'bom-ref': url,
    name: utf8(record.name),
    version: record.version,
    ...(record.description === '' ? {} : { description: utf8(record.description) }),
    ...(record.license === '' ? {} : { licenses: [{ expression: utf8(record.license) }] }),
    ...(checksum === undefined
      ? {}
      : { hashes: [{ alg: checksum.algorithm === 'sha1' ? 'SHA-1' : 'SHA-256', content: checksum.hex }] }),
    purl: url,
    ...(record.url === '' ? {} : { externalReferences: [{ type: 'website', url: utf8(record.url) }] }),
    ...(properties.length === 0
      ? {}
      : { properties: properties.map(([name, value]) => ({ name, value: utf8(value) })) }),
  };
}

/** Who needs whom, by package name and by what packages provide. */
function dependencies(packages: readonly PackageRecord[], release: string): { ref: string; dependsOn: string[] }[] {
  const providers = new Map<string, string>();
  for (const record of packages) {
    for (const { name } of record.provides) providers.set(name, packageUrl(record, release));
    providers.set(record.name, packageUrl(record, release));
  }
  return packages.map((record) => {
    const ref = packageUrl(record, release);
    const needed = record.depends.flatMap(({ name, conflict }) => (conflict ? [] : (providers.get(name) ?? [])));
    return { ref, dependsOn: [...new Set(needed)].filter((other) => other !== ref).sort() };
  });
}

/** A digest in the form of a version 8 (custom) UUID. @see RFC 9562 section 5.8 */
const uuidOf = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
