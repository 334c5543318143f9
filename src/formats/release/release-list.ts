/**
 * Alpine's `latest-releases.yaml`. The listing is unsigned: it only proposes a name, which must match the grammar of
 * `releases.ts`, and the file is verified by its own digest or signature.
 */
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { parsePlainList } from '../yaml/plain-yaml.ts';
import { parseMinirootfsName, type MinirootfsName } from './release-names.ts';

/**
 * The minirootfs that a listing proposes for `arch`.
 *
 * @param text the YAML, a list of entries with `flavor`, `file`, `arch`
 * @throws ALP_FORMAT_TEXT when it is not such a list
 */
export async function parseLatestReleases(text: string, arch: Arch): Promise<MinirootfsName | undefined> {
  const entries: unknown =
    parsePlainList(text) ?? (await import('../yaml/any-yaml.ts')).parseYaml(text, 'latest-releases.yaml');
  if (!Array.isArray(entries))
    throw new AlprootError('ALP_FORMAT_TEXT', 'latest-releases.yaml is not a list of releases');
  for (const entry of entries as unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { flavor, file } = entry as Record<string, unknown>;
    if (flavor !== 'alpine-minirootfs' || typeof file !== 'string') continue;
    const name = parseMinirootfsName(file);
    if (name !== undefined && name.arch === arch) return name;
  }
  return undefined;
}
