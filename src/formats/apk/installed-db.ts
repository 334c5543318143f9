/**
 * `lib/apk/db/installed`: packages as lettered lines, then the directories and files that each owns. Parsing and
 * formatting are inverse, byte for byte, for what the real apk writes.
 *
 * @see apk-tools 2.14 `apk_db_write_fdb`, `apk_db_index_read`
 */
import { AlprootError } from '../../core/errors.ts';
import type { InstalledPackage } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import type { TreePath } from '../../core/paths.ts';
import { formatDependencies } from './dependency.ts';
import { compareNames } from './world-file.ts';
import { createWords, formatRecordLines, isInstalledName, recordFromFields } from './package-fields.ts';

/** Owner and permission bits as a package wants them. */
export interface Acl {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** `Q1…` of the extended attributes, where there are any. */
  readonly xattrs?: string;
}

export interface InstalledFile {
  readonly name: string;
  readonly acl: Acl;
  /** `Q1…` of the content, or of a link's target; '' when there is none. */
  readonly checksum: string;
}

export interface InstalledDirectory {
  readonly path: TreePath;
  readonly acl: Acl;
  readonly files: readonly InstalledFile[];
}

export interface InstalledEntry extends InstalledPackage {
  readonly directories: readonly InstalledDirectory[];
}

export const DIRECTORY_ACL: Acl = { uid: 0, gid: 0, mode: 0o755 };
export const FILE_ACL: Acl = { uid: 0, gid: 0, mode: 0o644 };

/** @throws ALP_FORMAT_INDEX with the line */
export function parseInstalled(text: string): InstalledEntry[] {
  return text
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => parseBlock(block.split('\n').filter((line) => line !== '')));
}

function parseBlock(lines: readonly string[]): InstalledEntry {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  const directories: { path: TreePath; acl: Acl; files: { name: string; acl: Acl; checksum: string }[] }[] = [];
  for (const [index, line] of lines.entries()) {
    const value = line.slice(2);
    const directory = directories.at(-1);
    const file = directory?.files.at(-1);
    const misplaced = (): never => {
      throw new AlprootError('ALP_FORMAT_INDEX', `installed database: line ${quoteName(line)} in the wrong place`);
    };
    switch (line.slice(0, 2)) {
      case 'F:':
        directories.push({ path: value as TreePath, acl: DIRECTORY_ACL, files: [] });
        break;
      case 'M:':
        (directory ?? misplaced()).acl = parseAcl(value);
        break;
      case 'R:':
        (directory ?? misplaced()).files.push({ name: value, acl: FILE_ACL, checksum: '' });
        break;
      case 'a:':
        (file ?? misplaced()).acl = parseAcl(value);
        break;
      case 'Z:':
        (file ?? misplaced()).checksum = value;
        break;
      default:
        addField(fields, line, index + 1);
    }
  }
  const record = recordFromFields(fields, {
    where: 'installed database',
    line: () => lines.length,
    isName: isInstalledName,
    words: createWords(),
  });
  return {
    record,
    directories,
    ...(fields['s'] === undefined ? {} : { tag: fields['s'] }),
    ...(fields['f'] === undefined ? {} : { broken: fields['f'] }),
  };
}

const KNOWN = 'CPVASITULomtckDpirqsf';

/** Adds `X:value`. @throws ALP_FORMAT_INDEX for a line without colon, a doubled or an unknown upper-case letter */
function addField(fields: Record<string, string>, text: string, line: number): void {
  const fail = (why: string): never => {
    throw new AlprootError('ALP_FORMAT_INDEX', `line ${line}: ${why}`, { facts: { line } });
  };
  const letter = text.charAt(0);
  if (text.charAt(1) !== ':') fail('no field letter and colon');
  if (!KNOWN.includes(letter)) {
    if (letter >= 'a' && letter <= 'z') return;
    fail(`unknown field ${quoteName(letter)}`);
  }
  if (fields[letter] !== undefined) fail(`field ${letter} twice`);
  if (/[\x00-\x1f\x7f]/.test(text)) fail('a control character');
  fields[letter] = text.slice(2);
}

function parseAcl(text: string): Acl {
  const match = /^(\d{1,10}):(\d{1,10}):([0-7]{1,4})(?::(Q1[A-Za-z0-9+/]{27}=))?$/.exec(text);
  if (match === null)
    throw new AlprootError('ALP_FORMAT_INDEX', `installed database: ${quoteName(text)} is not an owner and mode`);
  const acl = { uid: Number(match[1]), gid: Number(match[2]), mode: Number.parseInt(match[3] ?? '', 8) };
  return match[4] === undefined ? acl : { ...acl, xattrs: match[4] };
}

/** All entries, sorted by name as apk sorts them. */
export const formatInstalled = (entries: readonly InstalledEntry[]): string =>
  [...entries]
    .sort((a, b) => compareNames(a.record.name, b.record.name))
    .map(formatEntry)
    .join('');

function formatEntry(entry: InstalledEntry): string {
  const { record } = entry;
  const lines = [formatRecordLines(record)];
  if (record.replaces.length > 0) lines.push(`r:${formatDependencies(record.replaces)}\n`);
  if (record.replacesPriority !== 0) lines.push(`q:${record.replacesPriority}\n`);
  if (entry.tag !== undefined) lines.push(`s:${entry.tag}\n`);
  if (entry.broken !== undefined) lines.push(`f:${entry.broken}\n`);
  for (const { path, acl, files } of entry.directories) {
    lines.push(`F:${path}\n`);
    if (!sameAcl(acl, DIRECTORY_ACL)) lines.push(`M:${formatAcl(acl)}\n`);
    for (const file of files) {
      lines.push(`R:${file.name}\n`);
      if (!sameAcl(file.acl, FILE_ACL)) lines.push(`a:${formatAcl(file.acl)}\n`);
      if (file.checksum !== '') lines.push(`Z:${file.checksum}\n`);
    }
  }
  return `${lines.join('')}\n`;
}

const formatAcl = ({ uid, gid, mode, xattrs }: Acl): string =>
  `${uid}:${gid}:${mode.toString(8)}${xattrs === undefined ? '' : `:${xattrs}`}`;
const sameAcl = (a: Acl, b: Acl): boolean =>
  a.uid === b.uid && a.gid === b.gid && a.mode === b.mode && a.xattrs === b.xattrs;
