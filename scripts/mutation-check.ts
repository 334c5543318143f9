/**
 * Takes guards out, one at a time, in a copy of the tree, and runs the tests that should notice: a guard whose
 * removal turns no test red is not kept by any. Fails too when a guard's line is no longer there to take out.
 *
 * `npm run mutation [-- WORD]`: only the guards whose name has WORD.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Guard {
  readonly name: string;
  readonly file: string;
  /** Must be there exactly once. */
  readonly from: string;
  readonly to: string;
  readonly tests: readonly string[];
}

const guard = (name: string, file: string, from: string, to: string, ...tests: readonly string[]): Guard => ({ name, file: `src/${file}`, from, to, tests: tests.map((test) => `test/hostile/${test}.test.ts`) });

const GUARDS: readonly Guard[] = [
  guard('signature of a package', 'verify/signatures.ts', 'if (!isRsaSignature({ data, signature: bytes, digest, key })) {', 'if (false) {', 'apk'),
  guard('a voucher at all', 'verify/signatures.ts', 'if (vouchers.length > 0) return vouchers;', 'return vouchers;', 'index'),
  guard('data hash', 'verify/package-file.ts', 'if (datahash !== dataSha256) throw', 'if (false) throw', 'apk'),
  guard('identity by the index', 'verify/package-file.ts', 'if (expected !== undefined) demandIdentity(what, checksum, expected);', '', 'index'),
  guard('fields by the index', 'verify/package-file.ts', 'if (expected !== undefined) compareWithIndex(what, whole, expected);', '', 'index'),
  guard('bytes after an index', 'verify/index-file.ts', 'if (member.end !== bytes.length) throw', 'if (false) throw', 'index'),
  guard('other files in an index', 'verify/index-file.ts', 'if (other !== undefined) throw', 'if (false) throw', 'index'),
  guard('checksums in an index', 'formats/apkindex.ts', 'if (C === undefined || !isChecksumText(C)) throw', 'if (C === undefined) throw', 'index'),
  guard('twins in an index', 'formats/apkindex.ts', 'if (owner !== undefined && owner !== name) throw', 'if (false) throw', 'index'),
  guard('names of packages', 'formats/package-fields.ts', 'if (!isName(name)) throw', 'if (false) throw', 'index'),
  guard('what inflates', 'formats/gzip-member.ts', 'if (inflated > options.maxBytes) {', 'if (false) {', 'apk'),
  guard('plain gzip headers', 'formats/gzip-member.ts', "if (kind === 'plain') fail(", 'if (false) fail(', 'apk'),
  guard('tar header checksum', 'formats/tar-header.ts', "if (stored === null || Number.parseInt(stored[1] ?? '', 8) !== sum) throw", 'if (stored === null) throw', 'apk'),
  guard('entries after the end', 'formats/tar-reader.ts', 'if (zeroBlocks > 0) throw', 'if (false) throw', 'apk'),
  guard('dotted components', 'core/paths.ts', "if (part === '.' || part === '..') refuse(", 'if (false) refuse(', 'apk'),
  guard('depth of paths', 'core/paths.ts', 'if (++depth > limits.pathDepth) {', 'if (false) {', 'apk'),
  guard('control characters in paths', 'core/paths.ts', 'if (/[\\x00-\\x1f\\x7f]/.test(name)) refuse(', 'if (false) refuse(', 'apk'),
  guard('checksum of each file', 'unpack/package-files.ts', "if (digest.toString('hex') !== wanted) throw", 'if (false) throw', 'unpack'),
  guard('a name that comes twice', 'unpack/package-files.ts', 'if (seen.has(path)) throw', 'if (false) throw', 'unpack'),
  guard('targets of hard links', 'unpack/package-files.ts', "if (original === undefined || seen.get(original.path) !== 'file') {", 'if (original === undefined) {', 'unpack'),
  guard('links of the package itself', 'unpack/package-files.ts', "if (seen.get(place) === 'symlink') throw", 'if (false) throw', 'unpack'),
  guard('private keys', 'verify/key.ts', "if (pem.includes('PRIVATE KEY')) refuse(", 'if (false) refuse(', 'rsa'),
  guard('small keys', 'verify/key.ts', 'if (modulusLength < MIN_BITS || modulusLength > MAX_BITS) refuse(', 'if (false) refuse(', 'rsa'),
  guard('padding of RSA', 'verify/rsa.ts', 'return block.length === wanted.length && timingSafeEqual(block, wanted);', 'return block.subarray(-tail.length).equals(tail);', 'rsa'),
  guard('redirects from https to http', 'system/http.ts', "if (from.protocol === 'https:' && target.protocol === 'http:') {", 'if (false) {', 'network'),
  guard('cap of a download', 'fetch/download.ts', 'if (size > request.maxBytes) throw', 'if (false) throw', 'network'),
];

const root = join(import.meta.dirname, '..');

/** A copy in which sources can be changed; what is large and is not changed is linked. */
function copyTree(): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'alproot-mutation-')), 'main');
  for (const name of ['src', 'test', 'keys', 'package.json', 'tsconfig.json', 'vitest.config.ts']) cpSync(join(root, name), join(directory, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

type Verdict = 'noticed' | 'UNNOTICED' | 'NO SUCH LINE';

/** Red is a failed test; a run that broke otherwise is neither. */
function runTests(copy: string, tests: readonly string[]): 'green' | 'red' | 'broken' {
  const { status, stdout } = spawnSync(process.execPath, [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', '--reporter=json', ...tests], { cwd: copy, encoding: 'utf8', maxBuffer: 1024 ** 3, stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? 'green' : /"numFailedTests":[1-9]/.test(stdout) ? 'red' : 'broken';
}

/** Whether a test turns red without the guard. */
function judge(copy: string, { file, from, to, tests }: Guard): Verdict {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  if (source.split(from).length !== 2) return 'NO SUCH LINE';
  writeFileSync(path, source.replace(from, () => to));
  try {
    return runTests(copy, tests) === 'red' ? 'noticed' : 'UNNOTICED';
  } finally {
    writeFileSync(path, source);
  }
}

const [word = ''] = process.argv.slice(2);
const chosen = GUARDS.filter(({ name }) => name.includes(word));
const copy = copyTree();
try {
  const before = runTests(copy, [...new Set(chosen.flatMap(({ tests }) => tests))]);
  if (before !== 'green') throw new Error(`the tests are ${before} before anything was taken out`);
  const verdicts = chosen.map((one) => {
    const verdict = judge(copy, one);
    process.stdout.write(`${verdict.padEnd(12)}  ${one.name.padEnd(28)}  ${one.file}\n`);
    return verdict;
  });
  const noticed = verdicts.filter((verdict) => verdict === 'noticed').length;
  process.stdout.write(`${noticed} of ${verdicts.length} guards: taking each out turned a test red\n`);
  process.exitCode = noticed === verdicts.length && noticed > 0 ? 0 : 1;
} finally {
  rmSync(join(copy, '..'), { recursive: true, force: true });
}
