/** Devices and pipes are nothing that a tree may get, not by root either; nobody shall look for them in vain. */
import type { Emit } from '../core/events.ts';
import type { TreePath } from '../core/paths.ts';
import { showName } from '../core/redact.ts';

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
