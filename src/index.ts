/** The library: everything that the command line can do, as typed functions. */
export type { Config, HostCa, ProjectDefaults } from './core/config.ts';
export { mirrorAt, type MirrorSpec } from './core/mirror.ts';
export { AlprootError, ERRORS, isAlprootError, type ErrorCode } from './core/errors.ts';
export type { AlpEvent, Emit } from './core/events.ts';
export type { Arch, Dependency, PackageRecord } from './core/package.ts';
export { hostPath, type HostPath } from './core/paths.ts';
export type { BackendName, RunResult } from './core/run-description.ts';
export type { Signer } from './core/verified.ts';
export {
  cacheList,
  cachePath,
  cacheVerify,
  collectGarbage,
  createRootfs,
  describeRun,
  examineHost,
  runInEnvironment,
  runTool,
  verifyDeep,
  verifyPaths,
  writeToolLinks,
  type CacheEntry,
  type CreateRootfs,
  type CreatedRootfs,
  type DeepFinding,
  type DeepVerdict,
  type EnvironmentRun,
  type FileVerdict,
  type HostReport,
  type ToolRun,
  type VerifyOptions,
  closeInheritedDescriptors,
  fetchTarget,
  makeBundle,
  makeMirror,
  readBundle,
  writeLockFor,
  type BundleRequest,
  type FetchedLock,
  type LockOptions,
  type LockTarget,
  type MadeBundle,
  type MirrorRequest,
  type ShownBundle,
  type WrittenLock,
} from './pipeline.ts';
export { formatInspection, inspectFile } from './pipeline/inspect/elf-inspection.ts';
export {
  indexMirror,
  makeSigningKey,
  mirrorFromDebian,
  serveDirectory,
  signFiles,
} from './pipeline/bundle/mirror-tools.ts';
export { buildDockerfile, planDockerfile, type BuildOptions } from './pipeline/dockerfile/build.ts';
export { queryPackages, type Answer, type PackageQuery } from './pipeline/inspect/package-query.ts';
export { explainNeed, explainTree, type WhyRequest } from './pipeline/inspect/why-query.ts';
export { dumpFile, type DumpRequest } from './pipeline/inspect/adb-dump-file.ts';
export {
  auditRootfs,
  exportRootfs,
  sbomOf,
  type AuditRequest,
  type ExportRequest,
  type SbomRequest,
} from './pipeline/inspect/rootfs-export.ts';
export { readProject, type ProjectContext } from './pipeline/session/project.ts';
export {
  approveProject,
  listProjects,
  revokeProject,
  type ApprovedProject,
  type ListedProject,
} from './pipeline/session/project-trust.ts';
