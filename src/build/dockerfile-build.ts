/** A whole build: read the Dockerfile, plan, refuse what cannot be done, execute, write the outputs. */
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { normaliseImageName } from '../formats/oci/oci.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { requireDirectory } from '../system/files/named-file.ts';
import { requireWritablePlace } from '../system/files/output-path.ts';
import { executeBuild } from './executor.ts';
import type { BuildHost } from './host.ts';
import { missingSources } from './missing-sources.ts';
import { requireOutputPlace, writeOutput } from './output.ts';
import type { WrittenImage } from './output-image.ts';
import { parseOutputSpec } from './output-spec.ts';
import type { BuildPlan } from './build-plan.ts';
import { planBuild, refuseUnsupported } from './planner.ts';
import type { PlanOptions } from './planning.ts';
import type { Secrets } from './run-context.ts';

/** The Dockerfile's text and where it came from. */
export interface DockerfileInput {
  readonly text: string;
  /** For messages. */
  readonly name: string;
  /** undefined for standard input. */
  readonly path: HostPath | undefined;
}

export interface BuildRequest extends Omit<PlanOptions, 'file'> {
  readonly dockerfile: DockerfileInput;
  readonly context: HostPath | undefined;
  readonly secrets: Secrets;
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  /** `-o`, as typed; none: the build only fills the cache. */
  readonly outputs: readonly string[];
  /** `-t`, as typed. */
  readonly tags: readonly string[];
  /** Of the target stage, besides its own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly metadataFile: HostPath | undefined;
  /** Gets the image's digest. */
  readonly idFile: HostPath | undefined;
  /** SOURCE_DATE_EPOCH: seconds since 1970. */
  readonly epoch: number | undefined;
  /** The user's directory. */
  readonly cwd: HostPath;
  readonly writeStandardOutput: (chunk: Uint8Array) => void;
}

export interface BuildResult {
  readonly plan: BuildPlan;
  /** Of the last image written. */
  readonly image: WrittenImage | undefined;
  readonly names: readonly string[];
}

const CONTEXT = 'the build context, a local directory';

/**
 * Finds the Dockerfile as docker does: `-f` from the user's directory, `-` from standard input, else `Dockerfile` in
 * the context.
 *
 * @throws ALP_USAGE_ARGUMENT when it is not there, ALP_LIMIT_SIZE
 */
export function readDockerfile({
  file,
  context,
  cwd,
  stdin,
}: {
  file: string | undefined;
  context: HostPath;
  cwd: HostPath;
  stdin: () => string;
}): DockerfileInput {
  if (file === '-') return { text: requireText(stdin()), name: 'Dockerfile', path: undefined };
  const named = (given: string): HostPath => (given.startsWith('/') ? hostPath(given) : joinHost(cwd, given));
  const path = file === undefined ? joinHost(context, 'Dockerfile') : named(file);
  requireDirectory(context, CONTEXT);
  const bytes = readFileCapped(path, limits.dockerfile);
  if (bytes === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `there is no Dockerfile ${quoteName(file ?? path)}`, {
      hint: 'name it with -f, or give the directory that holds it',
    });
  return { text: bytes.toString('utf8'), name: file ?? 'Dockerfile', path };
}

/** docker takes an archive on standard input for a context. @throws ALP_USAGE_ARGUMENT */
function requireText(text: string): string {
  if (!text.includes('\0')) return text;
  throw new AlprootError('ALP_USAGE_ARGUMENT', 'standard input holds no Dockerfile but something binary', {
    hint: 'unpack an archive into a directory, and give that as the context',
  });
}

/** The plan alone: `--plan`. */
export const planRequest = ({
  dockerfile,
  ...options
}: Omit<PlanOptions, 'file'> & { readonly dockerfile: DockerfileInput }): BuildPlan =>
  planBuild(dockerfile.text, { ...options, file: dockerfile.name });

/**
 * @throws ALP_BUILD_*, ALP_FORMAT_DOCKERFILE with `Dockerfile:line`; ALP_USAGE_OPTION for a bad output or tag; what
 * the host's functions throw
 */
export async function buildImage(request: BuildRequest, host: BuildHost): Promise<BuildResult> {
  const outputs = request.outputs.map(parseOutputSpec);
  const names = request.tags.map(requireImageName);
  if (request.context !== undefined) requireDirectory(request.context, CONTEXT);
  const plan = withLabels(planRequest(request), request.labels);
  refuseUnsupported(plan);
  refuseUnsupported({
    ...plan,
    refusals: missingSources(plan, { context: request.context, dockerfile: request.dockerfile.path }),
  });
  for (const output of outputs) requireOutputPlace(output, request.cwd);
  for (const file of [request.metadataFile, request.idFile]) if (file !== undefined) requireWritablePlace(file);
  for (const { line, message } of plan.warnings)
    host.emit({ kind: 'warning', message: `${plan.file}:${line}: ${message}` });
  const image = await executeBuild(plan, { ...request, host, dockerfile: request.dockerfile.path }, async (built) => {
    let written: WrittenImage | undefined;
    for (const output of outputs) {
      written = (await writeOutput(built, output, { ...request, names })) ?? written;
      if (output.dest !== '-') host.emit({ kind: 'note', message: `wrote ${output.type} output to ${output.dest}` });
    }
    return written;
  }).catch((error: unknown) => {
    throw withExcerpt(error, request.dockerfile.text);
  });
  if (request.metadataFile !== undefined) writeFileAtomic(request.metadataFile, formatMetadata(image, names));
  if (request.idFile !== undefined && image !== undefined) writeFileAtomic(request.idFile, image.configDigest);
  return { plan, image, names };
}

const EXCERPT_LINES = 30;

/** A step's error with the lines of the file around it, as they are written. */
function withExcerpt(error: unknown, text: string): unknown {
  if (!isAlprootError(error)) return error;
  const { line, endLine } = error.facts;
  if (typeof line !== 'number' || typeof endLine !== 'number') return error;
  const first = Math.max(line - 1, 1);
  const lines = text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .slice(first - 1, Math.min(endLine + 1, first + EXCERPT_LINES));
  const excerpt = lines.map((content, at) => ({
    line: first + at,
    text: content,
    isFailing: first + at >= line && first + at <= endLine,
  }));
  return new AlprootError(error.code, error.message, {
    hint: error.hint,
    cause: error,
    facts: { ...error.facts, excerpt },
  });
}

const withLabels = (plan: BuildPlan, labels: BuildRequest['labels']): BuildPlan => ({
  ...plan,
  stages: plan.stages.map((stage) =>
    stage.index === plan.target
      ? { ...stage, config: { ...stage.config, labels: { ...stage.config.labels, ...labels } } }
      : stage,
  ),
});

function requireImageName(name: string): string {
  const known = normaliseImageName(name);
  if (known === undefined)
    throw new AlprootError('ALP_USAGE_OPTION', `--tag: ${quoteName(name)} is not a valid image name`, {
      hint: 'expected NAME or NAME:TAG in lower case',
    });
  return known;
}

/** As docker's --metadata-file. */
function formatMetadata(image: WrittenImage | undefined, names: readonly string[]): string {
  const fields = {
    ...(image === undefined
      ? {}
      : { 'containerimage.digest': image.digest, 'containerimage.config.digest': image.configDigest }),
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}
