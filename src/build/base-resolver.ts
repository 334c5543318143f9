/** A name that is not a stage, as a base: Alpine, nothing, or a refusal that says what to write instead. */
import { AlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import { parseBaseReference } from './base-reference.ts';
import type { PlannedBase } from './build-plan.ts';

/**
 * @param name after substitution; `written` as it stands in the file
 * @throws ALP_BUILD_INSTRUCTION when it is not a valid image name, ALP_BUILD_UNSUPPORTED when it is not Alpine
 */
export function resolveImage(name: string, { arch, written }: { arch: Arch; written: string }): PlannedBase {
  const base = parseBaseReference(name, arch);
  if (base === undefined) {
    const hint = written.includes('$')
      ? 'a variable in it has no value: give one with --build-arg NAME=VALUE'
      : undefined;
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `${quoteName(written)} is not a valid image name: it stands for ${quoteName(name)}`,
      { hint },
    );
  }
  if (base.kind !== 'foreign') return base;
  throw new AlprootError(
    'ALP_BUILD_UNSUPPORTED',
    `base image ${quoteName(base.name)} is not Alpine, which is not supported yet`,
    { hint: 'start from alpine:TAG or scratch, and add the tools with apk' },
  );
}
