/** The network as a `Config` allows it: certificates, credentials and proxies that count, for us and for commands that are granted it. */
import type { Config } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { NetworkLoan } from '../run/network-loan.ts';
import { packageRoot } from '../system/assets.ts';
import { readFileCapped } from '../system/files.ts';
import { exists, isFile } from '../system/host-paths.ts';
import { createHttpClient, offlineClient, type HttpClient } from '../system/http.ts';
import type { HttpSettings } from '../system/http-dispatcher.ts';
import { netrcCredentials, parseNetrc, type NetrcEntry } from '../system/netrc.ts';
import { proxyVariables } from '../system/proxy.ts';

const PEM_BYTES = 4 * 1024 * 1024;
const NETRC_BYTES = 1024 * 1024;

/** Nothing is read before the first request; offline, no socket is ever opened. */
export const openHttp = (config: Config): HttpClient =>
  config.offline
    ? offlineClient()
    : createHttpClient({
        get roots() {
          return rootCertificates(config);
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

/** What commands are lent that are granted the network. */
export function networkLoan(config: Config): NetworkLoan {
  const { http, https, all, no } = proxyVariables(config.env);
  const set = Object.entries({ http_proxy: http, https_proxy: https, all_proxy: all, no_proxy: no }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    get added() {
      return userCertificates(config).join('\n');
    },
    all: () => rootCertificates(config).join('\n'),
    env: Object.fromEntries(set.flatMap(([name, value]) => [[name, value], [name.toUpperCase(), value]])),
  };
}

function readNetrc(env: Config['env']): NetrcEntry[] {
  const named = env['NETRC'];
  const home = env['HOME'];
  const file = named !== undefined && named !== '' ? hostPath(named) : home?.startsWith('/') === true ? hostPath(`${home}/.netrc`) : undefined;
  if (file === undefined || (named === undefined && !(exists(file) && isFile(file)))) return [];
  const bytes = readFileCapped(file, NETRC_BYTES);
  if (bytes === undefined) throw new AlprootError('ALP_USAGE_OPTION', `NETRC names ${quoteName(file)}, which does not exist`);
  return parseNetrc(bytes.toString('utf8'));
}

/** Mozilla's roots and whatever the user adds, one PEM text each; the environment cannot take any away. */
export const rootCertificates = (config: Config): string[] => [...certificatesIn(joinHost(packageRoot(), 'keys', 'ca-certificates.pem')), ...userCertificates(config)];

/** The authorities that the user adds. @throws ALP_USAGE_OPTION for a file without any */
export const userCertificates = (config: Config): string[] => config.caFiles.flatMap(certificatesIn);

function certificatesIn(path: HostPath): string[] {
  const found = readPem(path).match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  if (found === null) throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(path)} holds no certificate`, { hint: '--ca-file takes PEM files (BEGIN CERTIFICATE)' });
  return found;
}

const clientCertificate = ({ clientCertificate: pair }: Config): { cert: string; key: string } | undefined =>
  pair === undefined ? undefined : { cert: readPem(pair.cert), key: readPem(pair.key) };

function readPem(path: HostPath): string {
  const bytes = readFileCapped(path, PEM_BYTES);
  if (bytes === undefined) throw new AlprootError('ALP_USAGE_OPTION', `${quoteName(path)} does not exist`);
  return bytes.toString('utf8');
}
