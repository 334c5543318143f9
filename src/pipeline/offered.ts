/** What a mirror made from Debian could have. */
import { offeredPackages } from '../mirror/debian/from-debian.ts';
import { offeredPorts } from '../mirror/debian/from-ports.ts';
import type { ChosenMirrors } from './mirrors.ts';

/** Names that may not be there yet; nothing for other mirrors. */
export const offeredNames = ({ debian }: ChosenMirrors): readonly string[] => (debian === undefined ? [] : [...new Set([...offeredPackages(), ...offeredPorts()])].sort());
