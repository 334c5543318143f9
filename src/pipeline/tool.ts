/** `alproot cc` and the tools beside it: programs of the environment, used as if they were the host's. */
import { resolve } from 'node:path';
import type { Config } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { hostPath } from '../core/paths.ts';
import type { RunResult } from '../core/run.ts';
import { inspectElf } from '../ship/inspect.ts';
import { explainLinkFailure } from '../ship/link-failure.ts';
import { readFileCapped } from '../system/files.ts';
import { isFile } from '../system/host-paths.ts';
import { prepareEnvironment } from './environment.ts';
import { findGlibcObjectsIn } from './inspect.ts';
import { BASE_ENV, directoryMounts } from './run.ts';
import type { Pins } from './pins.ts';
import { runCommandIn } from './sandbox.ts';
import { requireRunnable } from './runnable.ts';
import { withProject } from './session.ts';
import { isShareable, visibleDirectories } from './visible.ts';

export interface ToolRun {
  /** `gcc`, `ar`, `strip` … */
  readonly tool: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the compiler writes passes through here, so that a failure can be explained. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
  /** Whether its messages go to a terminal. */
  readonly color: boolean;
  /** Packages besides the compiler's. */
  readonly packages?: readonly string[];
}

const TOOLCHAIN = ['gcc', 'musl-dev'];
/** Left out where a lock does not have them: not every program includes a header of the kernel. */
const HEADERS = 'linux-headers';

/**
 * Runs a tool of the compiler environment on the host's files.
 *
 * @returns the tool's own status; a `-static` link that came out dynamic is ALP_BUILD_STATIC
 */
export const runTool = (config: Config, request: ToolRun): Promise<RunResult> =>
  withProject(config, async (session) => {
    const { tool, args, directory, env } = request;
    requireRunnable(config);
    const environment = await prepareEnvironment(session, [...TOOLCHAIN, ...(session.pins?.strict === true && !isLocked(session.pins, HEADERS) ? [] : [HEADERS]), ...(request.packages ?? [])]);
    if (!isShareable(directory)) {
      throw new AlprootError('ALP_RUN_MOUNT', `the working directory ${directory} cannot be shown inside: the environment has a directory of that name`, { hint: 'work in a directory of your own, such as one in your home' });
    }
    const heard = tool === 'gcc' && !args.includes('-') ? listen(request.onOutput) : undefined;
    const result = await runCommandIn(session, {
      tree: environment.tree,
      writable: false,
      mounts: directoryMounts(visibleDirectories(directory, args, config.env['HOME'])),
      argv: [tool, ...(heard !== undefined && request.color ? ['-fdiagnostics-color'] : []), ...args],
      env: { ...BASE_ENV, HOME: '/tmp', ...env },
      cwd: directory,
      user: { uid: 0, gid: 0 },
      network: 'none',
      stdio: heard === undefined ? { kind: 'inherit' } : { kind: 'pipe', onOutput: heard.onOutput },
    });
    if (tool === 'gcc' && result.status === 0) checkStatic(args, directory);
    if (tool === 'gcc' && result.status !== 0) explain(config, { args, directory, said: heard?.text() ?? '' });
    return result;
  });

const isLocked = ({ lock }: Pins, name: string): boolean => lock.environments.some(({ packages }) => packages.some(({ record }) => record.name === name));

/** With `-static`, the output must not need anything at run time. */
function checkStatic(args: readonly string[], directory: string): void {
  if (!args.includes('-static') || args.some((arg) => /^-(?:[cSEM]|MM|fsyntax-only|shared|r)$/.test(arg))) return;
  const at = args.lastIndexOf('-o');
  const attached = args.find((arg) => /^-o./.test(arg))?.slice(2);
  const output = at >= 0 ? args[at + 1] : (attached ?? 'a.out');
  if (output === undefined || output === '/dev/null') return;
  const bytes = readFileCapped(hostPath(output.startsWith('/') ? output : `${directory}/${output}`), limits.packageFile);
  if (bytes === undefined || bytes.toString('latin1', 0, 4) !== '\x7fELF') return;
  const { linkage, needed } = inspectElf(bytes);
  if (linkage !== 'dynamic') return;
  throw new AlprootError('ALP_BUILD_STATIC', `${output} is dynamic although -static was given${needed.length === 0 ? '' : `: it needs ${needed.join(', ')}`}`, {
    hint: 'an option such as -Wl,-pie or -Wl,-Bdynamic beats -static; `alproot inspect` says more',
  });
}

const HEARD_BYTES = 256 * 1024;

/** Passes on what a program writes, and keeps the end of its messages. */
function listen(onOutput: ToolRun['onOutput']): { readonly onOutput: ToolRun['onOutput']; readonly text: () => string } {
  let kept = Buffer.alloc(0);
  return {
    onOutput: (stream, bytes) => {
      onOutput(stream, bytes);
      if (stream === 'stderr') kept = Buffer.concat([kept, bytes]).subarray(-HEARD_BYTES);
    },
    // The colours of a terminal are no part of a message.
    text: () => kept.toString('utf8').replace(/\x1b\[[0-9;]*[A-Za-z]/g, ''),
  };
}

interface FailedTool {
  readonly args: readonly string[];
  readonly directory: string;
  readonly said: string;
}

/** After a failure: what the messages mean, else the objects of the command line that were compiled with glibc's headers. */
function explain({ emit }: Config, { args, directory, said }: FailedTool): void {
  const diagnoses = explainLinkFailure(said, { args });
  for (const { message, hint, packages } of diagnoses) {
    emit({ kind: 'warning', message, hint: packages.length === 0 ? hint : `alproot cc --package ${packages.join(',')} …` });
  }
  if (diagnoses.some(({ kind }) => kind === 'glibc-object')) return;
  const files = args.filter((arg) => /\.(?:o|a|lo|so)$/.test(arg)).map((arg) => hostPath(resolve(directory, arg))).filter(isFile);
  for (const { name, symbols } of findGlibcObjectsIn(files)) {
    emit({ kind: 'warning', message: `${name} was compiled for glibc, not musl: it asks for ${symbols.join(', ')}`, hint: 'compile it again with alproot cc, or take the library from an Alpine package' });
  }
}
