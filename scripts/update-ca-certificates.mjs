// Writes keys/ca-certificates.pem from the Mozilla roots that this Node ships (`node:tls` rootCertificates).
// Run it with the newest Node at hand: node scripts/update-ca-certificates.mjs
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

const certificates = [...rootCertificates]
  .map((pem) => ({ pem: pem.trim(), certificate: new X509Certificate(pem) }))
  .filter(({ certificate }) => new Date(certificate.validTo) > new Date())
  .sort((a, b) => (a.certificate.subject < b.certificate.subject ? -1 : 1));

const text = certificates
  .map(({ pem, certificate }) => `# ${certificate.subject.replaceAll('\n', ', ')}\n${pem}\n`)
  .join('\n');
writeFileSync(
  new URL('../keys/ca-certificates.pem', import.meta.url),
  `# Mozilla's root certificates as shipped by Node ${process.versions.node}: ${certificates.length} of them\n\n${text}`,
);
console.log(`${certificates.length} certificates`);
