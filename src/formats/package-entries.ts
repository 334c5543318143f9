/** Names that a package's data member may not use, or that apk passes over. */
import { AlprootError } from '../core/errors.ts';
import type { TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';

const DATABASE = /^lib\/apk\/(?:db|exec)\/.|^(?:usr\/)?lib\/apk\/\.alproot-undo(?:\/|$)/;
const TEMPORARY = /(?:^|\/)\.apk\.[^/]*$|\.apk-new$/;
const SETTINGS = /^etc\/apk\/(?:world|repositories|arch)$/;
const CONTROL = /^\.(?:PKGINFO|INSTALL|SIGN\..*|dummy|(?:pre|post)-(?:install|upgrade|deinstall)|trigger)$/;

export const refusal = (code: 'ALP_UNPACK_PATH' | 'ALP_UNPACK_LINK', label: string, path: string, why: string): AlprootError =>
  new AlprootError(code, `cannot unpack ${quoteName(path)} of ${label}: ${why}`, { facts: { package: label, path } });

/**
 * @param path a legal tree path
 * @returns `ignore` for what apk does not install: dot files of the root, `.keep_…`
 * @throws ALP_UNPACK_PATH for names of the package database and of temporary files
 * @throws ALP_FORMAT_APK for parts of a control member in the data member
 */
export function judgeName(path: TreePath, label: string): 'install' | 'ignore' {
  if (CONTROL.test(path)) throw new AlprootError('ALP_FORMAT_APK', `${label}: ${quoteName(path)} in the data member`);
  if (DATABASE.test(path)) throw refusal('ALP_UNPACK_PATH', label, path, 'this name is reserved for the package database');
  if (TEMPORARY.test(path)) throw refusal('ALP_UNPACK_PATH', label, path, 'this name is reserved for files being installed');
  if (SETTINGS.test(path) && !label.startsWith('alpine-')) throw refusal('ALP_UNPACK_PATH', label, path, 'only the base system may ship apk\'s settings');
  if (path.startsWith('.') || /(?:^|\/)\.keep_[^/]+$/.test(path)) return 'ignore';
  return 'install';
}
