/** Which proxy a URL goes through, by the usual variables. */
import { BlockList, isIP } from 'node:net';
import { AlprootError } from '../../core/errors.ts';

export interface ProxyVariables {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly all?: string | undefined;
  readonly no?: string | undefined;
}

/** Lower-case names win, and HTTP_PROXY is ignored where a CGI server could have set it. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): ProxyVariables {
  const read = (name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined;
  return {
    http: env['http_proxy'] || (env['REQUEST_METHOD'] === undefined ? env['HTTP_PROXY'] : undefined),
    https: read('https_proxy'),
    all: read('all_proxy'),
    no: read('no_proxy'),
  };
}

/**
 * The proxy for `url`; undefined for a direct connection.
 *
 * @throws ALP_FETCH_PROXY for a variable that holds no address
 */
export function proxyFor(url: URL, { http, https, all, no }: ProxyVariables): URL | undefined {
  const text = (url.protocol === 'https:' ? https : http) ?? all;
  return text === undefined || text === '' || isExempt(url, no ?? '') ? undefined : parseProxy(text);
}

/** Without a scheme it is an http proxy. @throws ALP_FETCH_PROXY; the value may hold a password, and is not shown */
export function parseProxy(text: string): URL {
  const value = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(value)) {
    throw new AlprootError('ALP_FETCH_PROXY', 'a proxy variable is not a valid URL', {
      hint:
        'write http://proxy:3128, or http://user:password@proxy:3128 with special characters as %40; ' +
        'see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY',
    });
  }
  return new URL(value);
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      if (entry.includes('/')) return isInRange(host, entry);
      // Colons of a bare IPv6 address are not ports.
      const [, name = entry.toLowerCase(), entryPort] =
        /^(\[[\da-f:]+\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      if (entryPort !== undefined && entryPort !== port) return false;
      const suffix = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
      return host === suffix || host.endsWith(`.${suffix}`);
    });
}

/** An address in a range such as 10.0.0.0/8 or fd00::/8. What is not a range holds nothing. */
function isInRange(host: string, cidr: string): boolean {
  const [, base = '', bits = ''] = /^\[?([\da-f.:]+)\]?\/(\d{1,3})$/i.exec(cidr) ?? [];
  const [version, prefix] = [isIP(base), Number(bits)];
  if (version === 0 || isIP(host) !== version || prefix > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const range = new BlockList();
  range.addSubnet(base, prefix, family);
  return range.check(host, family);
}
