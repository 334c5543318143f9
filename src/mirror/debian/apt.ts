/**
 * The host's apt, used without root: its sources, keys and trust, our own state directories. apt verifies every list
 * and every file; nothing that it has not verified is read.
 *
 * The work directory holds `apt.conf`, `status` (empty: nothing counts as installed), `cache/`, `lists/` (when the
 * host's cannot be used) and `debs/`.
 */
import { ARCHES } from '../../core/arch.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { Arch } from '../../core/package.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { showText } from '../../core/redact.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { currentUid } from '../../system/process/process-identity.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { findProgram, namesIn } from '../../system/files/host-paths.ts';
import { captureProcess, type Captured } from '../../system/process/spawn.ts';
import { parseDebianStanzas, type DebianPackage } from './debian-control.ts';

export interface AptOptions {
  readonly work: HostPath;
  readonly arch: Arch;
  /** The host's PATH and proxy variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Use the lists that are there, download nothing. */
  readonly offline?: boolean;
}

export interface Apt {
  /** The newest version of each known name; unknown names are left out. */
  readonly show: (names: readonly string[]) => Promise<readonly DebianPackage[]>;
  /** Fetches the .deb files of these; path by package name. @throws ALP_FETCH_NETWORK */
  readonly download: (packages: readonly DebianPackage[]) => Promise<ReadonlyMap<string, HostPath>>;
}

const PASSED = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
const DEFAULT_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const HOST_LISTS = hostPath('/var/lib/apt/lists');

/**
 * Prepares apt's private state; updates package lists into it when the host has none that can be read.
 *
 * @throws ALP_FETCH_MIRRORS when this host has no apt, or is of another architecture
 */
export async function openApt(options: AptOptions): Promise<Apt> {
  const path = options.env['PATH'] ?? DEFAULT_PATH;
  if (findProgram('apt-get', path) === undefined || findProgram('dpkg-deb', path) === undefined) {
    throw new AlprootError('ALP_FETCH_MIRRORS', 'this host has no apt and dpkg to make a mirror from', {
      hint:
        'use an Alpine mirror (`--mirror`), or run `alproot mirror from-debian` on a Debian or Ubuntu ' +
        'machine and copy the directory over',
    });
  }
  for (const name of ['cache/archives/partial', 'lists/partial', 'debs', 'etc'])
    makeDirectory(joinHost(options.work, name));
  writeFileAtomic(joinHost(options.work, 'status'), '');
  configure(options, HOST_LISTS);
  await checkArchitecture(options);
  let own = false;
  const update = async (): Promise<void> => {
    own = true;
    configure(options, joinHost(options.work, 'lists'));
    await updateLists(options);
  };
  const usable =
    namesIn(HOST_LISTS).some((name) => name.includes('_Packages')) && (await show(options, ['libc6'])).length > 0;
  if (!usable) await update();
  return {
    show: (names) => show(options, names),
    download: async (packages) => {
      try {
        return await downloadDebs(options, packages);
      } catch (error) {
        if (own || options.offline === true || !(error instanceof AlprootError)) throw error;
        options.emit({ kind: 'note', message: "the host's package lists are out of date: reading the archive's own" });
        await update();
        const current = await show(
          options,
          packages.map(({ name }) => name),
        );
        return downloadDebs(options, current);
      }
    },
  };
}

/** apt's own configuration stays in force, but for state, caches and hooks that would need root. */
function configure({ work, arch }: AptOptions, lists: HostPath): void {
  const quote = (text: string): string => `"${text.replaceAll('"', '')}"`;
  const lines = [
    '#clear APT::Update::Pre-Invoke',
    '#clear APT::Update::Post-Invoke',
    '#clear APT::Update::Post-Invoke-Success',
    '#clear DPkg::Pre-Invoke',
    '#clear DPkg::Post-Invoke',
    `Dir::State ${quote(work)}`,
    `Dir::State::status ${quote(`${work}/status`)}`,
    `Dir::State::lists ${quote(lists)}`,
    `Dir::Cache ${quote(`${work}/cache`)}`,
    'APT::Get::AllowUnauthenticated "false"',
    'Acquire::AllowInsecureRepositories "false"',
    'Acquire::Languages "none"',
    'Acquire::Retries "3"',
    'Debug::NoLocking "true"',
    `APT::Architecture ${quote(ARCHES[arch].debian)}`,
    ...(currentUid() === 0 ? ['APT::Sandbox::User "root"'] : []),
  ];
  writeFileAtomic(joinHost(work, 'apt.conf'), lines.map((line) => `${line};\n`).join(''));
}

async function checkArchitecture(context: AptOptions): Promise<void> {
  const { stdout } = await captureProcess(['dpkg', '--print-architecture'], {
    env: aptEnvironment(context.env, context.work),
  });
  const wanted = ARCHES[context.arch].debian;
  if (stdout.trim() === wanted) return;
  throw new AlprootError(
    'ALP_FETCH_MIRRORS',
    `this host's Debian packages are for ${stdout.trim()}, not for ${wanted}`,
    { hint: `a mirror for ${context.arch} is made on a ${context.arch} host` },
  );
}

/** What apt may see of the host's environment. */
export const aptEnvironment = (env: AptOptions['env'], home: HostPath): Record<string, string> => ({
  PATH: env['PATH'] ?? DEFAULT_PATH,
  HOME: home,
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  ...Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
});

const runApt = (context: AptOptions, argv: readonly string[], cwd?: string): Promise<Captured> =>
  captureProcess([argv[0] ?? '', '-c', joinHost(context.work, 'apt.conf'), ...argv.slice(1)], {
    env: aptEnvironment(context.env, context.work),
    maxBytes: 256 * 1024 * 1024,
    ...(cwd === undefined ? {} : { cwd }),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });

async function updateLists(context: AptOptions): Promise<void> {
  if (context.offline === true)
    throw new AlprootError('ALP_FETCH_OFFLINE', "apt's package lists are missing, and this is offline");
  context.emit({ kind: 'start', id: 'apt-update', label: "reading the Debian archive's package lists", line: true });
  const result = await runApt(context, ['apt-get', '-q', 'update']);
  if (result.status !== 0) throw aptError("apt cannot read the archive's package lists", result);
  context.emit({ kind: 'done', id: 'apt-update', label: "reading the Debian archive's package lists" });
}

async function show(context: AptOptions, names: readonly string[]): Promise<DebianPackage[]> {
  if (names.length === 0) return [];
  const { stdout } = await runApt(context, ['apt-cache', 'show', '--no-all-versions', ...names]);
  const byName = new Map<string, DebianPackage>();
  for (const stanza of parseDebianStanzas(stdout)) if (!byName.has(stanza.name)) byName.set(stanza.name, stanza);
  return [...byName.values()];
}

async function downloadDebs(context: AptOptions, packages: readonly DebianPackage[]): Promise<Map<string, HostPath>> {
  const directory = joinHost(context.work, 'debs');
  const label = `fetching ${packages.length} packages with apt`;
  if (context.offline === true && packages.length > 0) {
    throw new AlprootError('ALP_FETCH_OFFLINE', `${packages.length} Debian packages are needed, and this is offline`, {
      facts: { packages: packages.map(({ name }) => name) },
    });
  }
  context.emit({ kind: 'start', id: 'apt-download', label, total: packages.length, line: true });
  const result = await runApt(
    context,
    ['apt-get', '-q', 'download', ...packages.map(({ name, version }) => `${name}=${version}`)],
    directory,
  );
  if (result.status !== 0) throw aptError('apt cannot fetch the packages', result);
  const files = namesIn(directory);
  const paths = new Map<string, HostPath>();
  for (const { name, version, architecture } of packages) {
    const file = `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`;
    const found = files.find((candidate) => candidate.toLowerCase() === file.toLowerCase());
    if (found === undefined) throw aptError(`apt fetched no file for ${name}`, result);
    paths.set(name, joinHost(directory, found));
  }
  context.emit({ kind: 'done', id: 'apt-download', label });
  return paths;
}

function aptError(what: string, { stdout, stderr, status }: Captured): AlprootError {
  const errors = stderr.split('\n').filter((line) => line.startsWith('E:'));
  const said = showText((errors.length > 0 ? errors : `${stdout}\n${stderr}`.trim().split('\n').slice(-3)).join('; '));
  return new AlprootError('ALP_FETCH_NETWORK', `${what}: ${said}`, {
    hint: 'look at /etc/apt/sources.list and the proxy settings; `apt-get update` says more',
    facts: { status },
  });
}
