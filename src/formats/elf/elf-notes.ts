/** Notes of an ELF file: build id, the ABI tag that glibc's start files leave. @see elf(5), "Notes (Nhdr)" */
import type { ElfFile } from './elf.ts';
import { fieldsOf, takeBytes } from './elf-bytes.ts';

const NOTES_CAP = 1024 * 1024;
const [PT_NOTE, SHT_NOTE] = [4, 7];

export interface ElfNote {
  /** Owner without its final NUL: `GNU`, `Go`, `FreeBSD`. */
  readonly owner: string;
  readonly type: number;
  readonly bytes: Buffer;
}

/**
 * All notes, from segments where there are any, else from sections. A torn note ends its area.
 *
 * @throws ALP_FORMAT_ELF
 */
export function readNotes(elf: ElfFile): ElfNote[] {
  const segments = elf.segments.filter(({ type }) => type === PT_NOTE);
  const areas =
    segments.length > 0
      ? segments.map(({ offset, fileBytes, align }) => ({ offset, size: fileBytes, align: align === 8n ? 8 : 4 }))
      : elf.sections
          .filter(({ type }) => type === SHT_NOTE)
          .map(({ offset, sizeBytes }) => ({ offset, size: sizeBytes, align: 4 }));
  return areas
    .slice(0, 16)
    .flatMap(({ offset, size, align }) =>
      notesIn(elf, takeBytes(elf.source, offset, Math.min(size, NOTES_CAP), 'notes'), align),
    );
}

function notesIn(elf: ElfFile, area: Buffer, align: number): ElfNote[] {
  const fields = fieldsOf(elf, area);
  const round = (size: number): number => Math.ceil(size / align) * align;
  const notes: ElfNote[] = [];
  for (let at = 0; at + 12 <= area.length;) {
    const [nameBytes, descBytes, type] = [fields.u32(at), fields.u32(at + 4), fields.u32(at + 8)];
    const desc = at + round(12 + nameBytes);
    if (desc + descBytes > area.length) break;
    const owner = area.toString('latin1', at + 12, at + 12 + Math.max(0, nameBytes - 1));
    notes.push({ owner, type, bytes: area.subarray(desc, desc + descBytes) });
    at = desc + round(descBytes);
  }
  return notes;
}
