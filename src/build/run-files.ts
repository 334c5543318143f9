/** Files and directories that a RUN sees besides its --mount: name service, the mailbox of apk, its own script. */
import { limits } from '../core/limits.ts';
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import { nameServiceFiles } from '../run/network-files.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { MAILBOX_TARGET } from './apk-shim.ts';
import type { RunStep } from './build-plan.ts';
import type { OwnedTree } from './layer.ts';
import type { RequestedMount, RunContext } from './run-context.ts';

/** Where the program of a heredoc with `#!` is. */
export const SCRIPT_TARGET = '/run/.alproot-script';

/** Name service as on the host, without a trace in the image. */
export function nameServiceMounts({ network, hosts = [] }: RunStep, context: RunContext): RequestedMount[] {
  const injected = network === 'none' ? [] : nameServiceFiles(context.scratch);
  const files =
    hosts.length === 0
      ? injected
      : [...injected.filter(({ target }) => target !== HOSTS), addHosts(injected, hosts, context)];
  return files.map((file) => ({ ...file, kind: 'file', writable: true }));
}

const HOSTS = treePathFromUser('etc/hosts');

/** /etc/hosts as it would be without them, and the lines of `--add-host`. */
function addHosts(
  injected: ReturnType<typeof nameServiceFiles>,
  hosts: readonly string[],
  { scratch, target: { tree } }: RunContext,
): (typeof injected)[number] {
  const own = injected.find(({ target }) => target === HOSTS)?.source;
  const inside = tree.resolve(HOSTS);
  const inTree = (): Buffer | undefined =>
    tree.stat(inside)?.kind === 'file' ? tree.readFile(inside, limits.metadata) : undefined;
  const before = own === undefined ? inTree() : readFileCapped(own, limits.metadata);
  const source = joinHost(scratch, 'hosts');
  writeFileAtomic(source, Buffer.concat([before ?? Buffer.alloc(0), Buffer.from(`\n${hosts.join('\n')}\n`)]), {
    mode: 0o644,
  });
  return { target: HOSTS, source };
}

/** undefined in a tree made from Debian's packages, which has a database and no apk. */
export function readOwnApk({ tree }: OwnedTree): Buffer | undefined {
  const path = tree.resolve(treePathFromUser('sbin/apk'));
  return tree.stat(path)?.kind === 'file' ? tree.readFile(path, limits.minirootfs) : undefined;
}

/** Through which the shim and we talk; the tree's own apk is there for what only it can do. */
export function mailboxMounts(mailbox: HostPath, own: Buffer | undefined): RequestedMount[] {
  if (own !== undefined) writeFileAtomic(joinHost(mailbox, 'apk'), own, { mode: 0o755 });
  return [{ target: treePathFromUser(MAILBOX_TARGET), source: mailbox, kind: 'directory', writable: true }];
}

export function scriptMounts({ script }: RunStep, { scratch }: RunContext): RequestedMount[] {
  if (script === undefined) return [];
  const directory = joinHost(scratch, 'script');
  writeFileAtomic(joinHost(directory, script.name.replaceAll('/', '_')), script.text, { mode: 0o755 });
  return [{ target: treePathFromUser(SCRIPT_TARGET), source: directory, kind: 'directory', writable: false }];
}
