/** A report as lines for people. Names from the file are escaped: it may be hostile. */
import { showName } from '../core/redact.ts';
import type { InspectReport } from './inspect-report.ts';
import type { SizeBreakdown } from './inspect-sizes.ts';

const LINKAGE: Readonly<Record<InspectReport['linkage'], string>> = {
  static: 'static (no interpreter, no libraries)',
  'static-pie': 'static-pie (static and position-independent: no interpreter, no libraries)',
  dynamic: 'dynamic',
  'shared-library': 'shared library',
  object: 'object file',
  core: 'core dump',
  packed: 'packed by UPX (what it unpacks to cannot be seen)',
};

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

/** `12,345 bytes (12.1 KiB)`. */
export function showSize(bytes: number): string {
  const exact = `${bytes.toString().replace(/\B(?=(?:\d{3})+$)/g, ',')} bytes`;
  if (bytes < 1024) return exact;
  return bytes < 1024 ** 2
    ? `${exact} (${(bytes / 1024).toFixed(1)} KiB)`
    : `${exact} (${(bytes / 1024 ** 2).toFixed(1)} MiB)`;
}

/** The report as text, a line for each fact, ending with a line break. */
export function formatReport(report: InspectReport): string {
  const { libc } = report;
  const rows: [string, string | undefined][] = [
    ['file', `${showName(report.name)}, ${showSize(report.sizeBytes)}`],
    ['class', `ELF ${report.bits} bit, ${report.endian} endian, ${report.machine}, ${report.type}`],
    ['linkage', LINKAGE[report.linkage]],
    ['interpreter', report.interpreter],
    ['needs', report.needed.length === 0 ? undefined : report.needed.join(', ')],
    ['soname', report.soname],
    ['rpath', report.rpath],
    ['runpath', report.runpath],
    ['libc', libc.needsVersion === undefined ? libc.name : `${libc.name}, at least ${libc.needsVersion}`],
    ...libc.evidence.slice(0, 6).map((text): [string, string] => ['', `  ${text}`]),
    ['hardening', hardening(report)],
    ['stripped', `${yesNo(report.stripped)}${report.debugInfo ? ', with debug information' : ''}`],
    ['build id', report.buildId],
    ['compiler', report.compilers.length === 0 ? undefined : report.compilers.join('; ')],
    [
      'packed',
      report.packed === undefined
        ? undefined
        : [
            report.packed.version ?? 'UPX',
            ...(report.packed.originalBytes === undefined ? [] : [`${showSize(report.packed.originalBytes)} before`]),
          ].join(', '),
    ],
    ['build paths', report.sourcePaths.length === 0 ? undefined : firstPaths(report.sourcePaths)],
  ];
  const lines = rows.flatMap(([label, value]) =>
    value === undefined ? [] : [`${label.padEnd(12)}${label === 'file' ? value : showName(value)}`],
  );
  return `${[...lines, ...sectionLines(report)].join('\n')}\n`;
}

const firstPaths = (paths: readonly string[]): string =>
  paths.slice(0, 3).join(', ') + (paths.length > 3 ? ` and ${paths.length - 3} more` : '');

const hardening = (report: InspectReport): string =>
  [
    `PIE ${yesNo(report.pie)}`,
    `RELRO ${report.relro}`,
    `NX ${yesNo(report.nx)}`,
    `stack protector ${report.stackProtector}`,
    ...(report.textRelocations ? ['TEXTREL'] : []),
  ].join(', ');

function sectionLines({ sections }: InspectReport): string[] {
  const shown = sections.filter(({ sizeBytes, inFile, loaded }) => sizeBytes > 0 && (inFile || loaded));
  if (shown.length === 0) return ['sections    none'];
  const largest = [...shown].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, 8);
  return [
    'sections',
    ...largest.map(
      ({ name, sizeBytes, loaded, inFile }) =>
        `  ${showName(name).padEnd(20)} ${String(sizeBytes).padStart(10)}` +
        `${inFile ? '' : '  memory only'}${loaded ? '' : '  not loaded'}`,
    ),
    ...(shown.length > largest.length ? [`  and ${shown.length - largest.length} smaller`] : []),
  ];
}

/** Sizes by library, the largest `perLibrary` members under each. */
export function formatSizes(sizes: SizeBreakdown, { perLibrary = 5 }: { readonly perLibrary?: number } = {}): string {
  if (sizes.from === 'none')
    return 'sizes       not known: the file is stripped; link with -Wl,-Map=FILE and give that with --map\n';
  const title =
    sizes.from === 'map'
      ? 'sizes by library (from the linker map)'
      : 'sizes by source file (from the symbol table; a linker map knows libraries)';
  const lines = sizes.libraries
    .slice(0, 20)
    .flatMap(({ name, sizeBytes, members }) => [
      `  ${String(sizeBytes).padStart(10)}  ${showName(name)}`,
      ...members
        .slice(0, perLibrary)
        .map((member) => `  ${String(member.sizeBytes).padStart(10)}    ${showName(member.name)}`),
      ...(members.length > perLibrary ? [`${' '.repeat(12)}    and ${members.length - perLibrary} more`] : []),
    ]);
  return `${[title, ...lines, `  ${String(sizes.totalBytes).padStart(10)}  in all`].join('\n')}\n`;
}

/** The report as stable JSON, two blanks deep, absent facts as null. */
export const formatReportJson = (report: InspectReport, sizes?: SizeBreakdown): string =>
  `${JSON.stringify(sizes === undefined ? report : { ...report, sizes }, nullForAbsent, 2)}\n`;

const nullForAbsent = (_key: string, value: unknown): unknown => (value === undefined ? null : value);

export interface LibraryFacts {
  readonly name: string;
  readonly memberCount: number;
  readonly glibcObjects: readonly { readonly name: string; readonly symbols: readonly string[] }[];
}

/** What is known of a static library, as text. */
export function formatLibrary({ name, memberCount, glibcObjects }: LibraryFacts): string {
  const lines = [`file        ${showName(name)}`, `class       static library of ${memberCount} members`];
  if (glibcObjects.length === 0) return `${[...lines, 'libc        nothing in it asks for glibc'].join('\n')}\n`;
  const shown = glibcObjects
    .slice(0, 5)
    .map(
      (object) =>
        `  ${showName(object.name.slice(object.name.lastIndexOf('/') + 1))} asks ` +
        `for ${object.symbols.map(showName).join(', ')}`,
    );
  const libc =
    `libc        glibc: ${glibcObjects.length} members were compiled for it, ` + 'and cannot be linked with musl';
  return `${[...lines, libc, ...shown].join('\n')}\n`;
}
