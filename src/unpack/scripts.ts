/** Package scripts: put where apk puts them, run with its arguments, taken away again. */
import type { Emit } from '../core/events.ts';
import { joinTree, type TreePath } from '../core/paths.ts';
import { inApkOrder } from '../formats/apk/directory-order.ts';
import { compilePattern } from '../formats/apk/shell-pattern.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { ensureDirectory } from './database.ts';
import type { RunScript } from './opened.ts';
import type { InstallState, LivePackage } from './tree-state.ts';

const EXEC = 'lib/apk/exec' as TreePath;

export interface ScriptFailure {
  readonly label: string;
  readonly status: number;
}

export interface ScriptRunner {
  /** Runs the package's script of that kind, if it has one; a failure marks the package as broken. */
  readonly run: (owner: LivePackage, kind: string, args: readonly string[]) => Promise<void>;
  readonly failures: readonly ScriptFailure[];
  /** How many have run: what is known of the tree's passwd entries is stale after one. */
  readonly count: () => number;
}

/** @param runScript undefined: scripts are not run at all (`--no-scripts`) */
export function createScriptRunner(tree: WorkTree, runScript: RunScript | undefined, emit: Emit): ScriptRunner {
  const failures: ScriptFailure[] = [];
  let count = 0;
  return {
    failures,
    count: () => count,
    run: async (owner, kind, args) => {
      const content = owner.scripts.get(kind);
      if (content === undefined || runScript === undefined) return;
      count++;
      const label = `${owner.record.name}-${owner.record.version}.${kind}`;
      const path = joinTree(EXEC, label);
      const place = joinTree(ensureDirectory(tree, EXEC), label);
      tree.remove(place);
      tree.writeFile(place, content, 0o755);
      emit({ kind: 'note', message: `Executing ${label}`, detail: true });
      try {
        const { status } = await runScript({
          label,
          path,
          args,
          env: {},
          onOutput: (stream, bytes) => emit({ kind: 'output', id: label, stream, text: bytes.toString('utf8') }),
        });
        if (status === 0) return;
        failures.push({ label, status });
        owner.broken.add('s');
      } finally {
        tree.remove(place);
      }
    },
  };
}

/** Directories, absolute, that the package's trigger is to be told of, in apk's order. */
export function triggeredBy({ triggers, fresh }: LivePackage, { directories }: InstallState): string[] {
  const watched = triggers.map((trigger) => ({
    onlyChanged: trigger.startsWith('+'),
    fits: compilePattern(trigger.replace(/^\+/, '')),
    isAbsolute: /^\+?\//.test(trigger),
  }));
  const met = [...directories.values()].filter(({ path, modified }) => {
    if (!fresh && !modified) return false;
    const first = watched.find(({ fits, isAbsolute }) => isAbsolute && fits(`/${path}`));
    return first !== undefined && (!first.onlyChanged || modified);
  });
  return inApkOrder(met.map(({ path }) => path)).map((path) => `/${path}`);
}
