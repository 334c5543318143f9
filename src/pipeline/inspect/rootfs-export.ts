/** A tree that is there, exported, audited against its database, or listed: `rootfs export`, `audit` and `sbom`. */
import { resolve } from 'node:path';
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { isArch } from '../../core/arch.ts';
import type { HostPath, TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { LayerStore, StoredLayer } from '../../build/host.ts';
import { requireOutputPlace, writeOutput } from '../../build/output.ts';
import type { WrittenImage } from '../../build/output-image.ts';
import { parseOutputSpec } from '../../build/output-spec.ts';
import type { OwnerTable } from '../../build/owners.ts';
import { withTreeImage } from '../../build/tree-image.ts';
import { normaliseImageName } from '../../formats/oci/oci.ts';
import { formatSbom } from '../../ship/sbom.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import { auditTree, formatAudit, type AuditMode } from '../../unpack/audit.ts';
import type { Database } from '../../unpack/database.ts';
import { recordOwners } from '../apk/apk-install.ts';
import { formatLines, withDatabase, type Answer } from './package-query.ts';
import { hasRealRoot, withSession } from '../session/session.ts';

export interface ExportRequest {
  readonly directory: HostPath;
  /** As for `build`: `DIR`, `type=oci,dest=PATH`. */
  readonly outputs: readonly string[];
  /** Names of the image. */
  readonly tags: readonly string[];
  /** The user's directory. */
  readonly cwd: HostPath;
  readonly writeStandardOutput: (chunk: Uint8Array) => void;
}

/**
 * Writes the tree with the owners that it should have: root's own tree as it is, a user's as its database says.
 * Times later than SOURCE_DATE_EPOCH, or else than the newest package, are put down to it.
 *
 * @returns digests, for images
 * @throws ALP_USAGE_*, ALP_UNPACK_*, ALP_FILE_WRITE
 */
export async function exportRootfs(
  config: Config,
  { directory, outputs, tags, cwd, writeStandardOutput }: ExportRequest,
): Promise<WrittenImage | undefined> {
  if (outputs.length === 0)
    throw new AlprootError('ALP_USAGE_OPTION', 'rootfs export needs an output', {
      hint: 'for example -o type=tar,dest=tree.tar, -o type=oci,dest=image.tar',
    });
  const specs = outputs.map(parseOutputSpec);
  const names = tags.map(checkedName);
  for (const { dest } of specs) {
    const place = resolve(cwd, dest);
    if (dest !== '-' && (place === directory || place.startsWith(`${directory}/`)))
      throw new AlprootError('ALP_USAGE_OPTION', `the output ${quoteName(dest)} lies in the tree itself`);
  }
  for (const spec of specs) requireOutputPlace(spec, cwd);
  return withSession(config, async ({ store, isRoot }) => {
    const workspace = store.makeTemporary('export');
    try {
      const { owners, arch, epoch, real } = readTree(config, directory, isRoot);
      return await withTreeImage(
        {
          base: { key: 'export', tree: directory, owners, label: 'rootfs' },
          arch,
          host: { realOwners: real, layers: passingLayers() },
          workspace,
        },
        async (image) => {
          let written: WrittenImage | undefined;
          for (const spec of specs)
            written = (await writeOutput(image, spec, { cwd, names, epoch, writeStandardOutput })) ?? written;
          return written;
        },
      );
    } finally {
      removeTree(workspace);
    }
  });
}

/** Layers that are gone with the workspace: the tree may change before it is exported again. */
function passingLayers(): LayerStore {
  const layers = new Map<string, StoredLayer>();
  return {
    get: (key) => Promise.resolve(layers.get(key)),
    put: (key, file, { sha256, sizeBytes }) => {
      const layer = { file, sha256, sizeBytes };
      layers.set(key, layer);
      return Promise.resolve(layer);
    },
  };
}

function checkedName(name: string): string {
  const known = normaliseImageName(name);
  if (known === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `--tag: ${quoteName(name)} is not a valid image name`, {
      hint: 'expected NAME or NAME:TAG in lower case',
    });
  return known;
}

interface TreeFacts {
  readonly owners: OwnerTable;
  readonly arch: Arch;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** The disk has the owners. */
  readonly real: boolean;
}

function readTree(config: Config, directory: HostPath, isRoot: boolean): TreeFacts {
  return withDatabase(directory, ({ tree, database }) => {
    const owners: OwnerTable = new Map();
    const real = isRoot && isRootsTree(tree);
    if (!real) recordOwners(owners, database);
    const newest = database.packages.reduce((time, { record }) => Math.max(time, record.buildTime), 0);
    return {
      owners,
      real,
      arch: isArch(database.arch) ? database.arch : config.arch,
      epoch: config.epochSeconds ?? newest,
    };
  });
}

/** A tree that an ordinary user made is that user's altogether, whoever exports it. */
const isRootsTree = (tree: WorkTree): boolean => tree.stat(tree.resolve('lib/apk' as TreePath))?.uid === 0;

export interface AuditRequest {
  readonly directory: HostPath;
  readonly mode: AuditMode;
  readonly permissions: boolean;
  readonly recursive: boolean;
  /** Name the packages concerned instead of the files. */
  readonly packages: boolean;
  readonly quiet: boolean;
}

/** What differs from the database, as `apk audit` prints it; status 1 when something does. Needs no store. */
export const auditRootfs = ({ directory, mode, permissions, recursive, packages, quiet }: AuditRequest): Answer =>
  withDatabase(directory, ({ tree, database }) => {
    const policy = hasRealRoot() && isRootsTree(tree) ? 'apply' : 'record';
    const findings = auditTree(tree, database, { mode, recursive, permissions: permissions ? policy : undefined });
    return {
      text: formatLines(formatAudit(findings, { verbosity: quiet ? 0 : 1, packages })),
      value: findings.map(({ reason, path, record }) => ({
        reason,
        path: Buffer.from(path, 'latin1').toString('utf8'),
        ...(record === undefined ? {} : { package: `${record.name}-${record.version}` }),
      })),
      status: findings.length > 0 ? 1 : 0,
    };
  });

export interface SbomRequest {
  readonly directory: HostPath;
  /** What the bill is for, in words. */
  readonly subject: string;
  readonly toolVersion: string;
}

/** A CycloneDX bill of what is installed. @throws ALP_USAGE_ARGUMENT */
export const sbomOf = ({ directory, subject, toolVersion }: SbomRequest): string =>
  withDatabase(directory, ({ tree, database }) =>
    formatSbom(installedRecords(database), { subject, release: releaseOf(tree), toolVersion }),
  );

const installedRecords = ({ packages }: Database): Database['packages'][number]['record'][] =>
  packages.map(({ record }) => record);

const RELEASE = 'etc/alpine-release' as TreePath;

function releaseOf(tree: WorkTree): string {
  return tree.stat(RELEASE)?.kind === 'file' ? tree.readFile(RELEASE, 4096).toString('latin1').trim() : '';
}
