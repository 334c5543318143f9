/** The text file `APKINDEX`: packages as lettered lines, a blank line after each. One character per byte. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageRecord } from '../core/package.ts';
import { isPackageName, recordFromFields } from './package-fields.ts';

const LF = 0x0a;

/**
 * All packages of an index, in file order.
 *
 * Letters that we do not know are passed over when lower case, as apk does, and refused otherwise.
 *
 * @throws ALP_FORMAT_INDEX with the line, ALP_UNPACK_PATH for illegal names, ALP_LIMIT_*
 */
export function parseIndex(text: string): PackageRecord[] {
  const packages: PackageRecord[] = [];
  let fields: Record<string, string> = Object.create(null) as Record<string, string>;
  let filled = false;
  let line = 0;
  const finish = (): void => {
    if (!filled) return;
    if (packages.length >= limits.entryCount) throw new AlprootError('ALP_LIMIT_COUNT', `an index of more than ${limits.entryCount} packages`);
    packages.push(recordFromFields(fields, { where: 'index', line, isName: isPackageName }));
    fields = Object.create(null) as Record<string, string>;
    filled = false;
  };
  for (let at = 0; at < text.length; ) {
    line++;
    const end = lineEnd(text, at, line);
    if (end === at) finish();
    else {
      addField(fields, text.slice(at, end), line);
      filled = true;
    }
    at = end + 1;
  }
  finish();
  return packages;
}

function lineEnd(text: string, at: number, line: number): number {
  const found = text.indexOf('\n', at);
  const end = found < 0 ? text.length : found;
  if (end - at > limits.line) throw new AlprootError('ALP_LIMIT_SIZE', `index line ${line} is longer than ${limits.line} bytes (limit line)`);
  return end;
}

const KNOWN = 'CPVASITULomtckDpirq';

/** Adds `X:value`. @throws ALP_FORMAT_INDEX for a line without colon, a doubled or an unknown upper-case letter */
export function addField(fields: Record<string, string>, text: string, line: number, known = KNOWN): void {
  const letter = text.charAt(0);
  if (text.charAt(1) !== ':') throw lineError(line, 'no field letter and colon');
  if (!known.includes(letter)) {
    if (letter >= 'a' && letter <= 'z') return;
    throw lineError(line, `unknown field ${JSON.stringify(letter)}`);
  }
  if (fields[letter] !== undefined) throw lineError(line, `field ${letter} twice`);
  const value = text.slice(2);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== LF) || code === 0x7f) throw lineError(line, 'a control character');
  }
  fields[letter] = value;
}

const lineError = (line: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_INDEX', `line ${line}: ${why}`, { facts: { line } });
