/** `alproot.yaml` of a directory. */
import { resolve } from 'node:path';
import type { ProjectDefaults } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import { isUrl } from '../fetch/fetcher.ts';
import { readFileCapped } from '../system/files.ts';

export { closeInheritedDescriptors } from '../system/descriptors.ts';
export { hostFailure } from '../system/files.ts';

/** undefined when the directory has none. @throws ALP_USAGE_CONFIG */
export async function readProject(directory: HostPath): Promise<ProjectDefaults | undefined> {
  const bytes = readFileCapped(joinHost(directory, 'alproot.yaml'), limits.metadata);
  if (bytes === undefined) return undefined;
  const { parseProjectFile } = await import('../formats/project-file.ts');
  const { mirrors, ...rest } = parseProjectFile(bytes.toString('utf8'));
  const path = (text: string): HostPath => hostPath(resolve(directory, text));
  const defaults = { ...rest, directory };
  if (mirrors === undefined) return defaults;
  return { ...defaults, mirrors: mirrors.map(({ url, keys }) => ({ base: isUrl(url) ? url.replace(/\/+$/, '') : path(url), keys: keys.map(path) })) };
}
