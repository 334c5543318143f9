/**
 * Takes guards out, one at a time, in a copy of the tree, and runs the tests that should notice: a guard whose
 * removal turns no test red is not kept by any. Told apart from that, and failures as well: a guard whose line is no
 * longer there, a change that does not compile, and a run that breaks without a failed test.
 *
 * `npm run mutation [-- WORD]`: only the guards of the group WORD, or whose name has it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { GUARDS, type Guard } from './mutation-guards.ts';
import { spanOf } from './source-span.ts';

const root = join(import.meta.dirname, '..');

/** All that tests read, and that the packed program is made from. */
const COPIED = [
  'src',
  'test',
  'keys',
  'scripts',
  'bin',
  'docs',
  'examples',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
  'vitest.config.ts',
  'README.md',
  'SECURITY.md',
  'LICENSE',
];

/** A copy in which sources can be changed; what is large and is not changed is linked. */
function copyTree(): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'alproot-mutation-')), 'main');
  // Tests of an ordinary user's sandbox run the program from there.
  chmodSync(dirname(directory), 0o755);
  for (const name of COPIED) cpSync(join(root, name), join(directory, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const shared = join(root, '..', 'shared');
  if (existsSync(shared)) symlinkSync(shared, join(dirname(directory), 'shared'));
  return directory;
}

/** Names that a change leaves unused, and code that it makes unreachable, are no mistake. */
const HARMLESS = new Set([6133, 6138, 6192, 6196, 6198, 7027]);

/**
 * Compiles single files of the copy as they are now; gives the first error. What is in C is compiled by the tests that
 * need it.
 */
function createCompiler(copy: string): (path: string) => string | undefined {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(copy, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    copy,
  );
  const versions = new Map<string, number>();
  const service = ts.createLanguageService({
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    getCompilationSettings: () => options,
    getScriptFileNames: () => fileNames.filter((name) => name.startsWith(join(copy, 'src'))),
    getScriptVersion: (name) => String(versions.get(name) ?? 0),
    getScriptSnapshot: (name) =>
      existsSync(name) ? ts.ScriptSnapshot.fromString(readFileSync(name, 'utf8')) : undefined,
    getCurrentDirectory: () => copy,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  });
  return (path) => {
    if (!path.endsWith('.ts')) return undefined;
    versions.set(path, (versions.get(path) ?? 0) + 1);
    const [error] = [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)].filter(
      ({ code }) => !HARMLESS.has(code),
    );
    return error === undefined ? undefined : ts.flattenDiagnosticMessageText(error.messageText, ' ');
  };
}

type Outcome = 'green' | 'red' | 'broken' | 'skipped';

/** Tests that run the program run this one; to pack and install it for each guard would take most of the time. */
const buildProgram = (copy: string): boolean =>
  spawnSync(process.execPath, [join(copy, 'scripts/build.mjs')], { cwd: copy, stdio: 'ignore' }).status === 0;

/** Red is a failed test; a run that broke otherwise is neither; one without any test that ran shows nothing. */
function runTests(copy: string, { tests, only }: Pick<Guard, 'tests' | 'only'>): Outcome {
  if (!buildProgram(copy)) return 'broken';
  const env = { ...process.env, ALPROOT_TEST_PROGRAM: join(copy, 'bin/alproot') };
  const args = [
    'run',
    '--bail=1',
    '--reporter=json',
    ...(only === undefined ? [] : ['-t', only.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')]),
    ...tests,
  ];
  const { status, stdout } = spawnSync(process.execPath, [join(copy, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: copy,
    env,
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const count = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(stdout)?.[1] ?? 0);
  if (count('numFailedTests') > 0) return 'red';
  if (status !== 0) return 'broken';
  return count('numPassedTests') > 0 ? 'green' : 'skipped';
}

type Verdict = 'noticed' | 'UNNOTICED' | 'NO SUCH LINE' | 'NO COMPILE' | 'BROKEN' | 'RED BEFORE' | 'not here';

interface Bench {
  readonly copy: string;
  readonly compile: (path: string) => string | undefined;
  /** What the tests say before anything is taken out, by what is run. */
  readonly before: Map<string, Outcome>;
}

/** Whether a test turns red without the guard. */
function verify({ copy, compile, before }: Bench, guard: Guard): { readonly verdict: Verdict; readonly why?: string } {
  const path = join(copy, guard.file);
  const source = readFileSync(path, 'utf8');
  const span = spanOf(source, guard.from);
  if (span === undefined) return { verdict: 'NO SUCH LINE' };
  const selection = JSON.stringify([guard.tests, guard.only]);
  const usual = before.get(selection) ?? runTests(copy, guard);
  before.set(selection, usual);
  if (usual === 'skipped') return { verdict: 'not here', why: 'this machine lacks what its tests need' };
  if (usual !== 'green') return { verdict: 'RED BEFORE' };
  writeFileSync(path, `${source.slice(0, span.start)}${guard.to}${source.slice(span.end)}`);
  try {
    const mistake = compile(path);
    if (mistake !== undefined) return { verdict: 'NO COMPILE', why: mistake };
    const outcome = runTests(copy, guard);
    if (outcome === 'broken') return { verdict: 'BROKEN' };
    return { verdict: outcome === 'red' ? 'noticed' : 'UNNOTICED' };
  } finally {
    writeFileSync(path, source);
  }
}

const [word = ''] = process.argv.slice(2);
const chosen =
  GUARDS[word] ??
  Object.values(GUARDS)
    .flat()
    .filter(({ name }) => name.includes(word));
const copy = copyTree();
try {
  const bench: Bench = { copy, compile: createCompiler(copy), before: new Map() };
  const verdicts = chosen.map((guard) => {
    const { verdict, why } = verify(bench, guard);
    process.stdout.write(
      `${verdict.padEnd(12)}  ${guard.name.padEnd(30)}  ${guard.file}${why === undefined ? '' : `: ${why}`}\n`,
    );
    return verdict;
  });
  const count = (verdict: Verdict): number => verdicts.filter((one) => one === verdict).length;
  const untried = count('not here') > 0 ? `; ${count('not here')} could not be tried here` : '';
  process.stdout.write(
    `${count('noticed')} of ${verdicts.length} guards: taking each out turned a test red${untried}\n`,
  );
  process.exitCode = count('noticed') + count('not here') === verdicts.length && count('noticed') > 0 ? 0 : 1;
} finally {
  rmSync(join(copy, '..'), { recursive: true, force: true });
}
