/**
 * The network as a `Config` allows it: certificates, credentials and proxies that count, for us and for commands that
 * are granted it.
 */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { InjectedNetworkFiles } from '../../run/network-files.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { exists, isFile } from '../../system/files/host-paths.ts';
import { createHttpClient, offlineClient, type HttpClient } from '../../system/http/http.ts';
import type { HttpSettings } from '../../system/http/http-dispatcher.ts';
import { netrcCredentials, parseNetrc, type NetrcEntry } from '../../system/http/netrc.ts';
import { proxyVariables } from '../../system/http/proxy.ts';
import { addedCertificates, allCertificates, readCaCertificates, type CaCertificates } from './ca-certificates.ts';

const PEM_BYTES = 4 * 1024 * 1024;
const NETRC_BYTES = 1024 * 1024;

/** Read when TLS is first used, and once; what cannot be used is told then. */
export function openCertificates(config: Config): () => CaCertificates {
  let found: CaCertificates | undefined;
  return () => {
    if (found !== undefined) return found;
    found = readCaCertificates(config);
    for (const { path, namedBy, failures } of found.sources) {
      for (const failure of failures)
        config.emit({
          kind: 'warning',
          message: `CA certificates of ${quoteName(path)} (${namedBy.join(', ')}) do not count: ${failure}`,
          hint: '`alproot doctor --network` lists those that do',
        });
    }
    return found;
  };
}

/** Nothing is read before the first request; offline, no socket is ever opened. */
export const openHttp = (config: Config, certificates: () => CaCertificates = openCertificates(config)): HttpClient =>
  config.offline
    ? offlineClient()
    : createHttpClient({
        get roots() {
          return allCertificates(certificates());
        },
        get clientCertificate() {
          return clientCertificate(config);
        },
        credentials: credentialsOf(config),
        proxies: proxyVariables(config.env),
      });

/** `$NETRC`, else `~/.netrc`, read when a URL without credentials of its own is first asked for. */
function credentialsOf({ env }: Config): HttpSettings['credentials'] {
  let entries: readonly NetrcEntry[] | undefined;
  return (url) => {
    entries ??= readNetrc(env);
    return netrcCredentials(entries, url);
  };
}

/** What is injected for commands that are granted the network. */
export function networkFiles({
  config,
  certificates,
}: {
  readonly config: Config;
  readonly certificates: () => CaCertificates;
}): InjectedNetworkFiles {
  const { http, https, all, no } = proxyVariables(config.env);
  const set = Object.entries({ http_proxy: http, https_proxy: https, all_proxy: all, no_proxy: no }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    get added() {
      return addedCertificates(certificates()).join('\n');
    },
    all: () => allCertificates(certificates()).join('\n'),
    env: Object.fromEntries(
      set.flatMap(([name, value]) => [
        [name, value],
        [name.toUpperCase(), value],
      ]),
    ),
  };
}

function readNetrc(env: Config['env']): NetrcEntry[] {
  const named = env['NETRC'];
  const home = env['HOME'];
  const usual = home?.startsWith('/') === true ? hostPath(`${home}/.netrc`) : undefined;
  const file = named !== undefined && named !== '' ? hostPath(named) : usual;
  if (file === undefined || (named === undefined && !(exists(file) && isFile(file)))) return [];
  const bytes = readFileCapped(file, NETRC_BYTES);
  if (bytes === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `NETRC names ${quoteName(file)}, which does not exist`);
  return parseNetrc(bytes.toString('utf8'));
}

const clientCertificate = ({ clientCertificate: pair }: Config): { cert: string; key: string } | undefined =>
  pair === undefined ? undefined : { cert: readPem(pair.cert), key: readPem(pair.key) };

function readPem(path: HostPath): string {
  const bytes = readFileCapped(path, PEM_BYTES);
  if (bytes === undefined) throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(path)} does not exist`);
  return bytes.toString('utf8');
}
