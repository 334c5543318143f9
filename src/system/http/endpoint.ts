/** A host and a port to connect to, and the proxy on the way there. */

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface ProxiedEndpoint extends Endpoint {
  readonly proxy: URL;
  /** PEM texts, for a proxy that is itself reached by https. */
  readonly roots: readonly string[];
}

const SCHEME_PORTS: readonly (readonly [scheme: RegExp, port: number])[] = [
  [/^https:/, 443],
  [/^socks/, 1080],
];

export const portOf = ({ port, protocol }: URL): number =>
  Number(port) || (SCHEME_PORTS.find(([scheme]) => scheme.test(protocol))?.[1] ?? 80);

/** A host as sockets take it: an IPv6 address without its brackets. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');
