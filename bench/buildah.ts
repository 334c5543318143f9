/**
 * The same Dockerfile by buildah, where it works: a base image of the same minirootfs whose repository is the mirror.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { plainEnv, runOnce, type Command } from './measure.ts';

export interface Buildah {
  readonly build: (context: string) => Command;
  readonly close: () => void;
}

/** undefined where buildah is not installed or cannot make the base image. */
export function openBuildah(
  { mirror }: Bench,
  { where, dockerfile }: { readonly where: string; readonly dockerfile: string },
): Buildah | undefined {
  const env = plainEnv(where);
  if (spawnSync('buildah', ['--version'], { env, stdio: 'ignore' }).status !== 0) return undefined;
  const storage = [
    '--root',
    join(where, 'containers'),
    '--runroot',
    join(where, 'containers-run'),
    '--storage-driver',
    'vfs',
  ];
  const policy = join(where, 'policy.json');
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const base = join(where, 'base');
  mkdirSync(base);
  try {
    runOnce({ argv: ['tar', '-xzf', mirror.minirootfs, '-C', base, '--no-same-owner'] });
    for (const key of readdirSync(mirror.keysDir)) cpSync(join(mirror.keysDir, key), join(base, 'etc/apk/keys', key));
    writeFileSync(join(base, 'etc/apk/repositories'), '/mirror/v3.19/main\n');
    writeFileSync(join(where, 'Containerfile'), 'FROM scratch\nADD . /\n');
    const buildah = (...words: readonly string[]): Command => ({
      argv: ['buildah', ...storage, 'build', '--signature-policy', policy, '--isolation', 'chroot', ...words],
      env,
    });
    runOnce(buildah('-t', 'docker.io/library/alpine:3.19', '-f', join(where, 'Containerfile'), base));
    const volume = `${mirror.location}:/mirror:ro`;
    const fresh = ['--pull=never', '--no-cache', '--network', 'host', '--volume', volume, '-f', dockerfile];
    const build = (context: string): Command => buildah(...fresh, context);
    runOnce(build(join(dockerfile, '..')));
    return { build, close: () => void spawnSync('buildah', [...storage, 'rm', '--all'], { env, stdio: 'ignore' }) };
  } catch {
    return undefined;
  }
}
