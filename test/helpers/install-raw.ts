/** Packages of raw parts, verified and installed into a tree as the pipeline does it. */
import { bufferSource } from '../../src/core/bytes.ts';
import { silent } from '../../src/core/events.ts';
import type { HostPath } from '../../src/core/paths.ts';
import type { SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import type { OwnerPolicy } from '../../src/unpack/minirootfs-unpack.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { makeApk, type RawPackage } from './make-apk.ts';

export interface InstallRawOptions {
  readonly key: SigningKey;
  readonly owners?: OwnerPolicy;
}

/** In the order given, in one transaction; each package has a name of its own. */
export async function installRaw(
  dest: HostPath,
  packages: readonly RawPackage[],
  { key, owners = 'record' }: InstallRawOptions,
): Promise<void> {
  const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
  const opened = packages.map((raw) => {
    const source = bufferSource('package', makeApk(raw, key));
    return { source, contents: verifyPackage(source, { keys }).package, close: () => undefined };
  });
  const changes = opened.map(
    ({ contents: { record } }) =>
      ({ kind: 'install', next: { record, source: { kind: 'file', path: '/x' }, because: ['world'] } }) as const,
  );
  const tree = openWorkTree(dest);
  try {
    await applyPlan({
      tree,
      plan: { arch: 'x86_64', changes, world: [] },
      runScript: undefined,
      owners,
      emit: silent,
      open: ({ record }) => {
        const found = opened.find(({ contents }) => contents.record.name === record.name);
        if (found === undefined) throw new Error(`no package ${record.name}`);
        return found;
      },
    });
  } finally {
    tree.close();
  }
}
