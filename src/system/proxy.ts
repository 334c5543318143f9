/** Which proxy a URL goes through, by the usual variables. */
export interface ProxyVariables {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly all?: string | undefined;
  readonly no?: string | undefined;
}

/** Lower-case names win, and HTTP_PROXY is ignored where a CGI server could have set it. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): ProxyVariables {
  const read = (name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined;
  return { http: env['http_proxy'] || (env['REQUEST_METHOD'] === undefined ? env['HTTP_PROXY'] : undefined), https: read('https_proxy'), all: read('all_proxy'), no: read('no_proxy') };
}

/** The proxy for `url`; undefined for a direct connection. */
export function proxyFor(url: URL, { http, https, all, no }: ProxyVariables): URL | undefined {
  const text = (url.protocol === 'https:' ? https : http) ?? all;
  if (text === undefined || text === '' || isExempt(url, no ?? '')) return undefined;
  try {
    return new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    return undefined;
  }
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).filter((entry) => entry !== '').some((entry) => {
    if (entry === '*') return true;
    if (/^[\d.]+\/\d+$/.test(entry)) return isInRange(host, entry);
    // Colons of a bare IPv6 address are no ports.
    const [, name = entry.toLowerCase(), entryPort] = /^(\[[\da-f:]+\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entryPort !== undefined && entryPort !== port) return false;
    const suffix = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
    return host === suffix || host.endsWith(`.${suffix}`);
  });
}

function isInRange(host: string, cidr: string): boolean {
  const number = (text: string): number | undefined => {
    const parts = text.split('.').map(Number);
    return parts.length === 4 && parts.every((part) => part >= 0 && part <= 255) ? parts.reduce((sum, part) => sum * 256 + part, 0) : undefined;
  };
  const [base = '', bits = '32'] = cidr.split('/');
  const [a, b] = [number(host), number(base)];
  if (a === undefined || b === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(a / size) === Math.floor(b / size);
}
