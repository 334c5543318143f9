/** Packages that a mirror made from Debian could have but does not have yet are added to it. */
import { fromDebian, offeredPackages } from '../mirror/debian/from-debian.ts';
import { namesOf } from '../system/directories.ts';
import { joinHost } from '../core/paths.ts';
import { branchOf } from '../formats/releases.ts';
import { scanDependency } from '../formats/dependency.ts';
import type { ChosenMirrors } from './mirrors.ts';
import type { Session } from './session.ts';

/** Does nothing for other mirrors, and for packages that nobody offers: the solver says what is missing. */
export async function addDebianPackages(session: Session, { debian, release }: ChosenMirrors, packages: readonly string[]): Promise<void> {
  if (debian === undefined || session.config.offline) return;
  const offered = new Set(offeredPackages());
  const present = ['main', 'community'].flatMap((section) => namesOf(joinHost(debian, branchOf(release), section, session.config.arch)));
  const has = (name: string): boolean => present.some((file) => file.startsWith(`${name}-`) && /^\d/.test(file.slice(name.length + 1)));
  const names = packages.map((text) => scanDependency(text, { tag: true })?.name ?? text);
  const missing = names.filter((name) => offered.has(name) && !has(name));
  if (missing.length === 0) return;
  const { config } = session;
  await session.store.withLock('mirror-debian', () =>
    fromDebian({ directory: debian, arch: config.arch, release, packages: missing, env: config.env, emit: config.emit, signal: config.signal }),
  );
}
