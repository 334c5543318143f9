/** The builder's side of the apk shim: takes requests while a RUN runs, one after another, and answers them. */
import { isAlprootError } from '../core/errors.ts';
import { TREE_ROOT, type HostPath } from '../core/paths.ts';
import { showName } from '../core/redact.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { hostFailure } from '../core/file-error.ts';
import { openMailbox, type Mailbox } from '../system/files/mailbox.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { intentOf, parseShimRequest, type ShimRequest } from './apk-shim.ts';
import type { ApkAnswer } from './host.ts';

export interface ApkServer {
  /** To be bound at MAILBOX_TARGET, writable. */
  readonly directory: HostPath;
  /**
   * Aborted, with the reason, when no call can be answered any more: a bug of ours, or a host that fails. The RUN ends
   * then.
   */
  readonly failed: AbortSignal;
  /** Ends when the last request is answered. Never rejects: `failed` says what went wrong. */
  readonly stop: () => Promise<void>;
}

const REQUEST_BYTES = 4 * 1024 * 1024;

export interface ApkServerOptions {
  /**
   * Called for one request at a time; an AlprootError is printed by the shim as apk prints its errors, anything else
   * ends the RUN.
   */
  readonly serve: (request: ShimRequest) => Promise<ApkAnswer>;
  /** The tree has an apk of its own, for those who only look at the tree. */
  readonly hasApk: boolean;
}

/** @param directory to be made; nothing else may be in it */
export function startApkServer(directory: HostPath, options: ApkServerOptions): ApkServer {
  makeDirectory(directory, 0o700);
  // A RUN may call apk as any user; whatever the umask says.
  openToAll(directory);
  const mailbox = openMailbox(directory);
  const failure = new AbortController();
  const watching = mailbox
    .watch(async (name) => {
      const id = /^request\.([0-9]+(?:\.x)*)$/.exec(name)?.[1];
      if (id === undefined || failure.signal.aborted) return;
      const bytes = mailbox.take(name, REQUEST_BYTES);
      const request = bytes === undefined ? undefined : parseShimRequest(id, bytes);
      if (request !== undefined) reply(mailbox, id, await answer(request, options));
    })
    .catch((error: unknown) => failure.abort(hostFailure(error)));
  return {
    directory,
    failed: failure.signal,
    stop: async () => {
      mailbox.close();
      await watching;
    },
  };
}

function openToAll(directory: HostPath): void {
  const tree = openWorkTree(directory);
  tree.setMode(TREE_ROOT, 0o1777);
  tree.close();
}

async function answer(request: ShimRequest, { serve, hasApk }: ApkServerOptions): Promise<ApkAnswer> {
  const intent = intentOf(request.args);
  if (intent === 'look' && hasApk) return { kind: 'pass' };
  if (intent === 'change' && request.uid !== 0)
    return {
      kind: 'done',
      status: 99,
      stdout: '',
      stderr:
        'ERROR: Unable to lock database: Permission denied\nERROR: Failed to open apk database: Permission denied\n',
    };
  try {
    return await serve(request);
  } catch (error) {
    const known = hostFailure(error);
    if (!isAlprootError(known)) throw known;
    const hint = known.hint === undefined ? '' : `hint: ${known.hint}\n`;
    return {
      kind: 'done',
      status: 1,
      stdout: '',
      stderr: `ERROR: ${known.message.split('\n').map(showName).join('\n')} (${known.code})\n${hint}`,
    };
  }
}

function reply(mailbox: Mailbox, id: string, reply: ApkAnswer): void {
  if (reply.kind === 'done') {
    mailbox.put(`out.${id}`, reply.stdout);
    mailbox.put(`err.${id}`, reply.stderr);
  }
  mailbox.put(`answer.${id}`, reply.kind === 'pass' ? 'pass\n' : `${reply.status}\n`);
}
