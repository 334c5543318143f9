/**
 * Looking at ELF files and static libraries of the host: report, requirements, sizes. Opens files; decides nothing
 * itself.
 */
import type { ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { hasArMagic, readAr } from '../../formats/elf/ar.ts';
import { findGlibcObjects, type GlibcObject } from '../../ship/glibc-objects.ts';
import { inspectElf, type InspectReport } from '../../ship/inspect-report.ts';
import { requireElf, whyNotStatic, type RequirementFailure } from '../../ship/inspect-require.ts';
import { sizesFromMap, sizesFromSymbols, type SizeBreakdown } from '../../ship/inspect-sizes.ts';
import { formatLibrary, formatReport, formatSizes } from '../../ship/inspect-text.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { withFile } from '../environment/elf-files.ts';

export interface InspectOptions {
  /** `static,musl,max-size=1M`; see `requireElf`. */
  readonly require?: string | undefined;
  /** Sizes by library and member, from the map when there is one, else from the symbol table. */
  readonly symbols?: boolean;
  readonly map?: HostPath | undefined;
}

export type Inspection =
  | {
      readonly kind: 'elf';
      readonly report: InspectReport;
      readonly sizes: SizeBreakdown | undefined;
      readonly failures: readonly RequirementFailure[];
    }
  | {
      readonly kind: 'library';
      readonly name: string;
      readonly memberCount: number;
      readonly glibcObjects: readonly GlibcObject[];
    };

/**
 * Inspects one file.
 *
 * @throws ALP_USAGE_ARGUMENT when there is no such file; ALP_FORMAT_ELF, ALP_FORMAT_AR, ALP_FORMAT_TEXT,
 * ALP_USAGE_OPTION for requirements that make no sense
 */
export function inspectFile(path: HostPath, options: InspectOptions = {}): Inspection {
  return withFile(path, (source) => {
    const head = Buffer.alloc(8);
    source.read(head, 0);
    if (hasArMagic(head)) return inspectLibrary(source, options);
    const report = inspectElf(source);
    return {
      kind: 'elf',
      report,
      sizes: sizesOf(source, options),
      failures: requireElf(report, options.require ?? ''),
    };
  });
}

/** The reason why a file is not a static program, or undefined when it is one. @throws ALP_FORMAT_ELF */
export const reasonNotStatic = (path: HostPath): string | undefined =>
  withFile(path, (source) => {
    const report = inspectElf(source);
    return requireElf(report, 'static').length === 0 ? undefined : whyNotStatic(report);
  });

/** An inspection as text for people. */
export function formatInspection(inspection: Inspection): string {
  if (inspection.kind === 'library') return formatLibrary(inspection);
  return formatReport(inspection.report) + (inspection.sizes === undefined ? '' : formatSizes(inspection.sizes));
}

function inspectLibrary(source: ByteSource, { require, map }: InspectOptions): Inspection {
  if (require !== undefined || map !== undefined) {
    throw new AlprootError(
      'ALP_USAGE_OPTION',
      `${quoteName(source.name)} is a static library: --require and --map are for programs`,
    );
  }
  return {
    kind: 'library',
    name: source.name,
    memberCount: [...readAr(source)].length,
    glibcObjects: findGlibcObjects([source]),
  };
}

function sizesOf(source: ByteSource, { symbols = false, map }: InspectOptions): SizeBreakdown | undefined {
  if (map === undefined) return symbols ? sizesFromSymbols(source) : undefined;
  const text = readFileCapped(map, limits.index);
  if (text === undefined) throw new AlprootError('ALP_USAGE_ARGUMENT', `there is no file ${quoteName(map)}`);
  return sizesFromMap(text.toString('latin1'));
}
