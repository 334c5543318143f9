/** `ADD git-url`: the host's git fetches one commit; nothing of the repository is executed. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { joinHost, parentOfHost, type HostPath } from '../../core/paths.ts';
import { quoteName, redactUrl } from '../../core/redact.ts';
import type { BuildHost, GitRequest } from '../../build/host.ts';
import { isUrl } from '../../core/mirror.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { findProgram, isFile } from '../../system/files/host-paths.ts';
import { proxyFor, proxyVariables } from '../../system/http/proxy.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { captureProcess, type Captured } from '../../system/process/spawn.ts';
import { allCertificates } from '../session/ca-certificates.ts';
import type { Session } from '../session/session.ts';

/** undefined where there is no git, or no network may be used. */
export function fetchGitTree(session: Session): BuildHost['fetchGit'] {
  const { config } = session;
  const git = findProgram('git', config.env['PATH'] ?? '');
  if (git === undefined || config.offline) return undefined;
  return async (request: GitRequest) => {
    const certificates = isUrl(request.url) ? certificateFile(session) : undefined;
    try {
      await fetchTree(session, git, { ...request, certificates });
    } finally {
      if (certificates !== undefined) removeTree(parentOfHost(certificates));
    }
  };
}

interface TreeRequest extends GitRequest {
  /** PEM file of the CA certificates that count; undefined: git's own. */
  readonly certificates: HostPath | undefined;
}

/** What a repository that comes from elsewhere may name by itself: no directory of this machine. */
const REMOTE = 'https:http:git:ssh';

async function fetchTree({ config }: Session, git: string, request: TreeRequest): Promise<void> {
  const { url, ref = 'HEAD', commit, submodules, keepGitDir, into, certificates } = request;
  if (url.startsWith('-') || ref.startsWith('-'))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `illegal git source ${quoteName(url)}`);
  const env = {
    ...networkVariables(config, { url, certificates }),
    PATH: config.env['PATH'] ?? '',
    HOME: into,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  const attempt = (...step: string[]): Promise<Captured> =>
    captureProcess([git, '-c', 'core.hooksPath=/dev/null', '-C', into, ...step], {
      env: { ...env, GIT_ALLOW_PROTOCOL: step[0] === 'submodule' && !/^file:/i.test(url) ? REMOTE : `${REMOTE}:file` },
      umask: 0o022,
      ...(config.signal === undefined ? {} : { signal: config.signal }),
    });
  const run = async (...step: string[]): Promise<string> => {
    const { status, stdout, stderr } = await attempt(...step);
    if (status !== 0)
      throw new AlprootError(
        'ALP_FETCH_NETWORK',
        `git ${step[0] ?? ''} of ${redactUrl(url)} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`,
      );
    return stdout.trim();
  };
  await run('init', '-q');
  const found = await fetchCommit({ url, ref, attempt, run });
  await run('checkout', '-q', found);
  const head = await run('rev-parse', 'HEAD');
  if (commit !== undefined && !head.startsWith(commit.toLowerCase()))
    throw new AlprootError(
      'ALP_VERIFY_DIGEST',
      `${quoteName(ref)} of ${redactUrl(url)} is commit ${head}, expected ${commit}`,
    );
  if (submodules && isFile(joinHost(into, '.gitmodules'))) {
    // Relative addresses of submodules count from where this one came from.
    await run('remote', 'add', 'origin', url);
    await run('submodule', '--quiet', 'update', '--init', '--recursive', '--depth', '1');
  }
  if (!keepGitDir) removeTree(joinHost(into, '.git'));
}

/** The CA certificates that count, as one file: git trusts those, and no others. */
function certificateFile({ store, certificates }: Session): HostPath {
  const file = joinHost(store.makeTemporary('git'), 'ca-certificates.crt');
  writeFileAtomic(file, `${allCertificates(certificates()).join('\n')}\n`, { durable: false });
  return file;
}

/**
 * The certificates that count everywhere in alproot, and for the repository's own server the proxy that everything
 * else would take to it: curl reads `NO_PROXY` in fewer forms. In variables, since command lines are visible to
 * everybody.
 */
function networkVariables(
  config: Config,
  { url, certificates }: { readonly url: string; readonly certificates: HostPath | undefined },
): Record<string, string> {
  const usual = Object.entries(config.env).filter(
    (entry): entry is [string, string] => /_proxy$/i.test(entry[0]) && entry[1] !== undefined,
  );
  const env = {
    ...Object.fromEntries(usual),
    ...(certificates === undefined ? {} : { GIT_SSL_CAINFO: certificates, GIT_PROXY_SSL_CAINFO: certificates }),
  };
  if (!isUrl(url)) return env;
  const { origin } = new URL(url);
  // A user without a password would make git ask for one.
  const proxy = (proxyFor(new URL(url), proxyVariables(config.env))?.href ?? '').replace(/(\/\/[^:@/]+)@/, '$1:@');
  return { ...env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: `http.${origin}/.proxy`, GIT_CONFIG_VALUE_0: proxy };
}

interface Fetching {
  readonly url: string;
  readonly ref: string;
  readonly attempt: (...step: string[]) => Promise<Captured>;
  readonly run: (...step: string[]) => Promise<string>;
}

/** A shortened commit, or one that the server does not hand out alone, is looked for in the whole history. */
async function fetchCommit({ url, ref, attempt, run }: Fetching): Promise<string> {
  const isCommit = /^[\da-f]{7,40}$/i.test(ref);
  if (!isCommit) {
    await run('fetch', '-q', '--depth', '1', '--', url, ref);
    return 'FETCH_HEAD';
  }
  const { status } = await attempt('fetch', '-q', '--depth', '1', '--', url, ref);
  if (status === 0) return 'FETCH_HEAD';
  await run('fetch', '-q', '--tags', '--', url, '+refs/heads/*:refs/remotes/origin/*');
  return ref;
}
