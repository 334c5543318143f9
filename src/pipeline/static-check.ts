/** Programs in a build's output that could not run from it: dynamic ones whose loader is not there. */
import { parseOutputSpec } from '../build/output-spec.ts';
import type { Config } from '../core/config.ts';
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import { inspectElfFile } from './inspect.ts';
import { exists, isDirectory, isFile, namesIn } from '../system/host-paths.ts';
import { resolve } from 'node:path';

const MAX_FILES = 2000;

/** Warns for each, and names the libraries. Only directory outputs are looked at. */
export function warnOfDynamicPrograms({ emit }: Config, outputs: readonly string[], directory: HostPath): void {
  for (const output of outputs) {
    const { type, dest } = parseOutputSpec(output);
    if (type !== 'local' || dest === '-') continue;
    const root = hostPath(resolve(directory, dest));
    for (const path of filesUnder(root).slice(0, MAX_FILES)) {
      const report = inspectElfFile(path);
      const { interpreter } = report ?? {};
      if (report?.linkage !== 'dynamic' || interpreter === undefined || exists(joinHost(root, interpreter.slice(1)))) continue;
      emit({
        kind: 'warning',
        message: `${path.slice(root.length + 1)} is dynamic and its loader ${interpreter} is not in the output${report.needed.length === 0 ? '' : `; it needs ${report.needed.join(', ')}`}`,
        hint: 'link it with -static, or copy the libraries too',
      });
    }
  }
}

function filesUnder(directory: HostPath, depth = 0): HostPath[] {
  if (depth > 32) return [];
  return namesIn(directory).flatMap((name) => {
    const path = joinHost(directory, name);
    if (isDirectory(path)) return filesUnder(path, depth + 1);
    return isFile(path) ? [path] : [];
  });
}
