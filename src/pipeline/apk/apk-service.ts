/**
 * "apk inside is alproot outside": a call of apk in a build's tree, answered with apk's words and status. Solved,
 * fetched, verified and installed from here; nothing in the sandbox needs a network, a CA or DNS.
 */
import type { ApkAnswer, ApkRequest } from '../../build/host.ts';
import { isAlprootError } from '../../core/errors.ts';
import { ApkUsageError, parseApkArguments, type ApkArguments } from '../../solve/arguments.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { withPinned } from '../session/lock-policy.ts';
import { failed, openRepositories, parseReadCall, withArch, type ApkServiceOptions, type Call } from './apk-call.ts';
import { fetchFiles } from './apk-fetch.ts';
import { fetchAll } from './apk-install.ts';
import { answerQuery } from './apk-queries.ts';
import { inSecondRoot, secondRoot } from './apk-root.ts';
import { changePackages } from './apk-solve.ts';

/** Serves one call. What goes wrong is printed and becomes a status, as apk does it. */
export async function serveApk(
  session: InstallContext,
  request: ApkRequest,
  options: ApkServiceOptions,
): Promise<ApkAnswer> {
  const tree = openWorkTree(request.tree);
  try {
    return await route(session, { request, tree, outer: tree, options });
  } catch (error) {
    if (error instanceof ApkUsageError) return failed(error.message);
    if (!isAlprootError(error)) throw error;
    if (session.config.signal?.aborted === true) throw error;
    if (error.code === 'ALP_STALE_LOCK') options.onStale(error);
    return failed(`${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`);
  } finally {
    tree.close();
  }
}

/** By what the command does, in the root that it names. What is not known here is left to the tree's own apk. */
async function route(session: InstallContext, call: Call): Promise<ApkAnswer> {
  const { request, tree } = call;
  const args = parseApkArguments(request.args);
  const read = args.command === undefined ? parseReadCall(request.args) : undefined;
  if (args.command === undefined && read === undefined) return { kind: 'pass' };
  const given = read ?? args;
  const own = withArch(session, given);
  const answer = (inRoot: Call): Promise<ApkAnswer> =>
    read === undefined ? changePackages(own, inRoot, args) : readPackages(own, inRoot, read);
  const path = secondRoot(tree, given, request.cwd);
  if (path === undefined) return answer(call);
  const result = await inSecondRoot(
    own,
    { tree, owners: request.owners },
    {
      path,
      create: args.options.has('initdb'),
      work: (root) => answer({ ...call, tree: root.tree, request: { ...request, owners: root.owners } }),
    },
  );
  return typeof result === 'string' ? { ...failed(result), status: 99 } : result;
}

/** `fetch`, and what only tells: the repositories are read when the command needs them. */
async function readPackages(session: InstallContext, call: Call, given: ApkArguments): Promise<ApkAnswer> {
  const { request, tree, options } = call;
  const { arch } = session.config;
  const { owners } = options;
  if (given.command === 'fetch')
    return withPinned(session, async (extended) => {
      const opened = await openRepositories(session, call, { given, extended });
      const fetch: Parameters<typeof fetchFiles>[0]['fetch'] = (planned) => fetchAll(session, planned, opened);
      return fetchFiles({ args: given, request, tree: call.outer, arch, owners, opened, fetch });
    });
  const answer = await answerQuery({
    args: request.args,
    cwd: request.cwd,
    tree,
    arch,
    owners,
    openRepositories: async () => (await openRepositories(session, call, { given, extended: false })).repositories,
  });
  return answer ?? { kind: 'pass' };
}
