/**
 * Makes .apk files (version 2): a signature member, a control member (.PKGINFO and scripts), a data member whose
 * SHA-256 the control member names. Entries are sorted, parents come before children, each file has its SHA-1.
 *
 * @see https://wiki.alpinelinux.org/wiki/Apk_spec
 */
import { createHash } from 'node:crypto';
import { sha1Hex } from '../core/digest.ts';
import { formatGzipMember } from '../formats/gzip/gzip-writer.ts';
import { formatTarItem, TAR_END, type TarItem } from '../formats/tar/tar-writer.ts';
import { formatPkginfoText, type PackageFacts } from './pkginfo-text.ts';
import { signatureMember, type SignatureKind, type SigningKey } from './signing.ts';

export type ScriptName =
  'pre-install' | 'post-install' | 'pre-upgrade' | 'post-upgrade' | 'pre-deinstall' | 'post-deinstall' | 'trigger';

export interface PackInput {
  readonly facts: PackageFacts;
  /** In any order; missing parent directories are added (root, 0755). */
  readonly entries: readonly TarItem[];
  readonly scripts?: Readonly<Partial<Record<ScriptName, string>>>;
  /** Directories, absolute, wildcards allowed, whose change starts the trigger script. */
  readonly triggers?: readonly string[];
  readonly key: SigningKey;
  readonly signatureKind?: SignatureKind;
  /** Compression, 1 to 9; 6 unless given. */
  readonly level?: number;
}

export interface PackedApk {
  readonly fileName: string;
  readonly bytes: Buffer;
  /** The .PKGINFO, as an index needs it. */
  readonly pkginfo: string;
  /** SHA-1 of the compressed control member: the package's identity, `C:` of an index. */
  readonly controlSha1Hex: string;
}

const SCRIPT_ORDER: readonly ScriptName[] = [
  'pre-install',
  'post-install',
  'pre-upgrade',
  'post-upgrade',
  'pre-deinstall',
  'post-deinstall',
  'trigger',
];

/** Packs and signs one package. @throws ALP_FORMAT_TAR for impossible names */
export async function packApk(input: PackInput): Promise<PackedApk> {
  const items = completeEntries(input.entries, input.facts.buildTime);
  const data = await formatGzipMember(
    Buffer.concat([...items.map((item) => formatTarItem(withChecksum(item))), TAR_END]),
    input.level,
  );
  // apk takes a package of size 0 for a virtual one and unpacks nothing of it; a name costs a block.
  const installedSizeBytes =
    items.reduce((sum, item) => sum + (item.kind === 'file' ? item.bytes.length : 0), 0) ||
    (items.length > 0 ? 4096 : 0);
  const pkginfo = formatPkginfoText({
    facts: input.facts,
    installedSizeBytes,
    triggers: input.triggers ?? [],
    datahash: createHash('sha256').update(data).digest('hex'),
  });
  const control = await formatGzipMember(Buffer.concat(controlItems(input, pkginfo).map(formatTarItem)), input.level);
  const signature = await signatureMember(control, input.key, input.signatureKind);
  return {
    fileName: `${input.facts.name}-${input.facts.version}.apk`,
    bytes: Buffer.concat([signature, control, data]),
    pkginfo,
    controlSha1Hex: sha1Hex(control),
  };
}

function controlItems({ facts, scripts = {} }: PackInput, pkginfo: string): TarItem[] {
  const mtime = facts.buildTime;
  const items: TarItem[] = [
    { kind: 'file', path: '.PKGINFO', mode: 0o644, mtime, bytes: Buffer.from(pkginfo, 'latin1') },
  ];
  for (const name of SCRIPT_ORDER) {
    const text = scripts[name];
    if (text !== undefined)
      items.push({ kind: 'file', path: `.${name}`, mode: 0o755, mtime, bytes: Buffer.from(text) });
  }
  return items;
}

/** Sorted by bytes, with every parent directory, hard links after all files. */
export function completeEntries(entries: readonly TarItem[], mtime: number): TarItem[] {
  const byPath = new Map<string, TarItem>();
  for (const entry of entries) byPath.set(entry.path, entry);
  for (const { path } of entries) {
    for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
      const parent = path.slice(0, cut);
      if (!byPath.has(parent)) byPath.set(parent, { kind: 'directory', path: parent, mode: 0o755, mtime });
    }
  }
  const order = (item: TarItem): string =>
    `${item.kind === 'hardlink' ? '1' : '0'}${item.path.replaceAll('/', '\u0001')}`;
  return [...byPath.values()].map((item) => ({ mtime, ...item })).sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** apk's per-file checksum: of the content, or of a symbolic link's target. */
function withChecksum(item: TarItem): TarItem {
  if (item.kind === 'directory' || item.kind === 'hardlink') return item;
  const content = item.kind === 'file' ? item.bytes : Buffer.from(item.target, 'latin1');
  return { ...item, pax: { 'APK-TOOLS.checksum.SHA1': sha1Hex(content), ...item.pax } };
}
