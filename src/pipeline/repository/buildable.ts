/** What a mirror made from Debian could have. What makes packages of it is loaded for such a mirror alone. */
import { joinHost } from '../../core/paths.ts';
import { scanDependency } from '../../formats/apk/dependency.ts';
import { branchOf, SECTIONS } from '../../formats/release/release-names.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import type { ChosenMirrors } from './mirrors.ts';
import type { Session } from '../session/session.ts';
import type { OpenPortSandbox } from './debian-packages.ts';

/** Names that may not be there yet; nothing for other mirrors. */
export async function buildableNames({ debian }: ChosenMirrors): Promise<readonly string[]> {
  if (debian === undefined) return [];
  const [{ buildablePackages }, { buildablePorts }] = await Promise.all([
    import('../../mirror/debian/from-debian.ts'),
    import('../../mirror/debian/from-ports.ts'),
  ]);
  return [...new Set([...buildablePackages(), ...buildablePorts()])].sort();
}

export interface BuildableRequest {
  /** As for `apk add`. */
  readonly packages: readonly string[];
  readonly openSandbox: OpenPortSandbox;
}

/** Does nothing for other mirrors, and for packages that nobody offers: the solver says what is missing. */
export async function addDebianPackages(
  session: Session,
  { debian, release }: ChosenMirrors,
  { packages, openSandbox }: BuildableRequest,
): Promise<void> {
  if (debian === undefined || session.config.offline) return;
  const present = SECTIONS.flatMap((section) =>
    namesOf(joinHost(debian, branchOf(release), section, session.config.arch)),
  );
  const has = (name: string): boolean =>
    present.some((file) => file.startsWith(`${name}-`) && /^\d/.test(file.slice(name.length + 1)));
  const missing = packages
    .map((text) => scanDependency(text, { tag: true })?.name ?? text)
    .filter((name) => !has(name));
  if (missing.length === 0) return;
  const { addMissing } = await import('./debian-packages.ts');
  await addMissing(session, { directory: debian, release, names: missing, openSandbox });
}
