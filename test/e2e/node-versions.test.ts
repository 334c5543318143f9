/**
 * The program as it ships on every Node that it promises, as root and as an ordinary user: its first hour in short.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makePair, startServer, type TestServer } from '../helpers/https-mirror.ts';
import { NODE_VERSIONS, nodeOf, type NodeVersion } from '../helpers/node-versions.ts';
import { startHttpProxy, type TestProxy } from '../helpers/proxies.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { siteOf } from '../helpers/web-site.ts';

const needs = capability('upstream');
const isRoot = process.getuid?.() === 0;
const ORDINARY = 65_534;
const USERS = isRoot ? (['root', 'an ordinary user'] as const) : (['an ordinary user'] as const);
/** Takes gcc's words, and makes the program that it is asked for. */
const COMPILER =
  '#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && printf "#!/bin/sh\\necho hello\\n" > "$2" && chmod +x "$2"; shift; done\n[ -s "$1" ] || exit 1\n';

let root: string;
let mirror: ReleaseMirror;
let server: TestServer;
let proxy: TestProxy;

describe.skipIf(needs.skip)(`the program${needs.reason}`, () => {
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-versions-'));
    chmodSync(root, 0o755);
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'usr/share/app/file': 'app\n' } },
      { name: 'gcc', version: '1-r0', files: { 'usr/bin/gcc': COMPILER }, modes: { 'usr/bin/gcc': 0o755 } },
      { name: 'musl-dev', version: '1-r0' },
      { name: 'linux-headers', version: '1-r0' },
    ]);
    const authority = makePair({ authority: true });
    writeFileSync(join(root, 'authority.pem'), authority.certPem);
    server = await startServer(siteOf(mirror.directory), makePair({ issuer: authority, names: ['mirror.invalid'] }));
    proxy = await startHttpProxy();
  });
  afterAll(async () => {
    await Promise.all([server.close(), proxy.close()]);
    rmSync(root, { recursive: true, force: true });
  });

  describe.each(NODE_VERSIONS.flatMap((version) => USERS.map((user) => [version, user] as const)))(
    'on Node %s, as %s',
    (version, user) => {
      const run = (
        place: string,
        args: readonly string[],
        env: Readonly<Record<string, string>> = {},
      ): Promise<CliResult> =>
        runCli(args, {
          node: nodeOf(version),
          cwd: place,
          cache: join(place, 'store'),
          env: { ...env, HOME: place },
          prefix:
            isRoot && user !== 'root'
              ? ['setpriv', `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, '--clear-groups']
              : [],
        });

      it('says what it is, and what every command takes', async () => {
        const place = placeFor(version);
        expect(await run(place, ['--version'])).toMatchObject({
          status: 0,
          stdout: expect.stringMatching(/^alproot \d/) as string,
          stderr: '',
        });
        expect(JSON.parse((await run(place, ['--json', 'version'])).stdout)).toMatchObject({
          value: { node: version },
        });
        for (const { name, examples } of COMMANDS) {
          const { status, stdout, stderr } = await run(place, [name, '--help']);
          expect([status, stderr]).toEqual([0, '']);
          expect(stdout).toContain(examples[0]);
        }
      });

      it('runs a command, and compiles', async () => {
        const place = placeFor(version);
        expect(
          await run(place, ['run', '-p', 'app', ...mirror.args, '--', 'cat', '/usr/share/app/file']),
        ).toMatchObject({ status: 0, stdout: 'app\n' });
        writeFileSync(join(place, 'hello.c'), 'int main(void) { return 0; }\n');
        const { status, stderr } = await run(place, [
          '--quiet',
          'cc',
          ...mirror.args,
          'hello.c',
          '-o',
          'hello',
          'hello.c',
        ]);
        expect(status, stderr).toBe(0);
        expect(existsSync(join(place, 'hello'))).toBe(true);
      });

      it('fetches by https through a proxy', async () => {
        const place = placeFor(version);
        const before = proxy.hosts.length;
        const [, , ...args] = mirror.args;
        const result = await run(
          place,
          [
            'run',
            '-p',
            'app',
            '--mirror',
            `https://mirror.invalid:${server.port}`,
            ...args,
            '--ca-file',
            join(root, 'authority.pem'),
            '--',
            'cat',
            '/usr/share/app/file',
          ],
          { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` },
        );
        expect(result, result.stderr).toMatchObject({ status: 0, stdout: 'app\n' });
        expect(proxy.hosts.slice(before)).toContain('mirror.invalid');
      });
    },
  );
});

/** A home that any user may fill. */
function placeFor(version: NodeVersion): string {
  const place = mkdtempSync(join(root, `${version}-`));
  chmodSync(place, 0o1777);
  return place;
}
