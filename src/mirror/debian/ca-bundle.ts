/** `/etc/ssl/certs/ca-certificates.crt` from the single certificates of Debian's package. */
import type { TarItem } from '../../formats/tar/tar-writer.ts';

/** All `.crt` files of the package, one after the other, in the order of their names. */
export function caBundle(items: readonly TarItem[]): TarItem {
  const certificates = items
    .flatMap((item) =>
      item.kind === 'file' && /^usr\/share\/ca-certificates\/.*\.crt$/.test(item.path)
        ? [{ path: item.path, text: Buffer.from(item.bytes).toString('latin1') }]
        : [],
    )
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const text = certificates.map((certificate) => `${certificate.text.trimEnd()}\n`).join('');
  return { kind: 'file', path: 'etc/ssl/certs/ca-certificates.crt', mode: 0o644, bytes: Buffer.from(text, 'latin1') };
}
