/** Devices and pipes are nothing that a tree may get, not by root either; nobody shall look for them in vain. */
import { AlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { TreePath } from '../core/paths.ts';
import { quoteName, showName } from '../core/redact.ts';
import type { TarEntryKind } from '../formats/tar/tar-entry.ts';

const SHOWN = 5;

export interface Omission {
  /** Whose they are. */
  readonly of: string;
  readonly how: string;
  readonly emit: Emit;
}

export function announceOmitted(paths: readonly TreePath[], { of, how, emit }: Omission): void {
  if (paths.length === 0) return;
  const items = paths.map(showName);
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : '';
  emit({
    kind: 'note',
    message: `devices and pipes of ${of} are ${how}: ${items.slice(0, SHOWN).join(', ')}${more}`,
    items,
  });
}

const NAMES = { char: 'a character device', block: 'a block device', fifo: 'a pipe' };

export type SpecialKind = keyof typeof NAMES;

export const isSpecial = (kind: TarEntryKind): kind is SpecialKind => kind in NAMES;

/** What `--strict` makes of one. @param of whose it is */
export const refuseSpecial = (kind: SpecialKind, path: TreePath, of: string): AlprootError =>
  new AlprootError(
    'ALP_UNPACK_SPECIAL',
    `cannot unpack ${quoteName(path)} of ${of}: it is ${NAMES[kind]}, which no tree gets`,
    { hint: 'without --strict it is recorded in the package database and not made', facts: { package: of, path } },
  );
