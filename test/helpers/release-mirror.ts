/**
 * A whole mirror of one release in a directory: the real minirootfs, and small packages signed by a key of the run.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostPath } from '../../src/core/paths.ts';
import { packApk } from '../../src/mirror/pack.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { writeRelease } from '../../src/mirror/release.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { upstreamRoot } from './upstream.ts';

export interface SmallPackage {
  readonly name: string;
  readonly version: string;
  readonly depends?: readonly string[];
  readonly provides?: readonly string[];
  /** Content by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of files, 0644 unless given. */
  readonly modes?: Readonly<Record<string, number>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly buildTime?: number;
}

export interface ReleaseMirror {
  readonly directory: string;
  readonly keyFile: string;
  readonly key: SigningKey;
  /** Adds packages and writes the index anew. */
  readonly publish: (...packages: readonly SmallPackage[]) => Promise<void>;
  /** Takes a package away, and its line from the index. */
  readonly withdraw: (name: string, version: string) => Promise<void>;
  /** Words for the command line. */
  readonly args: readonly string[];
}

const ARCH = 'x86_64';
const TIME = 1_700_000_000;

/** @param directory missing or empty */
export async function makeReleaseMirror(
  directory: string,
  packages: readonly SmallPackage[],
  signer?: SigningKey,
): Promise<ReleaseMirror> {
  const key = signer ?? (await generateSigningKey('test', 2048));
  const main = join(directory, 'v3.19', 'main', ARCH);
  mkdirSync(main, { recursive: true });
  const keyFile = join(directory, key.publicName);
  writeFileSync(keyFile, key.publicPem);
  writeRelease({
    mirror: hostPath(directory),
    branch: 'v3.19',
    release: '3.19.4',
    arch: ARCH,
    minirootfs: readFileSync(join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz')),
    title: 'test',
    time: TIME,
    key,
  });
  let newest = TIME;
  const index = (): Promise<unknown> =>
    indexDirectory({ directory: hostPath(main), description: 'test', time: newest, key, arch: ARCH });
  const publish: ReleaseMirror['publish'] = async (...more) => {
    for (const one of more) {
      newest++;
      const { fileName, bytes } = await packApk({
        key,
        facts: {
          arch: ARCH,
          description: one.name,
          url: 'https://example.org',
          license: 'MIT',
          origin: one.name,
          maintainer: 'A <a@example.org>',
          buildTime: newest,
          ...one,
        },
        scripts: one.scripts ?? {},
        entries: Object.entries(one.files ?? {}).map(([path, text]) => ({
          kind: 'file',
          path,
          mode: one.modes?.[path] ?? 0o644,
          bytes: Buffer.from(text),
        })),
      });
      writeFileSync(join(main, fileName), bytes);
    }
    await index();
  };
  await publish(...packages);
  return {
    directory,
    keyFile,
    key,
    publish,
    withdraw: async (name, version) => {
      rmSync(join(main, `${name}-${version}.apk`));
      await index();
    },
    args: ['--mirror', directory, '--key', keyFile, '--release', '3.19'],
  };
}
