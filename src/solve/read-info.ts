/**
 * `apk info`: of packages, of what is installed, of whose a file is.
 *
 * @see apk-tools 3.0 src/app_info.c
 */
import { scanDependency } from '../formats/apk/dependency.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import { compileNameGlob } from './glob.ts';
import { ALL_FIELDS, DEFAULT_FIELDS, formatInfo, INSTALLED_FIELDS, type InfoField } from './info.ts';
import { allPackages } from './list.ts';
import { findPackageOwner } from './owner-query.ts';
import type { Reading } from './reading.ts';
import { formatSearch } from './search.ts';
import { isMetBy } from './why.ts';

/** @returns how many of the arguments there are not */
export function readInfo(reading: Reading): number {
  const { args, has, say, system, verbosity } = reading;
  if (has('who-owns')) return readOwnersOf(reading);
  if (has('exists') || has('installed')) return readExistence(reading);
  if (args.operands.length === 0) {
    const level = Math.max(1, verbosity);
    const records = system.installed.map(({ record }) => record).sort((a, b) => compareNames(a.name, b.name));
    say(...formatSearch(records, level - 1));
    return 0;
  }
  const asked = ALL_FIELDS.filter((field) => has(field) || has('all'));
  const fields: readonly InfoField[] = asked.length === 0 ? DEFAULT_FIELDS : asked;
  const requirers = system.requirers ?? system.installed.map(({ record }) => record);
  const hidden: readonly InfoField[] =
    system.requirers === undefined ? INSTALLED_FIELDS : ['contents', 'triggers', 'replaces'];
  const packages = allPackages(system.installed, system.catalog);
  let missing = 0;
  for (const pattern of args.operands) {
    const test = compileNameGlob(pattern);
    const found = packages.filter(({ record }) => test(record.name) || record.provides.some(({ name }) => test(name)));
    if (found.length === 0) missing++;
    for (const { record, isInstalled } of found) {
      const entry = isInstalled ? system.installed.find((item) => item.record === record) : undefined;
      const shown = isInstalled ? fields : fields.filter((field) => !hidden.includes(field));
      say(
        ...formatInfo(record, {
          fields: shown,
          installed: requirers,
          entry,
          triggers: isInstalled ? system.triggersOf(record) : [],
          verbose: verbosity > 1,
        }),
      );
    }
  }
  return missing;
}

function readExistence({ args, system, verbosity, say }: Reading): number {
  let missing = 0;
  for (const text of args.operands) {
    const dependency = scanDependency(text, { tag: true });
    if (dependency === undefined) continue;
    const record = system.installed
      .map((entry) => entry.record)
      .find((item) => isMetBy({ ...dependency, conflict: false }, item));
    if ((record !== undefined) === dependency.conflict) missing++;
    else if (record !== undefined && verbosity >= 1) say(...formatSearch([record], verbosity - 1));
  }
  return missing;
}

function readOwnersOf({ args, system, verbosity, say, fail }: Reading): number {
  const quiet = new Set<string>();
  let missing = 0;
  for (const path of args.operands) {
    const owner = findPackageOwner(system.installed, path, system.follow);
    if (owner === undefined) {
      fail(`${path}: Could not find owner package`);
      missing++;
    } else if (verbosity >= 1)
      say(
        `${path} ${owner.isTarget ? 'symlink target ' : ''}is owned by ${owner.record.name}-${owner.record.version}`,
      );
    else quiet.add(owner.record.name);
  }
  if (quiet.size > 0) say([...quiet].join(' '));
  return missing;
}
