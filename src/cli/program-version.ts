/** alproot's own version, put in by the build. */
declare const ALPROOT_VERSION: string;

export const version = typeof ALPROOT_VERSION === 'string' ? ALPROOT_VERSION : '0.0.0-source';
