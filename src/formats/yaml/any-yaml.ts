/** A reader of all of YAML, apart from those who seldom need one. */
import { parse } from 'yaml';
import { AlprootError } from '../../core/errors.ts';

/** @param name for the message @throws ALP_FORMAT_TEXT for what is not YAML, or uses aliases */
export function parseYaml(text: string, name: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new AlprootError('ALP_FORMAT_TEXT', `${name} is not YAML`, { cause: error });
  }
}
