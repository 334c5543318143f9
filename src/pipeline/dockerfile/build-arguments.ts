/** Values of docker's options, read. */
import { resolve } from 'node:path';
import { archOfPlatform } from '../../core/arch.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:]*:[\da-f:.]+)$/i;

/** As a line of /etc/hosts. @throws ALP_USAGE_OPTION */
export function hostLine(text: string): string {
  const [, name = '', address = ''] = /^([\w.-]+)[:=](.+)$/.exec(text) ?? [];
  const plain = address.replace(/^\[(.*)\]$/, '$1');
  const found = plain === 'host-gateway' ? '127.0.0.1' : plain;
  if (name === '' || !ADDRESS.test(found))
    throw new AlprootError('ALP_USAGE_OPTION', `--add-host ${quoteName(text)}: expected NAME:ADDRESS`, {
      hint: 'such as --add-host mirror.lan:192.0.2.7',
    });
  return `${found}\t${name}`;
}

/** `--build-context`: a name, and the directory or image that it means. @throws ALP_USAGE_OPTION */
export function namedContext(text: string, directory: HostPath): [string, HostPath | { readonly image: string }] {
  const [, name = '', value = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const refuse = (hint: string): AlprootError =>
    new AlprootError('ALP_USAGE_OPTION', `--build-context ${quoteName(text)} cannot be used`, { hint });
  if (name === '') throw refuse('expected NAME=DIR or NAME=docker-image://alpine:TAG');
  if (value.startsWith('docker-image://')) return [name, { image: value.slice('docker-image://'.length) }];
  if (/^(?:oci-layout|target|https?|git|ssh):|^git@/.test(value))
    throw refuse('give a directory, or docker-image://alpine:TAG');
  return [name, hostPath(resolve(directory, value))];
}

/** @throws ALP_USAGE_ARGUMENT for what docker would fetch from elsewhere */
export function checkContext(text: string): void {
  if (!/^(?:(?:https?|git|ssh|oci-layout|docker-image):|git@|github\.com\/)/i.test(text)) return;
  throw new AlprootError('ALP_USAGE_ARGUMENT', `a build context is a local directory, not ${quoteName(text)}`, {
    hint: /\.git(?:[?#]|$)|^git|^ssh/i.test(text)
      ? 'fetch it with git clone, and give its directory'
      : 'download and unpack it, and give its directory',
  });
}

/** `NAME=VALUE`; a name alone has an empty value. */
export const nameAndValue = (text: string): [string, string] => {
  const cut = text.indexOf('=');
  return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
};

/** `--annotation`. @throws ALP_USAGE_OPTION for those of an index, which a single image has no use for */
export function annotation(text: string): [string, string] {
  const [, level = 'manifest', plain = text] = /^([a-z,-]+):(.*=.*)$/s.exec(text) ?? [];
  const [name, value] = nameAndValue(plain);
  if (level !== 'manifest' || name === '')
    throw new AlprootError('ALP_USAGE_OPTION', `--annotation ${quoteName(text)} cannot be used`, {
      hint: 'expected NAME=VALUE or manifest:NAME=VALUE',
    });
  return [name, value];
}

/** `--platform`. @throws ALP_USAGE_OPTION */
export function platformArch(text: string): Arch {
  const arch = archOfPlatform(text);
  if (arch === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `--platform ${quoteName(text)} is not a platform of Alpine`, {
      hint: 'one of linux/amd64, linux/arm64, linux/arm/v7, linux/386, linux/ppc64le, linux/s390x or linux/riscv64',
    });
  return arch;
}

/** `--build-arg`; a name alone takes the caller's value, and counts as not given when there is none. */
export function buildArgs(
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = given.flatMap((text): [string, string][] => {
    const cut = text.indexOf('=');
    const name = cut < 0 ? text : text.slice(0, cut);
    const value = cut < 0 ? env[name] : text.slice(cut + 1);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(entries);
}
