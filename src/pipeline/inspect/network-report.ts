/**
 * `doctor --network`: the way to each mirror, step by step, until a step fails: proxy, name, connection, certificates,
 * answer, clock, signed index.
 */
import { type MirrorSpec, mirrorAt } from '../../core/mirror.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { redactUrl, showName } from '../../core/redact.ts';
import { isPortal, portalError, statusError } from '../../fetch/response.ts';
import { branchOf } from '../../formats/release/release-names.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import { proxyFor, proxyVariables } from '../../system/http/proxy.ts';
import { examineTls, type ShownCertificate } from '../../system/http/tls-chain.ts';
import { portOf } from '../../system/http/endpoint.ts';
import { resolveHost, tryConnect } from '../../system/http/tunnel.ts';
import { ALPINE_CDN, newestRelease } from '../repository/mirrors.ts';
import { allCertificates } from '../session/ca-certificates.ts';
import { formatCertificates, reportCertificates, type CertificateReport } from './certificate-report.ts';
import { openHttp } from '../session/network.ts';
import type { Session } from '../session/session.ts';
import { fetchIndex } from '../repository/repository-index.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';

export interface NetworkCheck {
  readonly name: 'proxy' | 'name' | 'connection' | 'certificates' | 'answer' | 'clock' | 'index';
  readonly ok: boolean;
  readonly text: string;
  readonly fix?: string | undefined;
}

export interface MirrorReport {
  /** Without credentials. */
  readonly mirror: string;
  readonly checks: readonly NetworkCheck[];
  /** What its server shows, from its own certificate upwards. */
  readonly chain: readonly ShownCertificate[];
  /** undefined: the mirror can be used. */
  readonly failure: { readonly code: string; readonly message: string; readonly exit: number } | undefined;
}

export interface NetworkReport {
  readonly certificates: readonly CertificateReport[];
  readonly mirrors: readonly MirrorReport[];
  /** 0 when some mirror can be used; else the status that the first one's failure has. */
  readonly exitStatus: number;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;
const SKEW_MS = 5 * 60_000;

export async function examineNetwork(session: Session): Promise<NetworkReport> {
  const { config } = session;
  const specs: readonly MirrorSpec[] = config.mirrors === 'auto' ? [mirrorAt(ALPINE_CDN)] : config.mirrors;
  const mirrors = await Promise.all(specs.map((mirror) => examineMirror(session, mirror)));
  const exitStatus = mirrors.some(({ failure }) => failure === undefined) ? 0 : (mirrors[0]?.failure?.exit ?? 3);
  const certificates = reportCertificates(session.certificates());
  return {
    certificates,
    mirrors,
    exitStatus,
    text: [...formatCertificates(certificates), ...mirrors.map(formatMirror)].join('\n'),
  };
}

/** What is found out on the way; a step that throws ends it. */
interface Findings {
  readonly checks: NetworkCheck[];
  chain: readonly ShownCertificate[];
}

async function examineMirror(session: Session, mirror: MirrorSpec): Promise<MirrorReport> {
  const findings: Findings = { checks: [], chain: [] };
  let failure: MirrorReport['failure'];
  try {
    const path = `${branchOf(session.config.release ?? newestRelease([mirror]))}/main`;
    if (mirror.kind === 'url') {
      if (session.config.offline)
        throw new AlprootError('ALP_FETCH_OFFLINE', 'offline: no socket is opened', { hint: 'drop --offline' });
      await examineWay(session, new URL(`${mirror.base}/${path}/${session.config.arch}/APKINDEX.tar.gz`), findings);
    }
    await examineIndex(session, { mirror, path }, findings);
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    failure = { code: error.code, message: error.message, exit: error.exitStatus };
    const name = NEXT[findings.checks.length] ?? 'index';
    findings.checks.push({
      name: mirror.kind === 'url' && error.code !== 'ALP_FETCH_OFFLINE' ? name : 'index',
      ok: false,
      text: error.message,
      fix: error.hint,
    });
  }
  return { mirror: redactUrl(mirror.base), ...findings, failure };
}

/** The order of the steps; http has none for certificates, and says so. */
const NEXT = ['proxy', 'name', 'connection', 'certificates', 'answer', 'clock', 'index'] as const;

async function examineWay(session: Session, url: URL, findings: Findings): Promise<void> {
  const pass = (name: NetworkCheck['name'], text: string): void => void findings.checks.push({ name, ok: true, text });
  const proxy = proxyFor(url, proxyVariables(session.config.env));
  pass('proxy', proxy === undefined ? 'none' : redactUrl(proxy));
  const next = proxy ?? url;
  pass('name', `${next.hostname}: ${await addressesOf(next)}`);
  await requireConnection(next);
  pass('connection', `${next.host} accepts connections`);
  pass('certificates', await examineCertificates(session, { url, proxy }, findings));
  await examineAnswer(session, url, findings);
}

async function addressesOf(url: URL): Promise<string> {
  const found = await resolveHost(url.hostname);
  if (typeof found !== 'string') return found.join(', ');
  throw new AlprootError('ALP_FETCH_NETWORK', `the name ${url.hostname} cannot be resolved: ${found}`, {
    hint: 'no network, no DNS (/etc/resolv.conf), or a proxy is needed: set HTTPS_PROXY',
  });
}

async function requireConnection(url: URL): Promise<void> {
  const failed = await tryConnect({ host: url.hostname, port: portOf(url), timeoutMs: TIMEOUT_MS });
  if (failed !== undefined)
    throw new AlprootError('ALP_FETCH_NETWORK', `${url.host} cannot be reached: ${failed}`, {
      hint: 'a firewall, a wrong address, or a proxy is needed: set HTTPS_PROXY',
    });
}

interface Secured {
  readonly url: URL;
  readonly proxy: URL | undefined;
}

async function examineCertificates(
  { certificates }: Session,
  { url, proxy }: Secured,
  findings: Findings,
): Promise<string> {
  if (url.protocol !== 'https:') return 'none: plain http; signatures still protect what is fetched';
  const { chain, failedCheck } = await examineTls({
    host: url.hostname,
    port: portOf(url),
    roots: allCertificates(certificates()),
    timeoutMs: TIMEOUT_MS,
    proxy,
  });
  findings.chain = chain;
  // Which check failed in words, as every other command says it, comes with the request that follows.
  return failedCheck === undefined ? describeLeaf(chain) : `a check fails: ${failedCheck}`;
}

const describeLeaf = ([leaf]: readonly ShownCertificate[]): string =>
  leaf === undefined
    ? 'none shown'
    : `${showName(leaf.subject)}, issued by ${showName(leaf.issuer)}, until ${leaf.validTo}`;

async function examineAnswer({ config, certificates }: Session, url: URL, { checks }: Findings): Promise<void> {
  const http = openHttp(config, certificates);
  try {
    const response = await http.get({ url, signal: config.signal });
    response.abort();
    if (isPortal(response)) throw portalError(response.url);
    if (response.status !== 200) throw statusError(response);
    checks.push(
      { name: 'answer', ok: true, text: `${response.status} from ${redactUrl(response.url)}` },
      checkClock(response.headers['date'], systemClock.now()),
    );
  } catch (error) {
    // A failed handshake is told where the certificates are.
    if (isAlprootError(error, 'ALP_FETCH_TLS')) checks.pop();
    throw error;
  } finally {
    await http.close();
  }
}

function checkClock(header: string | undefined, now: number): NetworkCheck {
  const skewMs = Date.parse(header ?? '') - now;
  if (!Number.isFinite(skewMs)) return { name: 'clock', ok: true, text: 'the mirror does not tell the time' };
  const minutes = Math.round(Math.abs(skewMs) / 60_000);
  if (Math.abs(skewMs) <= SKEW_MS) return { name: 'clock', ok: true, text: "agrees with the mirror's" };
  return {
    name: 'clock',
    ok: false,
    text: `this machine's clock is ${minutes} minutes ${skewMs > 0 ? 'behind' : 'ahead of'} the mirror's`,
    fix: 'set the clock: certificates and freshness depend on it',
  };
}

async function examineIndex(
  session: Session,
  { mirror, path }: { readonly mirror: MirrorSpec; readonly path: string },
  { checks }: Findings,
): Promise<void> {
  const index = await fetchIndex(session, { mirror, keys: mirrorKeys(mirror, session.config.arch), path });
  if (index === undefined)
    throw new AlprootError(
      'ALP_FETCH_NOT_FOUND',
      `${redactUrl(mirror.base)} has no ${path} for ${session.config.arch}`,
      { hint: 'choose another --release, --arch or --mirror' },
    );
  const description = index.description === '' ? '' : `; ${showName(index.description)}`;
  checks.push({
    name: 'index',
    ok: true,
    text: `${path}: ${index.packages.length} packages, signed by a trusted key${description}`,
  });
}

function formatMirror({ mirror, checks, chain }: MirrorReport): string {
  const lines = checks.flatMap(({ name, ok, text, fix }) => [
    `  ${ok ? 'ok ' : 'no '} ${name.padEnd(13)} ${text}`,
    ...(fix === undefined ? [] : [`${' '.repeat(20)}fix: ${fix}`]),
    ...(name === 'certificates'
      ? chain.map(
          ({ subject, issuer, validFrom, validTo }) =>
            `${' '.repeat(20)}${showName(subject)} <- ${showName(issuer)}, ${validFrom} to ${validTo}`,
        )
      : []),
  ]);
  return [`mirror  ${mirror}`, ...lines].join('\n');
}
