/** A certificate made on the spot for `mirror serve --tls`: its own authority, valid for this server's names only. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

/** An IPv4 or IPv6 address rather than a name. */
const ADDRESS = /^[\d.]+$|:/;

export interface ServerCertificate {
  readonly keyPem: string;
  /** Also what a client needs with `--ca-file`. */
  readonly certificatePem: string;
}

/**
 * @param names host names and addresses that clients will use
 * @param now milliseconds since 1970; the certificate holds from a day before to `days` after
 */
export function makeCertificate(names: readonly string[], now: number, days = 825): ServerCertificate {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyPem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const forgeKey = forge.pki.privateKeyFromPem(keyPem);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(forgeKey.n, forgeKey.e);
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`;
  certificate.validity.notBefore = new Date(now - 86_400_000);
  certificate.validity.notAfter = new Date(now + days * 86_400_000);
  const subject = [{ name: 'commonName', value: `alproot mirror ${randomBytes(3).toString('hex')}` }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: names.map((name) => (ADDRESS.test(name) ? { type: 7, ip: name } : { type: 2, value: name })),
    },
    { name: 'subjectKeyIdentifier' },
  ]);
  certificate.sign(forgeKey, forge.md.sha256.create());
  return { keyPem, certificatePem: forge.pki.certificateToPem(certificate) };
}
