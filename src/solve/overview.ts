/** The lists by kind of change that apk prints ahead of a plan when it is verbose or asks for consent. */
import { compareVersions } from '../formats/apk/package-version.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import { createIndentedText } from './indented.ts';
import { isReinstall, type NameNode, type PackageNode, type RawChange } from './model.ts';
import { formatApkSize } from './plan-lines.ts';
import type { Resolution } from './resolution.ts';

type Pick = (change: RawChange) => boolean;

const subject = (change: RawChange): PackageNode | undefined => change.next ?? change.old;

const order = ({ old, next }: RawChange): number =>
  old === undefined || next === undefined ? Number.NaN : compareVersions(next.record.version, old.record.version);

const inRepositories = (name: NameNode): boolean => name.providers.some(({ pkg }) => pkg.repos !== 0);

const REMOVED: Pick = ({ next }) => next === undefined;
const ADDED: Pick = ({ old }) => old === undefined;
const DOWNGRADED: Pick = (change) => order(change) < 0;
const UPGRADED: Pick = (change) => order(change) >= 0 && change.old !== change.next;
const REINSTALLED: Pick = ({ next }) => next !== undefined && isReinstall(next);
const ORPHANED: Pick = ({ next }) => next !== undefined && !inRepositories(next.name);
const ORPHANED_FILES: Pick = (change) => ORPHANED(change) && change.next?.record.name.startsWith('.') !== true;

export interface OverviewOptions {
  readonly verbosity: number;
  readonly interactive: boolean;
  readonly width?: number | undefined;
}

/** `  name@tag (1 -> 2)`. */
function detail(resolution: Resolution, change: RawChange): string {
  const tag = resolution.universe.tags.nameOf(change.nextTag);
  const { old, next } = change;
  const versions =
    old !== undefined && next !== undefined && !isReinstall(next)
      ? `${old.record.version} -> ${next.record.version}`
      : (old ?? next)?.record.version;
  return `  ${subject(change)?.record.name}${tag === undefined ? '' : `@${tag}`} (${versions})`;
}

function sizes(resolution: Resolution): string[] {
  let grow = 0;
  let download = 0;
  for (const { old, next } of resolution.changes) {
    if (next !== undefined) {
      grow += next.record.installedSizeBytes;
      if (next !== old) download += next.record.sizeBytes;
    }
    if (old !== undefined) grow -= old.record.installedSizeBytes;
  }
  return [
    ...(download > 0 ? [`Need to download ${formatApkSize(download)} of packages.`] : []),
    `After this operation, ${formatApkSize(Math.abs(grow))} ` +
      `of ${grow < 0 ? 'disk space will be freed' : 'additional disk space will be used'}.`,
  ];
}

/** @see apk-tools 3.0 src/commit.c apk_solver_commit_changeset */
export function formatOverview(resolution: Resolution, options: OverviewOptions): string[] {
  const { verbosity, interactive } = options;
  if (verbosity <= 1 && !interactive) return [];
  const details = verbosity >= 2;
  const sorted = [...resolution.changes].sort((a, b) =>
    compareNames((a.old ?? a.next)?.record.name ?? '', (b.old ?? b.next)?.record.name ?? ''),
  );
  const lines: string[] = [];
  const list = (pick: Pick, title: string, long: boolean): number => {
    const picked = sorted.filter(pick);
    if (picked.length === 0) return 0;
    lines.push(...`${title}:`.split('\n'));
    if (long) {
      lines.push(...picked.map((change) => detail(resolution, change)));
    } else {
      const text = createIndentedText(options.width);
      text.group('', 2);
      for (const change of picked) text.word(subject(change)?.record.name ?? '');
      text.end();
      lines.push(...text.lines());
    }
    return picked.length;
  };
  list(
    details ? ORPHANED : ORPHANED_FILES,
    'NOTE: Consider running apk upgrade with --prune and/or --available.\nThe following packages are ' +
      'no longer available from a repository',
    false,
  );
  const notable =
    list(REMOVED, 'The following packages will be REMOVED', details) +
    list(DOWNGRADED, 'The following packages will be DOWNGRADED', details);
  if (notable > 0 || interactive || verbosity > 2) {
    list(ADDED, 'The following NEW packages will be installed', details);
    list(UPGRADED, 'The following packages will be upgraded', details);
    list(REINSTALLED, 'The following packages will be reinstalled', details);
    lines.push(...sizes(resolution));
  }
  return lines;
}
