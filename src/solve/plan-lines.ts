/** The words in which apk tells a plan: one line a change, and the line that ends it. */
import type { Change } from '../core/package.ts';

const VERBS: Readonly<Record<Change['kind'], string>> = {
  install: 'Installing',
  purge: 'Purging',
  upgrade: 'Upgrading',
  downgrade: 'Downgrading',
  replace: 'Replacing',
  reinstall: 'Reinstalling',
  skip: '[APK unavailable, skipped] Reinstalling',
  pin: 'Updating pinning',
};

const nameWithTag = (change: Change): string => {
  if (change.kind === 'purge') return change.previous.record.name;
  return `${change.next.record.name}${change.next.tag === undefined ? '' : `@${change.next.tag}`}`;
};

/** `(1.2)` or `(1.1 -> 1.2)`. */
function versions(change: Change): string {
  switch (change.kind) {
    case 'install':
      return `(${change.next.record.version})`;
    case 'purge':
      return `(${change.previous.record.version})`;
    case 'reinstall':
    case 'skip':
    case 'pin':
      return `(${change.next.record.version})`;
    default:
      return `(${change.previous.record.version} -> ${change.next.record.version})`;
  }
}

/** One change as `Installing busybox (1.36.1-r15)`. */
export const formatChange = (change: Change): string =>
  `${VERBS[change.kind]} ${nameWithTag(change)} ${versions(change)}`;

/**
 * `( 1/12) Installing …` for each change.
 *
 * @see apk-tools 3.0 src/commit.c print_change
 */
export function formatPlanLines(plan: { readonly changes: readonly Change[] }): string[] {
  const total = String(plan.changes.length);
  return plan.changes.map(
    (change, index) => `(${String(index + 1).padStart(total.length)}/${total}) ${formatChange(change)}`,
  );
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** apk's size: whole bytes and KiB up to 9999, one decimal beyond. */
export function formatApkSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; unit < UNITS.length - 1 && value >= 10_000; unit++) value /= 1024;
  return unit < 2 ? `${Math.floor(value)} ${UNITS[unit]}` : `${Math.fround(value).toFixed(1)} ${UNITS[unit]}`;
}

export interface TreeTotals {
  readonly packages: number;
  readonly bytes: number;
  readonly dirs: number;
  readonly files: number;
}

/** What a tree would hold after the changes; directories and files are not known before. */
export function totalsAfter(totals: TreeTotals, changes: readonly Change[]): TreeTotals {
  let { packages, bytes } = totals;
  for (const change of changes) {
    if (change.kind === 'install') packages++;
    else bytes -= change.previous.record.installedSizeBytes;
    if (change.kind === 'purge') packages--;
    else bytes += change.next.record.installedSizeBytes;
  }
  return { ...totals, packages, bytes };
}

/** `OK: 8 MiB in 15 packages`, the last line of every command that commits. */
export function formatSummary(
  totals: TreeTotals,
  options: { readonly verbose: boolean; readonly errors?: number },
): string {
  const errors = options.errors ?? 0;
  const head = errors === 0 ? 'OK:' : `${errors} error${errors > 1 ? 's' : ''};`;
  const size = formatApkSize(totals.bytes);
  return options.verbose
    ? `${head} ${totals.packages} packages, ${totals.dirs} dirs, ${totals.files} files, ${size}`
    : `${head} ${size} in ${totals.packages} packages`;
}
