/**
 * Source packages through apt: the host's own sources asked for `deb-src`, in a private state. apt checks the hash of
 * every file against lists that it has verified; signatures of uploaders are not needed on top.
 */
import { AlprootError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { showText } from '../../core/redact.ts';
import { compareVersions } from '../../formats/apk/package-version.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { namesIn } from '../../system/files/host-paths.ts';
import { captureProcess, type Captured } from '../../system/process/spawn.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { currentUid } from '../../system/process/process-identity.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { aptEnvironment } from './apt.ts';
import { apkVersionOf } from './debian-control.ts';

export interface SourceOptions {
  /** Private state; several calls share it. */
  readonly work: HostPath;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  readonly offline?: boolean;
}

export interface DebianSource {
  /** Holds the .dsc, the original tarball and Debian's changes. */
  readonly directory: HostPath;
  /** Debian's version. */
  readonly version: string;
}

const MAX_LIST_BYTES = 1024 * 1024;

/**
 * Fetches the files of a source package. The newest version that the archive really has: where its files are missing
 * (a mirror in the middle of an update), an older one is taken, and a warning says so.
 *
 * @throws ALP_FETCH_OFFLINE, ALP_FETCH_NETWORK, ALP_FETCH_NOT_FOUND
 */
export async function fetchDebianSource(name: string, options: SourceOptions): Promise<DebianSource> {
  if (options.offline === true)
    throw new AlprootError('ALP_FETCH_OFFLINE', `the Debian source of ${name} is needed, and this is offline`);
  const run = prepare(options);
  let versions = await versionsOf(name, run);
  if (versions.length === 0) {
    options.emit({ kind: 'note', message: "reading the Debian archive's list of sources" });
    const updated = await run(['apt-get', '-q', 'update']);
    versions = await versionsOf(name, run);
    if (versions.length === 0)
      throw sourceError('ALP_FETCH_NOT_FOUND', `the Debian archive offers no source of ${name}`, updated);
  }
  let last: Captured | undefined;
  for (const version of versions) {
    const directory = joinHost(options.work, 'files', name);
    removeTree(directory);
    makeDirectory(directory);
    last = await run(['apt-get', '-q', 'source', '--download-only', '--only-source', `${name}=${version}`], directory);
    if (last.status !== 0) continue;
    if (version !== versions[0]) {
      options.emit({
        kind: 'warning',
        message:
          `the archive lacks the files of ${name} ${versions[0] ?? ''}: building ${version}, which may miss ` +
          `security fixes`,
      });
    }
    return { directory, version };
  }
  throw sourceError('ALP_FETCH_NETWORK', `apt cannot fetch the source of ${name}`, last);
}

type Run = (argv: readonly string[], cwd?: string) => Promise<Captured>;

function prepare({ work, env, signal }: SourceOptions): Run {
  for (const name of ['cache/archives/partial', 'lists/partial', 'sources']) makeDirectory(joinHost(work, name));
  writeFileAtomic(joinHost(work, 'status'), '');
  writeSources(joinHost(work, 'sources'));
  const lines = [
    '#clear APT::Update::Pre-Invoke',
    '#clear APT::Update::Post-Invoke',
    '#clear APT::Update::Post-Invoke-Success',
    `Dir::State "${work}"`,
    `Dir::State::status "${work}/status"`,
    `Dir::State::lists "${work}/lists"`,
    `Dir::Cache "${work}/cache"`,
    'Dir::Etc::SourceList "/dev/null"',
    `Dir::Etc::SourceParts "${work}/sources"`,
    'APT::Get::AllowUnauthenticated "false"',
    'Acquire::AllowInsecureRepositories "false"',
    'Acquire::Languages "none"',
    'Acquire::Retries "3"',
    'Debug::NoLocking "true"',
    ...(currentUid() === 0 ? ['APT::Sandbox::User "root"'] : []),
  ];
  const configuration = joinHost(work, 'apt.conf');
  writeFileAtomic(configuration, lines.map((line) => `${line};\n`).join(''));
  return ([program = '', ...args], cwd) =>
    captureProcess([program, '-c', configuration, ...args], {
      env: aptEnvironment(env, work),
      maxBytes: 64 * 1024 * 1024,
      ...(cwd === undefined ? {} : { cwd }),
      ...(signal === undefined ? {} : { signal }),
    });
}

/** The host's lists with `deb` turned into `deb-src`. */
function writeSources(directory: HostPath): void {
  const etc = hostPath('/etc/apt');
  const parts = joinHost(etc, 'sources.list.d');
  const files = [
    'sources.list',
    ...namesIn(parts)
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => `sources.list.d/${name}`),
  ];
  for (const name of files) {
    const text = readFileCapped(joinHost(etc, name), MAX_LIST_BYTES)?.toString('utf8');
    if (text === undefined) continue;
    const base = name === 'sources.list' ? 'main.list' : name.replace('sources.list.d/', '');
    writeFileAtomic(joinHost(directory, base), base.endsWith('.list') ? sourceLines(text) : sourceStanzas(text));
  }
}

/** One-line style: `deb [options] URI suite component…`. */
export const sourceLines = (text: string): string =>
  text
    .split('\n')
    .flatMap((line) =>
      /^\s*deb\s/.test(line)
        ? [
            `${line
              .replace(/^\s*deb\s/, 'deb-src ')
              .replace(/\barch=[^\s\]]+\s*/, '')
              .replace(/\[\s*\]/, '')}\n`,
          ]
        : [],
    )
    .join('');

/** deb822 style. Stanzas that have no `deb` are left out. */
export const sourceStanzas = (text: string): string =>
  text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .filter((stanza) => /^Types:(?:.*\s)?deb(?:\s|$)/m.test(stanza))
    .map(
      (stanza) =>
        `${stanza
          .replace(/^Types:.*$/m, 'Types: deb-src')
          .replace(/^Architectures:.*\n?/m, '')
          .trim()}\n`,
    )
    .join('\n');

/** Newest first. */
async function versionsOf(name: string, run: Run): Promise<string[]> {
  const { stdout } = await run(['apt-cache', 'showsrc', '--only-source', name]);
  const versions = stdout
    .split(/\n{2,}/)
    .filter((stanza) => new RegExp(`^Package: ${name.replace(/[+.]/g, '\\$&')}$`, 'm').test(stanza))
    .flatMap((stanza) => /^Version: (.+)$/m.exec(stanza)?.[1] ?? []);
  return [...new Set(versions)].sort((a, b) => compareVersions(apkVersionOf(b), apkVersionOf(a)));
}

function sourceError(
  code: 'ALP_FETCH_NETWORK' | 'ALP_FETCH_NOT_FOUND',
  what: string,
  result: Captured | undefined,
): AlprootError {
  const said = (result?.stderr ?? '')
    .split('\n')
    .filter((line) => line.startsWith('E:'))
    .join('; ');
  return new AlprootError(code, said === '' ? what : `${what}: ${showText(said)}`, {
    hint: 'look at /etc/apt/sources.list; its components must offer sources',
  });
}
