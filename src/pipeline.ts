/**
 * The story, verb by verb. Each stage is a folder beside this file: fetch → verify → solve → unpack → run → build;
 * `pipeline/` holds what ties them together.
 */
export { prepareEnvironment, type Environment } from './pipeline/environment.ts';
export { createRootfs, type CreateRootfs, type CreatedRootfs } from './pipeline/rootfs.ts';
export { describeRun, runInEnvironment, type EnvironmentRun } from './pipeline/run.ts';
export { runTool, type ToolRun } from './pipeline/tool.ts';
export { writeLockFor, type LockOptions, type LockTarget, type WrittenLock } from './pipeline/lock.ts';
export { fetchTarget, makeBundle, makeMirror, readBundle, type BundleRequest, type FetchedLock, type MadeBundle, type MirrorRequest, type ShownBundle } from './pipeline/carry.ts';
export { closeInheritedDescriptors } from './system/descriptors.ts';
export { verifyPaths, type FileVerdict, type VerifyOptions } from './pipeline/verify-files.ts';
export { verifyDeep, type DeepFinding, type DeepVerdict } from './pipeline/verify-deep.ts';
export { examineHost, type HostReport } from './pipeline/doctor.ts';
export { cacheList, cachePath, cacheVerify, collectGarbage, type CacheEntry } from './pipeline/cache.ts';
export { writeToolLinks } from './pipeline/link-tools.ts';
