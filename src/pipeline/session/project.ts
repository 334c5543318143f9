/**
 * `alproot.yaml` of a directory. It comes with the project, so it is anybody's: what lowers isolation, widens trust or
 * reaches another network counts only when the user has approved that very file.
 */
import { resolve } from 'node:path';
import type { ProjectBackend, ProjectDefaults } from '../../core/config.ts';
import { type MirrorSpec, type PublicKeyText, isUrl, mirrorAt } from '../../core/mirror.ts';
import { keyOf, sha256Hex } from '../../core/digest.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { quoteName, redactUrl, showName } from '../../core/redact.ts';
import type { ProjectFile, ProjectMirror } from '../../formats/yaml/project-file.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { realPath } from '../../system/files/host-paths.ts';
import type { Approval } from './approvals.ts';

export { closeInheritedDescriptors } from '../../system/process/descriptors.ts';
export { hostFailure } from '../../core/file-error.ts';

export interface ProjectContext {
  /** HOME and XDG_CONFIG_HOME say where approvals are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directories whose files are approved without a record, as ALPROOT_TRUST names them. */
  readonly trusted: readonly string[];
}

/** A setting that needs the user's approval. */
export interface Requirement {
  readonly line: number;
  /** In words: ``backend `chroot` ``. */
  readonly what: string;
}

export interface OpenedProject {
  /** Without links. */
  readonly path: HostPath;
  readonly file: ProjectFile;
  readonly requirements: readonly Requirement[];
  /** The keys that each of its mirrors names, as they are now. @throws ALP_VERIFY_KEY, ALP_USAGE_OPTION */
  readonly readKeys: () => Promise<ProjectKeys>;
}

export interface ProjectKeys {
  /** In the order of the mirrors. */
  readonly ofMirrors: readonly (readonly PublicKeyText[])[];
  /** Of the file's path, its bytes, and the keys. */
  readonly digest: string;
}

/** These isolate as well as what would be chosen otherwise, or are not used. */
const ISOLATING = ['auto', 'bwrap', 'userns'];

/** undefined when the directory has none. @throws ALP_USAGE_CONFIG */
export async function openProject(directory: HostPath): Promise<OpenedProject | undefined> {
  const bytes = readFileCapped(joinHost(directory, 'alproot.yaml'), limits.metadata);
  if (bytes === undefined) return undefined;
  const { parseProjectFile } = await import('../../formats/yaml/project-file.ts');
  const file = parseProjectFile(bytes.toString('utf8'));
  const path = joinHost(realPath(directory) ?? directory, 'alproot.yaml');
  return {
    path,
    file,
    requirements: requirementsOf(file),
    readKeys: () => readProjectKeys(directory, { path, bytes, mirrors: file.mirrors ?? [] }),
  };
}

function requirementsOf({ backend, mirrors, lines }: ProjectFile): Requirement[] {
  const of = (key: string, what: string): Requirement => ({ line: lines[key] ?? 1, what });
  return [
    ...(backend === undefined || ISOLATING.includes(backend)
      ? []
      : [of('backend', `backend ${quoteName(backend)}, which is no security boundary`)]),
    ...(mirrors ?? []).map(({ url, keys }) =>
      of(
        'mirrors',
        `mirror ${quoteName(isUrl(url) ? redactUrl(url) : url)}` +
          (keys.length === 0 ? '' : ` with ${keys.map(quoteName).join(', ')} as keys that may sign packages`),
      ),
    ),
  ];
}

interface KeyRequest {
  readonly path: HostPath;
  readonly bytes: Buffer;
  readonly mirrors: readonly ProjectMirror[];
}

async function readProjectKeys(directory: HostPath, { path, bytes, mirrors }: KeyRequest): Promise<ProjectKeys> {
  const named = mirrors.some(({ keys }) => keys.length > 0);
  const read = named ? (await import('./trusted-keys.ts')).readKeys : () => [];
  const ofMirrors = mirrors.map(({ keys }) =>
    keys.flatMap((key) => read(hostPath(resolve(directory, key))).map(({ name, pem }) => ({ name, pem }))),
  );
  return {
    ofMirrors,
    digest: keyOf(
      'project-1',
      path,
      sha256Hex(bytes),
      ...ofMirrors.flatMap((keys) => ['mirror', ...keys.flatMap(({ name, pem }) => [name, pem])]),
    ),
  };
}

/** undefined when the directory has none. @throws ALP_USAGE_CONFIG, ALP_VERIFY_KEY */
export async function readProject(directory: HostPath, context: ProjectContext): Promise<ProjectDefaults | undefined> {
  const project = await openProject(directory);
  if (project === undefined) return undefined;
  const { mirrors, backend, release, arch, packages, requireIsolation } = project.file;
  const defaults = {
    directory,
    ...(release === undefined ? {} : { release }),
    ...(arch === undefined ? {} : { arch }),
    ...(packages === undefined ? {} : { packages }),
    ...(requireIsolation === undefined ? {} : { requireIsolation }),
  };
  if (mirrors === undefined && backend === undefined) return defaults;
  const approval = await approvalOf(project, directory, context);
  return {
    ...defaults,
    ...(backend === undefined ? {} : { backend: { approved: () => backendOf(backend, approval) } }),
    ...(mirrors === undefined
      ? {}
      : { mirrors: { approved: () => mirrorsOf(directory, mirrors, approval.keys ?? approval.refuse()) } }),
  };
}

function backendOf(name: string, { keys, refuse }: ApprovalState): ProjectBackend {
  if (!ISOLATING.includes(name) && keys === undefined) refuse();
  return { name, requireIsolation: name !== 'auto' && keys === undefined };
}

const mirrorsOf = (directory: HostPath, mirrors: readonly ProjectMirror[], { ofMirrors }: ProjectKeys): MirrorSpec[] =>
  mirrors.map(({ url }, at) =>
    mirrorAt(isUrl(url) ? url : hostPath(resolve(directory, url)), { publicKeys: ofMirrors[at] ?? [] }),
  );

interface ApprovalState {
  /** Of a file that is approved as it is. */
  readonly keys: ProjectKeys | undefined;
  /** @throws ALP_VERIFY_PROJECT, ALP_STORE_OWNER */
  readonly refuse: () => never;
}

/** Found out before it is needed, told when it is: a flag may take the place of what the file wants. */
async function approvalOf(
  project: OpenedProject,
  directory: HostPath,
  context: ProjectContext,
): Promise<ApprovalState> {
  try {
    const { findApproval } = await import('./approvals.ts');
    const isListed = context.trusted.some((entry) => entry.startsWith('/') && realPath(entry) === realPath(directory));
    const known = isListed ? undefined : findApproval(context.env, project.path);
    const keys = isListed || known !== undefined ? await project.readKeys() : undefined;
    const isApproved = isListed || (known !== undefined && known.digest === keys?.digest);
    return {
      keys: isApproved ? keys : undefined,
      refuse: () => {
        throw projectRefusal(project, known);
      },
    };
  } catch (error) {
    // Who has no home has approved nothing.
    return {
      keys: undefined,
      refuse: () => {
        throw isAlprootError(error, 'ALP_USAGE_CONFIG') ? projectRefusal(project, undefined) : error;
      },
    };
  }
}

function projectRefusal({ path, requirements }: OpenedProject, known: Approval | undefined): AlprootError {
  const directory = path.slice(0, path.lastIndexOf('/')) || '/';
  const lines = requirements.map(({ line, what }) => `  ${showName(path)}:${line}: ${what}`);
  const state =
    known === undefined
      ? 'which you have not approved'
      : `which you have approved on ${known.approved.slice(0, 10)}, and it was changed since, or a key that it names`;
  return new AlprootError(
    'ALP_VERIFY_PROJECT',
    `${quoteName(path)} asks for what only you can allow, ${state}:\n${lines.join('\n')}`,
    {
      hint:
        `read it, then \`alproot trust ${showName(directory)}\`; ` +
        `where nobody can be asked, as in CI: ALPROOT_TRUST=${showName(directory)}`,
      facts: { path, requirements },
    },
  );
}
