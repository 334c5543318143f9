/**
 * The story, verb by verb. Each stage is a folder beside this file: fetch → verify → solve → unpack → run → build;
 * `pipeline/` holds what ties them together.
 */
export { prepareEnvironment } from './pipeline/environment/environment.ts';
export type { Environment } from './pipeline/environment/manifest.ts';
export { createRootfs, type CreateRootfs, type CreatedRootfs } from './pipeline/environment/rootfs.ts';
export { describeRun, runInEnvironment, type EnvironmentRun } from './pipeline/environment/run.ts';
export { runTool, type ToolRun } from './pipeline/environment/compiler.ts';
export { writeLockFor, type LockOptions, type LockTarget, type WrittenLock } from './pipeline/bundle/locking.ts';
export {
  fetchTarget,
  makeBundle,
  makeMirror,
  readBundle,
  type BundleRequest,
  type FetchedLock,
  type MadeBundle,
  type MirrorRequest,
  type ShownBundle,
} from './pipeline/bundle/locked-files.ts';
export { closeInheritedDescriptors } from './system/process/descriptors.ts';
export { verifyPaths, type FileVerdict, type VerifyOptions } from './pipeline/inspect/verify-files.ts';
export { verifyDeep, type DeepFinding, type DeepVerdict } from './pipeline/inspect/verify-deep.ts';
export { examineHost, type HostReport } from './pipeline/inspect/doctor.ts';
export { cacheList, cachePath, cacheVerify, collectGarbage, type CacheEntry } from './pipeline/inspect/cache.ts';
export { writeToolLinks } from './pipeline/environment/link-tools.ts';
