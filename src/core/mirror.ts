/** Where Alpine's files come from: a server, or a directory of this host, laid out like Alpine's CDN. */
import { hostPath, type HostPath } from './paths.ts';

export interface PublicKeyText {
  /** `me@example.org-5f3c2d1a.rsa.pub` */
  readonly name: string;
  readonly pem: string;
}

export interface MirrorKeys {
  /** Public key files, or directories of them, trusted for this mirror besides Alpine's own. */
  readonly keys: readonly HostPath[];
  /** The same, read already: what was approved is what counts, whatever happens to the file. */
  readonly publicKeys?: readonly PublicKeyText[];
}

export interface UrlMirror extends MirrorKeys {
  readonly kind: 'url';
  /** http or https, without a slash at its end. */
  readonly base: string;
}

export interface DirectoryMirror extends MirrorKeys {
  readonly kind: 'directory';
  readonly base: HostPath;
}

export type MirrorSpec = UrlMirror | DirectoryMirror;

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** @param location an http(s) URL, or an absolute path of the host @throws ALP_USAGE_ARGUMENT for neither */
export const mirrorAt = (location: string, trust: Partial<MirrorKeys> = {}): MirrorSpec =>
  isUrl(location)
    ? { kind: 'url', base: location.replace(/\/+$/, ''), keys: [], ...trust }
    : { kind: 'directory', base: hostPath(location), keys: [], ...trust };
