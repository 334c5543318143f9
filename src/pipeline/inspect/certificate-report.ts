/** The CA certificates that count, for `doctor --network`: from where, how many, and whose were added to Mozilla's. */
import { X509Certificate } from 'node:crypto';
import { showName } from '../../core/redact.ts';
import type { CaCertificates } from '../session/ca-certificates.ts';

const MOZILLA = "Mozilla's, which alproot brings";

export interface CertificateReport {
  /** undefined: the list that alproot ships. */
  readonly path: string | undefined;
  /** `--ca-file`, variables, the host's store. */
  readonly namedBy: readonly string[];
  readonly count: number;
  /** Names of those that no earlier source has. */
  readonly added: readonly string[];
  readonly failures: readonly string[];
}

export const reportCertificates = ({ bundled, sources }: CaCertificates): CertificateReport[] => [
  { path: undefined, namedBy: [], count: bundled.length, added: [], failures: [] },
  ...sources.map(({ path, namedBy, count, added, failures }) => ({
    path,
    namedBy,
    count,
    added: added.map(subjectName),
    failures,
  })),
];

/** The common name, else the last that there is. */
function subjectName(pem: string): string {
  const fields = new X509Certificate(pem).subject.split('\n');
  return (fields.find((field) => field.startsWith('CN=')) ?? fields.at(-1) ?? '').replace(/^[A-Z]+=/, '');
}

export const formatCertificates = (reports: readonly CertificateReport[]): string[] => [
  'CA certificates that count for TLS',
  ...reports.flatMap(({ path, namedBy, count, added, failures }) => {
    const news = added.length === 0 ? 'nothing new' : `${added.length} new`;
    const source = path === undefined ? MOZILLA : `${showName(path)} (${namedBy.join(', ')}); ${news}`;
    return [
      `${String(count).padStart(5)}  ${source}`,
      ...added.map((name) => `       + ${showName(name)}`),
      ...failures.map((failure) => `       does not count: ${showName(failure)}`),
    ];
  }),
  '',
];
