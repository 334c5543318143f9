/** The boundary of the verify stage: what a format reader refuses becomes a failed verification, said once. */
import { AlprootError, isAlprootError } from '../core/errors.ts';

/** Runs `verify`; grammar errors of the file come back as ALP_VERIFY_STRUCTURE with the reader's words. */
export function asVerification<T>(what: string, verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (
      isAlprootError(
        error,
        'ALP_FORMAT_GZIP',
        'ALP_FORMAT_TAR',
        'ALP_FORMAT_APK',
        'ALP_FORMAT_INDEX',
        'ALP_FORMAT_ADB',
        'ALP_FORMAT_TEXT',
      )
    ) {
      throw new AlprootError('ALP_VERIFY_STRUCTURE', `${what}: ${error.message}`, {
        cause: error,
        facts: error.facts,
      });
    }
    throw error;
  }
}
