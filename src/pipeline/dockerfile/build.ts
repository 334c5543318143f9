/** `alproot build`: a Dockerfile, planned and executed over one session. */
import { removeFile } from '../../system/files/hashed-file.ts';
import { readStandardInput } from '../../system/process/standard-input.ts';
import { archOfNode, runnableOn } from '../../core/arch.ts';
import type { Config } from '../../core/config.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { hostPath, parentOfHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { buildImage, planRequest, readDockerfile, type BuildResult } from '../../build/dockerfile-build.ts';
import type { BuildPlan } from '../../build/build-plan.ts';
import type { Secrets } from '../../build/run-context.ts';
import type { Recorded } from '../../ship/recording.ts';
import { explainLinkFailure } from '../../ship/link-failure.ts';
import { createBuildHost } from './build-host.ts';
import {
  annotation,
  buildArgs,
  checkContext,
  hostLine,
  nameAndValue,
  namedContext,
  platformArch,
} from './build-arguments.ts';
import { announceLockPolicy, findLockPolicy, type LockPolicy } from '../session/lock-policy.ts';
import { withInstall, type InstallContext } from '../repository/install-context.ts';
import { resolve } from 'node:path';
import { readSecrets } from './secrets.ts';
import { warnOfDynamicPrograms } from '../inspect/static-check.ts';

export interface BuildOptions {
  /** The user's directory. */
  readonly directory: HostPath;
  /** Relative to it; `-` for a Dockerfile on standard input without context. */
  readonly context: string;
  readonly file: string | undefined;
  readonly outputs: readonly string[];
  readonly tags: readonly string[];
  readonly target: string | undefined;
  /** `NAME=VALUE`, or `NAME` for the caller's own value. */
  readonly buildArgs: readonly string[];
  readonly platform: string | undefined;
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly network: string | undefined;
  readonly secrets: readonly string[];
  /** `NAME:ADDRESS` or `NAME=ADDRESS`, for RUN. */
  readonly addHosts: readonly string[];
  /** `NAME=DIR`, `NAME=docker-image://IMAGE`. */
  readonly buildContexts: readonly string[];
  /** `NAME=VALUE` */
  readonly labels: readonly string[];
  /** `NAME=VALUE`, `manifest:NAME=VALUE` */
  readonly annotations: readonly string[];
  readonly metadataFile: string | undefined;
  readonly idFile: string | undefined;
  /** The caller's variables, for build arguments and secrets without value. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly writeStandardOutput: (chunk: Uint8Array) => void;
}

type PlanInput = Parameters<typeof planRequest>[0];

/** Executes nothing. @throws ALP_USAGE_*, ALP_FORMAT_DOCKERFILE */
export const planDockerfile = (config: Config, options: BuildOptions): BuildPlan =>
  planRequest(planInput(config, options));

/** @throws ALP_BUILD_* with `Dockerfile:line`, ALP_STALE_LOCK, and those of every stage */
export async function buildDockerfile(config: Config, options: BuildOptions): Promise<BuildResult> {
  const input = planInput(config, options);
  const lockPolicy = findLockPolicy(config, lockDirectory(options), 'Dockerfile');
  if (options.outputs.length === 0)
    config.emit({
      kind: 'warning',
      message: 'no output was asked for: the result stays in the cache only',
      hint: 'name a directory with -o DIR',
    });
  const result = await withInstall(
    { ...config, arch: input.targetArch },
    (session) => {
      announceLockPolicy(session);
      return buildIn(session, { input, options });
    },
    lockPolicy,
  );
  warnOfDynamicPrograms(config, options.outputs, options.directory);
  return result;
}

/** Builds without output, for what it takes. */
export const recordBuild = (
  config: Config,
  options: BuildOptions,
  lockPolicy: LockPolicy | undefined,
): Promise<Recorded> => {
  const input = planInput(config, options);
  return withInstall(
    { ...config, arch: input.targetArch },
    async (session) => {
      const { plan } = await buildIn(session, {
        input,
        options: { ...options, outputs: [], metadataFile: undefined, idFile: undefined },
        current: true,
      });
      if (plan.stages.some(({ base }) => base.kind === 'scratch'))
        session.recording.add({ requests: ['FROM scratch'], environments: [] });
      return session.recording.whole();
    },
    lockPolicy,
  );
};

/** Where the lock of a Dockerfile lies: beside it. */
export function lockDirectory({
  directory,
  context,
  file,
}: Pick<BuildOptions, 'directory' | 'context' | 'file'>): HostPath {
  const base = context === '-' ? directory : hostPath(resolve(directory, context));
  return file === undefined || file === '-' || context === '-'
    ? base
    : parentOfHost(hostPath(resolve(directory, file)));
}

interface BuildIn {
  readonly input: PlanInput;
  readonly options: BuildOptions;
  readonly current?: boolean;
}

/** What the cache has damaged is dropped, and its step run again. */
async function buildIn(session: InstallContext, request: BuildIn): Promise<BuildResult> {
  for (;;) {
    try {
      return await buildOnce(session, request);
    } catch (error) {
      const layer = isAlprootError(error, 'ALP_STORE_DAMAGED') ? error.facts['layer'] : undefined;
      if (typeof layer !== 'string' || session.store.readOnly) throw error;
      removeFile(hostPath(layer));
      session.config.emit({ kind: 'note', message: 'a step in the cache was damaged and is run again' });
    }
  }
}

async function buildOnce(session: InstallContext, { input, options, current = false }: BuildIn): Promise<BuildResult> {
  const { config } = session;
  const secrets: Secrets = readSecrets(options);
  let stale: AlprootError | undefined;
  const host = createBuildHost(session, {
    sessionFor: (release, arch) => ({
      ...session,
      config: { ...config, arch, ...(release === undefined ? {} : { release }) },
    }),
    onStale: (error) => (stale ??= error),
    current,
  });
  try {
    return await buildImage(
      {
        ...input,
        context: options.context === '-' ? undefined : hostPath(resolve(options.directory, options.context)),
        secrets,
        noCache: options.noCache,
        noCacheFilter: options.noCacheFilter,
        outputs: options.outputs,
        tags: options.tags,
        labels: Object.fromEntries(options.labels.map(nameAndValue)),
        annotations: Object.fromEntries(options.annotations.map(annotation)),
        metadataFile:
          options.metadataFile === undefined ? undefined : hostPath(resolve(options.directory, options.metadataFile)),
        idFile: options.idFile === undefined ? undefined : hostPath(resolve(options.directory, options.idFile)),
        epoch: config.epochSeconds,
        cwd: options.directory,
        writeStandardOutput: options.writeStandardOutput,
      },
      host,
    );
  } catch (error) {
    throw stale ?? explained(error);
  }
}

/** A failed RUN with what its messages mean, when they are a compiler's. */
function explained(error: unknown): unknown {
  if (!isAlprootError(error, 'ALP_BUILD_RUN') || error.hint !== undefined) return error;
  const [first] = explainLinkFailure(error.message, { args: error.message.split(/[\s`]+/) });
  return first === undefined
    ? error
    : new AlprootError(error.code, error.message, {
        hint: `${first.message}: ${first.hint}`,
        cause: error,
        facts: error.facts,
      });
}

function planInput(config: Config, options: BuildOptions): PlanInput {
  const network = options.network ?? (config.offline ? 'none' : 'host');
  if (network !== 'host' && network !== 'none' && network !== 'default')
    throw new AlprootError('ALP_USAGE_OPTION', `--network is host or none, not ${quoteName(network)}`);
  checkContext(options.context);
  const own = archOfNode(process.arch) ?? config.arch;
  const targetArch = options.platform === undefined ? config.arch : platformArch(options.platform);
  const context = options.context === '-' ? options.directory : hostPath(resolve(options.directory, options.context));
  return {
    dockerfile: readDockerfile({
      file: options.context === '-' ? '-' : options.file,
      context,
      cwd: options.directory,
      stdin: () => readStandardInput(16 * 1024 * 1024),
    }),
    target: options.target,
    buildArgs: buildArgs(options.buildArgs, options.env),
    buildArch: own,
    targetArch,
    runnable: runnableOn(own),
    network: network === 'none' ? 'none' : 'host',
    hosts: options.addHosts.map(hostLine),
    contexts: new Map(options.buildContexts.map((text) => namedContext(text, options.directory))),
  };
}
