/** `ADD git-url`: the host's git fetches one commit; nothing of the repository is executed. */
import { AlprootError } from '../core/errors.ts';
import { joinHost } from '../core/paths.ts';
import { quoteName, redactUrl } from '../core/redact.ts';
import type { BuildHost, GitRequest } from '../build/host.ts';
import { findProgram } from '../system/host-paths.ts';
import { removeTree } from '../system/removal.ts';
import { captureProcess } from '../system/spawn.ts';
import type { Session } from './session.ts';

/** undefined where there is no git, or no network may be used. */
export function fetchGitTree({ config }: Session): BuildHost['fetchGit'] {
  const git = findProgram('git', config.env['PATH'] ?? '');
  if (git === undefined || config.offline) return undefined;
  return async ({ url, ref, keepGitDir, into }: GitRequest) => {
    if (url.startsWith('-') || ref?.startsWith('-') === true) throw new AlprootError('ALP_BUILD_INSTRUCTION', `illegal git source ${quoteName(url)}`);
    const proxies = Object.fromEntries(Object.entries(config.env).filter((entry): entry is [string, string] => /_proxy$/i.test(entry[0]) && entry[1] !== undefined));
    const env = { ...proxies, PATH: config.env['PATH'] ?? '', HOME: into, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'https:http:git:ssh:file' };
    const steps = [['init', '-q'], ['fetch', '-q', '--depth', '1', '--', url, ref ?? 'HEAD'], ['checkout', '-q', 'FETCH_HEAD']];
    for (const step of steps) {
      const { status, stderr } = await captureProcess([git, '-c', 'core.hooksPath=/dev/null', '-C', into, ...step], { env, ...(config.signal === undefined ? {} : { signal: config.signal }) });
      if (status !== 0) throw new AlprootError('ALP_FETCH_NETWORK', `git ${step[0] ?? ''} of ${redactUrl(url)} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`);
    }
    if (!keepGitDir) removeTree(joinHost(into, '.git'));
  };
}
