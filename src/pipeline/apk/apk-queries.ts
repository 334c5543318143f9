/**
 * Calls of apk in a build that only look: what the tree's own apk could not know (the repositories, which nothing in
 * the sandbox reaches), and everything in a tree that has no apk, as those made from Debian's packages.
 */
import { isAlprootError } from '../../core/errors.ts';
import type { Arch, Repository } from '../../core/package.ts';
import { treePathFromUser } from '../../core/paths.ts';
import type { ApkAnswer } from '../../build/host.ts';
import { parseApkArguments } from '../../solve/arguments.ts';
import { createCatalog } from '../../solve/catalog.ts';
import type { OutputLine } from '../../solve/apk-command.ts';
import { needsRepositories, readApk } from '../../solve/read-command.ts';
import type { ReadSystem } from '../../solve/reading.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import { auditTree, formatAudit, type AuditMode } from '../../unpack/audit.ts';
import { readDatabase, triggersOf, type Database } from '../../unpack/database.ts';
import type { OwnerPolicy } from '../../unpack/minirootfs-unpack.ts';

export interface ApkQuery {
  readonly args: readonly string[];
  /** Absolute, as seen inside: where relative paths start. */
  readonly cwd: string;
  readonly tree: WorkTree;
  readonly arch: Arch;
  readonly owners: OwnerPolicy;
  readonly openRepositories: () => Promise<readonly Repository[]>;
}

/** What apk-tools of the trees that have none would call itself. */
const VERSION = 'apk-tools 2.14.4 (alproot)';

/** undefined for a command that is none of those that look. */
export async function answerQuery(query: ApkQuery): Promise<ApkAnswer | undefined> {
  const { args, arch, tree } = query;
  if (args.includes('--print-arch')) return done([{ stream: 'stdout', text: arch }]);
  if (args.includes('--version') || args.includes('-V'))
    return done([{ stream: 'stdout', text: `${VERSION}, compiled for ${arch}.` }]);
  // Packages are kept in the store, never in the tree: there is nothing to clean, and nothing to fill.
  if (parseApkArguments(args, ['cache']).command !== undefined) return done([]);
  const database = readDatabase(tree);
  const warnings: OutputLine[] = [];
  let repositories: readonly Repository[] = [];
  if (needsRepositories(args)) {
    try {
      repositories = await query.openRepositories();
    } catch (error) {
      // apk looks on with what it has.
      if (!isAlprootError(error) || !error.code.startsWith('ALP_FETCH_')) throw error;
      warnings.push({ stream: 'stderr', text: `WARNING: ${error.message}` });
    }
  }
  const outcome = readApk(args, readSystem({ tree, database, repositories, arch, cwd: query.cwd }));
  if (outcome !== undefined) return done([...warnings, ...outcome.lines], outcome.status);
  return answerAudit(query, database);
}

interface ReadIngredients {
  /** undefined: there is none, only repositories. */
  readonly tree: WorkTree | undefined;
  readonly database: Database;
  readonly repositories: readonly Repository[];
  readonly arch: Arch;
  readonly cwd?: string;
}

/** What there is to know of a tree and its repositories. */
export const readSystem = ({ tree, database, repositories, arch, cwd = '/' }: ReadIngredients): ReadSystem => ({
  arch,
  installed: database.packages,
  catalog: createCatalog(repositories),
  descriptions: new Map(repositories.map(({ index }) => [index.location, index.description])),
  triggersOf: (record) => triggersOf(database, record),
  follow: (path) => {
    const plain = treePathFromUser(path.startsWith('/') ? path : `${cwd}/${path}`);
    return tree === undefined ? plain : tree.resolve(plain);
  },
});

function answerAudit({ args, tree, owners }: ApkQuery, database: Database): ApkAnswer | undefined {
  const { command, options } = parseApkArguments(args, ['audit']);
  if (command === undefined) return undefined;
  const mode: AuditMode = (['full', 'system'] as const).find((name) => options.has(name)) ?? 'backup';
  const findings = auditTree(tree, database, {
    mode,
    recursive: options.has('recursive'),
    permissions: options.has('check-permissions') ? owners : undefined,
  });
  const verbosity = 1 - (options.get('quiet')?.length ?? 0);
  return done(
    formatAudit(findings, { verbosity, packages: options.has('packages') }).map((text) => ({
      stream: 'stdout',
      text,
    })),
  );
}

const done = (lines: readonly OutputLine[], status = 0): ApkAnswer => {
  const text = (stream: OutputLine['stream']): string =>
    lines
      .filter((line) => line.stream === stream)
      .map((line) => `${line.text}\n`)
      .join('');
  return { kind: 'done', status, stdout: text('stdout'), stderr: text('stderr') };
};
