/**
 * `.PKGINFO`, the description inside a v2 package. One character per byte.
 *
 * @see apk-tools 2.14 `read_info_line` and abuild's `write_pkginfo`
 */
import { isSha256Hex, type Sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { PackageRecord } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { isPackageName, isVersionText, parseLenient } from './package-fields.ts';

export interface Pkginfo {
  /** `checksum` is undefined and `sizeBytes` 0: a package cannot name its own digest and size. */
  readonly record: PackageRecord;
  /** SHA-256 of the compressed data member. */
  readonly datahash: Sha256Hex | undefined;
  /** Directories (globs) whose change runs the trigger script. */
  readonly triggers: readonly string[];
}

const SINGLE = [
  'pkgname',
  'pkgver',
  'pkgdesc',
  'url',
  'size',
  'arch',
  'license',
  'origin',
  'maintainer',
  'builddate',
  'commit',
  'provider_priority',
  'replaces_priority',
  'datahash',
];
const MANY = ['depend', 'provides', 'install_if', 'replaces', 'triggers'];

/** @throws ALP_FORMAT_APK, ALP_UNPACK_PATH for an illegal name or version, ALP_LIMIT_SIZE */
export function parsePkginfo(text: string): Pkginfo {
  const single = new Map<string, string>();
  const many = new Map<string, string[]>(MANY.map((key) => [key, []]));
  for (const [index, line] of text.split('\n').entries()) {
    if (line.length > limits.line)
      throw new AlprootError(
        'ALP_LIMIT_SIZE',
        `.PKGINFO line ${index + 1} is longer than ${limits.line} bytes (limit line)`,
      );
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) throw infoError(index, 'a control character');
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-z_]+) = ?(.*)$/.exec(line);
    if (match === null) throw infoError(index, 'not `key = value`');
    const [, key = '', value = ''] = match;
    if (SINGLE.includes(key)) {
      if (single.has(key)) throw infoError(index, `${key} twice`);
      single.set(key, value);
    } else many.get(key)?.push(value);
  }
  return pkginfoFrom(single, many);
}

function pkginfoFrom(single: ReadonlyMap<string, string>, many: ReadonlyMap<string, readonly string[]>): Pkginfo {
  const name = single.get('pkgname') ?? '';
  const version = single.get('pkgver') ?? '';
  if (!isPackageName(name)) throw new AlprootError('ALP_UNPACK_PATH', `illegal package name ${quoteName(name)}`);
  if (!isVersionText(version))
    throw new AlprootError('ALP_UNPACK_PATH', `illegal version ${quoteName(version)} of ${name}`);
  const datahash = single.get('datahash')?.toLowerCase();
  if (datahash !== undefined && !isSha256Hex(datahash))
    throw new AlprootError('ALP_FORMAT_APK', `datahash of ${name} is not a SHA-256 in hex`);
  const words = (key: string): string => (many.get(key) ?? []).join(' ');
  return {
    record: {
      name,
      version,
      arch: single.get('arch') ?? 'noarch',
      checksum: undefined,
      sizeBytes: 0,
      installedSizeBytes: numberOf(single, 'size'),
      description: single.get('pkgdesc') ?? '',
      url: single.get('url') ?? '',
      license: single.get('license') ?? '',
      origin: single.get('origin') ?? '',
      maintainer: single.get('maintainer') ?? '',
      buildTime: numberOf(single, 'builddate'),
      commit: single.get('commit') ?? '',
      providerPriority: numberOf(single, 'provider_priority'),
      depends: parseLenient(words('depend')),
      provides: parseLenient(words('provides')).map(({ name: label, version: provided }) => ({
        name: label,
        version: provided,
      })),
      installIf: parseLenient(words('install_if')),
      replaces: parseLenient(words('replaces')),
      replacesPriority: numberOf(single, 'replaces_priority'),
    },
    datahash,
    triggers: words('triggers')
      .split(' ')
      .filter((path) => path !== ''),
  };
}

function numberOf(single: ReadonlyMap<string, string>, key: string): number {
  const text = single.get(key) ?? '0';
  if (!/^\d{1,15}$/.test(text)) throw new AlprootError('ALP_FORMAT_APK', `${key} in .PKGINFO is not a number`);
  return Number(text);
}

const infoError = (index: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_APK', `.PKGINFO line ${index + 1}: ${why}`, { facts: { line: index + 1 } });
