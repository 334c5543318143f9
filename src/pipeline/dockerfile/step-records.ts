/**
 * What `apk` installed in each step of a build: kept with the step's layer, verified against a lock when the layer is
 * used again.
 */
import type { ApkAnswer, ApkRequest } from '../../build/host.ts';
import type { HostPath } from '../../core/paths.ts';
import { createRecording, mergeRecorded, type Recorded } from '../../ship/recording.ts';
import { chooseMirrors } from '../repository/mirrors.ts';
import { pinnedPackage } from '../session/lock-policy.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { fetchIndex } from '../repository/repository-index.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';

export interface StepRecords {
  /** Serves one call of apk with a session whose records belong to the step that is made in the request's tree. */
  readonly during: (request: ApkRequest, work: (session: InstallContext) => Promise<ApkAnswer>) => Promise<ApkAnswer>;
  /** All of a tree since it was asked last; undefined when there was no call. */
  readonly take: (tree: HostPath) => Recorded | undefined;
}

export function createStepRecords(session: InstallContext): StepRecords {
  const byTree = new Map<HostPath, Recorded[]>();
  return {
    during: async (request, work) => {
      const recording = createRecording();
      const answer = await work({ ...session, recording });
      if (answer.kind === 'pass') return answer;
      recording.add({ requests: [`apk ${request.args.join(' ')}`], environments: [] });
      const whole = recording.whole();
      byTree.set(request.tree, [...(byTree.get(request.tree) ?? []), whole]);
      session.recording.add(whole);
      return answer;
    },
    take: (tree) => {
      const parts = byTree.get(tree);
      byTree.delete(tree);
      return parts === undefined ? undefined : mergeRecorded(parts);
    },
  };
}

/** Whether everything in it is what the lock pins, byte for byte; true without a lock. */
export const isPinned = (session: InstallContext, { environments }: Recorded): boolean =>
  session.lockPolicy === undefined ||
  environments.every(({ packages }) =>
    packages.every(
      ({ record, sha256 }) =>
        pinnedPackage(session, record)?.sha256 === sha256 && session.lockPolicy?.update.has(record.name) !== true,
    ),
  );

/** Whether the repositories that it was taken from are still in the state they were in. */
export async function isCurrent(session: InstallContext, { environments }: Recorded): Promise<boolean> {
  if (session.lockPolicy !== undefined) return true;
  for (const { release, repositories } of environments) {
    const {
      mirrors: [mirror],
    } = await chooseMirrors({ ...session, config: { ...session.config, release } });
    for (const { location, sha256 } of repositories) {
      if (mirror === undefined || location.startsWith('https://')) return false;
      const index = await fetchIndex(session, {
        mirror,
        keys: mirrorKeys(mirror, session.config.arch),
        path: location,
      });
      if (index?.sha256 !== sha256) return false;
    }
  }
  return true;
}
