/** `-o` as docker writes it: `DIR`, `type=oci,dest=FILE`, `-` for a tar on standard output. */
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';

export interface OutputSpec {
  readonly type: 'local' | 'tar' | 'oci' | 'docker';
  /** As written, relative to the user's directory; '-' is standard output, for the kinds that are one file. */
  readonly dest: string;
  /** oci and docker: one tar file, or a directory. */
  readonly asTar: boolean;
  readonly compression: 'uncompressed' | 'gzip';
  /** Image name given in the output itself. */
  readonly name?: string;
}

const TYPES = ['local', 'tar', 'oci', 'docker'] as const;
/** docker's other keys that ask for what is done anyway, or only weigh time against size. */
const SAME = ['oci-mediatypes', 'rewrite-timestamp', 'force-compression', 'compression-level'];

/** @throws ALP_USAGE_OPTION for an unknown type, key or value, or a missing dest */
export function parseOutputSpec(text: string): OutputSpec {
  if (!text.includes('='))
    return { type: text === '-' ? 'tar' : 'local', dest: text, asTar: text === '-', compression: 'uncompressed' };
  const fields = new Map(
    text.split(',').map((field) => {
      const cut = field.indexOf('=');
      if (cut < 1) refuse(text, `${quoteName(field)} is not key=value`);
      return [field.slice(0, cut).trim().toLowerCase(), field.slice(cut + 1)] as const;
    }),
  );
  for (const key of fields.keys())
    if (!['type', 'dest', 'name', 'tar', 'compression', ...SAME].includes(key))
      refuse(text, `unknown key ${quoteName(key)}`);
  if (/^(?:image|registry)$/.test(fields.get('type') ?? ''))
    refuse(
      text,
      'there is no daemon and no registry here',
      'write the image with -o type=oci,dest=image, then `skopeo copy oci:image docker://REGISTRY/NAME`',
    );
  const type =
    TYPES.find((candidate) => candidate === fields.get('type')) ??
    refuse(text, `expected a type of ${TYPES.join(', ')}`);
  const dest = fields.get('dest') ?? refuse(text, 'dest is missing');
  const compression = fields.get('compression') ?? 'uncompressed';
  if (compression !== 'uncompressed' && compression !== 'gzip')
    refuse(text, 'expected a compression of uncompressed, gzip');
  const name = fields.get('name');
  if (dest === '-' && type === 'local') refuse(text, 'a directory cannot go to standard output');
  return {
    type,
    dest,
    compression: compression as OutputSpec['compression'],
    asTar:
      type === 'tar' ||
      (type !== 'local' &&
        (dest === '-' ||
          fields.get('tar') === 'true' ||
          (fields.get('tar') !== 'false' && /\.tar$/.test(dest)) ||
          (type === 'docker' && fields.get('tar') !== 'false'))),
    ...(name === undefined ? {} : { name }),
  };
}

function refuse(
  text: string,
  why: string,
  hint = 'for example -o out, -o type=tar,dest=out.tar, -o type=oci,dest=image',
): never {
  throw new AlprootError('ALP_USAGE_OPTION', `--output ${quoteName(text)}: ${why}`, { hint });
}
