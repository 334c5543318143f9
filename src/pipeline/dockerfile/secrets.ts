/** `--secret id=NAME[,src=FILE|,env=VARIABLE]`, as docker writes it. */
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { Secret, Secrets } from '../../build/run-context.ts';
import { isFile } from '../../system/files/host-paths.ts';

export interface SecretOptions {
  readonly directory: string;
  readonly secrets: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws ALP_USAGE_OPTION for a spec that is none, or a file that does not exist */
export const readSecrets = ({ directory, secrets, env }: SecretOptions): Secrets =>
  new Map(
    secrets.map((spec) => {
      const fields = new Map(
        spec
          .split(',')
          .map(
            (field) => [field.slice(0, Math.max(0, field.indexOf('='))), field.slice(field.indexOf('=') + 1)] as const,
          ),
      );
      const id = fields.get('id') ?? '';
      if (!/^[\w.-]{1,128}$/.test(id))
        throw new AlprootError('ALP_USAGE_OPTION', `--secret ${quoteName(spec)} has no id`, {
          hint: '--secret id=NAME,src=FILE or id=NAME,env=VARIABLE',
        });
      return [id, valueOf(fields, { directory, env, id })] as const;
    }),
  );

function valueOf(
  fields: ReadonlyMap<string, string>,
  { directory, env, id }: { directory: string; env: SecretOptions['env']; id: string },
): Secret {
  const file = fields.get('src') ?? fields.get('source');
  if (file !== undefined) {
    const path = hostPath(resolve(directory, file));
    if (!isFile(path)) throw new AlprootError('ALP_USAGE_OPTION', `secret ${id}: there is no file ${quoteName(file)}`);
    return { kind: 'file', path };
  }
  const variable = fields.get('env') ?? id;
  const value = env[variable];
  if (value === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `secret ${id}: the variable ${variable} is not set`);
  return { kind: 'value', value };
}
