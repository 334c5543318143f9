/** A mirror 50 ms away. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { byHand, smallMirror, type Bench, type Mirror } from './bench.ts';
import { runOnce } from './measure.ts';
import type { Prepared, Row } from './row.ts';
import { Skipped } from './skipped.ts';
import { compareTrees } from './trees.ts';

const DELAY_MS = 50;

/** A process of its own, so that the bench does not wait for itself. Resolves to its address. */
export function serve(directory: string): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'delayed-server.ts'), directory, String(DELAY_MS)],
    { cwd: join(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`the delayed server ended with ${String(status)}`)));
    child.stdout.once('data', (line: Buffer) => resolve({ url: line.toString().trim(), child }));
  });
}

async function network(bench: Bench, where: string): Promise<Prepared> {
  try {
    runOnce({ argv: ['curl', '--version'] });
  } catch {
    throw new Skipped('curl is not installed');
  }
  const count = bench.quick ? 12 : 60;
  const names = Array.from({ length: count }, (_, at) => `far-${at}`);
  const local = await smallMirror(
    join(where, 'mirror'),
    names.map((name) => ({
      name,
      version: '1-r0',
      files: { [`usr/share/${name}`]: randomBytes(60_000).toString('base64') },
    })),
  );
  const { url, child } = await serve(local.location);
  const mirror: Mirror = { ...local, location: url };
  const list = join(where, 'curl');
  writeFileSync(
    list,
    files(local, url)
      .map((file) => `url = "${file}"\nremote-name`)
      .join('\n'),
  );
  const tree = (side: string, round: number): string => join(where, `${side}${round}`);
  return {
    sides: [
      {
        name: 'alproot rootfs create',
        start: (round) =>
          bench.alproot(
            join(where, `cache${round}`),
            ['rootfs', 'create', tree('ours', round), '-p', names.join(',')],
            mirror,
          ),
      },
      {
        name: 'curl --parallel',
        start: (round) => {
          mkdirSync(tree('curl', round));
          return {
            argv: ['curl', '--silent', '--fail', '--parallel', '--parallel-immediate', '--config', list],
            cwd: tree('curl', round),
          };
        },
      },
      ...(bench.realApk === undefined
        ? []
        : [
            {
              name: 'tar, apk add',
              start: (round: number) => byHand(bench, { tree: tree('theirs', round), mirror, packages: names }),
            },
          ]),
    ],
    ...(bench.realApk === undefined ? {} : { check: () => compareTrees(tree('ours', 0), tree('theirs', 0)) }),
    close: () => child.kill(),
  };
}

/** Everything that an install has to fetch. */
function files({ location }: Mirror, url: string): string[] {
  const [main, releases] = ['v3.19/main/x86_64', 'v3.19/releases/x86_64'];
  const minirootfs = readdirSync(join(location, releases)).filter((name) => /\.tar\.gz$|latest/.test(name));
  return [
    ...readdirSync(join(location, main)).map((name) => `${url}/${main}/${name}`),
    ...minirootfs.map((name) => `${url}/${releases}/${name}`),
  ];
}

export const networkRows: readonly Row[] = [
  {
    id: 'network',
    title: `60 packages from a mirror ${DELAY_MS} ms away, tmpfs`,
    where: 'tmpfs',
    goal: 2,
    rounds: 5,
    prepare: network,
    compares:
      'alproot rootfs create of 60 packages over HTTP against curl --parallel of the same files, and against the real apk',
    fair: `One server, which waits ${DELAY_MS} ms after each new connection and before each answer. curl knows all names beforehand, fetches all at once, checks and unpacks nothing: it is the speed of the line. apk has the minirootfs on disk already.`,
  },
];
