/** `alproot trust`: what the user has read and approved of projects' files. */
import { AlprootError } from '../../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { realPath } from '../../system/files/host-paths.ts';
import { listApprovals, removeApproval, writeApproval } from './approvals.ts';
import { openProject, type Requirement } from './project.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ApprovedProject {
  readonly path: HostPath;
  /** What counts from now on; nothing was recorded when it is empty. */
  readonly requirements: readonly Requirement[];
}

/**
 * Approves the file as it is now.
 *
 * @throws ALP_USAGE_ARGUMENT, ALP_USAGE_CONFIG, ALP_VERIFY_KEY, ALP_STORE_OWNER, ALP_STORE_WRITE
 */
export async function approveProject(env: Env, directory: HostPath): Promise<ApprovedProject> {
  const project = await openProject(directory);
  if (project === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `there is no alproot.yaml in ${quoteName(directory)}`);
  const { path, requirements } = project;
  if (requirements.length > 0)
    writeApproval(env, { path, digest: (await project.readKeys()).digest, approved: new Date().toISOString() });
  return { path, requirements };
}

/** @throws ALP_USAGE_ARGUMENT when it was not approved, ALP_STORE_OWNER, ALP_STORE_WRITE */
export function revokeProject(env: Env, directory: HostPath): HostPath {
  const path = joinHost(realPath(directory) ?? directory, 'alproot.yaml');
  if (!removeApproval(env, path))
    throw new AlprootError('ALP_USAGE_ARGUMENT', `${quoteName(path)} is not approved`, {
      hint: '`alproot trust --list` shows what is',
    });
  return path;
}

export interface ListedProject {
  readonly path: HostPath;
  readonly approved: string;
  /** 'changed': it, or a key that it names, is another than was approved. */
  readonly state: 'approved' | 'changed' | 'missing';
}

/** @throws ALP_STORE_OWNER */
export const listProjects = (env: Env): Promise<ListedProject[]> =>
  Promise.all(
    listApprovals(env).map(async ({ path, approved, digest }) => ({
      path,
      approved,
      state: await approvalState(path, digest),
    })),
  );

async function approvalState(path: HostPath, digest: string): Promise<ListedProject['state']> {
  try {
    const project = await openProject(hostPath(path.slice(0, path.lastIndexOf('/')) || '/'));
    if (project === undefined) return 'missing';
    return (await project.readKeys()).digest === digest ? 'approved' : 'changed';
  } catch {
    return 'changed';
  }
}
