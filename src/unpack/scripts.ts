/** Package scripts: put where apk puts them, run with its arguments, taken away again. */
import type { Emit } from '../core/events.ts';
import type { TreePath } from '../core/paths.ts';
import { formatChecksum } from '../formats/package-checksum.ts';
import type { InstalledEntry } from '../formats/installed-db.ts';
import type { StoredScript } from '../formats/scripts-archive.ts';
import type { WorkTree } from '../system/work-tree.ts';
import { ensureDirectory, scriptName, type Trigger } from './database.ts';
import type { RunScript } from './opened.ts';
import { exactPattern } from './protected-paths.ts';

const EXEC = 'lib/apk/exec' as TreePath;

export interface ScriptRunner {
  /** @returns whether it succeeded; a script that does not exist does */
  readonly run: (entry: InstalledEntry, kind: string, args: readonly string[], scripts: readonly StoredScript[]) => Promise<boolean>;
  /** Labels of scripts that failed, with their status. */
  readonly failures: readonly { readonly label: string; readonly status: number }[];
}

/** @param runScript undefined: scripts are not run at all (`--no-scripts`) */
export function createScriptRunner(tree: WorkTree, runScript: RunScript | undefined, emit: Emit): ScriptRunner {
  const failures: { label: string; status: number }[] = [];
  return {
    failures,
    run: async (entry, kind, args, scripts) => {
      const name = scriptName(entry, kind);
      const script = scripts.find((stored) => stored.name === name);
      if (script === undefined || runScript === undefined) return true;
      const label = `${entry.record.name}-${entry.record.version}.${kind}`;
      const path = `${EXEC}/${label}` as TreePath;
      ensureDirectory(tree, EXEC);
      tree.remove(path);
      tree.writeFile(path, script.content, 0o755);
      emit({ kind: 'note', message: `Executing ${label}` });
      try {
        const { status } = await runScript({ label, path, args, env: { APK_PACKAGE: entry.record.name, APK_SCRIPT: kind } });
        if (status !== 0) failures.push({ label, status });
        return status === 0;
      } finally {
        tree.remove(path);
      }
    },
  };
}

/** Directories, absolute, that changed and that a trigger watches. */
export function triggeredBy({ patterns }: Trigger, changed: Iterable<TreePath>): string[] {
  const compiled = patterns.map((pattern) => exactPattern(pattern.replace(/^\+/, '')));
  return [...changed].filter((path) => compiled.some((pattern) => pattern.test(path))).map((path) => `/${path}`).sort();
}

export const triggerOf = (entry: InstalledEntry, triggers: readonly Trigger[]): Trigger | undefined => {
  const { checksum } = entry.record;
  return checksum === undefined ? undefined : triggers.find((trigger) => trigger.checksum === formatChecksum(checksum));
};
