/** A server of files and git repositories of this machine, for what a program fetches from the web. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Visit } from './https-mirror.ts';

/** Answers with the files below `directory`, and with repositories (`NAME.git`) by git's smart protocol. */
export const siteOf =
  (directory: string) =>
  ({ request, response }: Visit): void => {
    const { pathname, search } = new URL(request.url ?? '', 'http://none');
    if (/\.git\//.test(pathname)) {
      const body: Buffer[] = [];
      request
        .on('data', (bytes: Buffer) => body.push(bytes))
        .once('end', () => {
          const env = {
            PATH: process.env['PATH'],
            GIT_PROJECT_ROOT: directory,
            GIT_HTTP_EXPORT_ALL: '1',
            GIT_CONFIG_COUNT: '1',
            GIT_CONFIG_KEY_0: 'safe.directory',
            GIT_CONFIG_VALUE_0: '*',
            HOME: directory,
            PATH_INFO: pathname,
            QUERY_STRING: search.slice(1),
            REQUEST_METHOD: request.method,
            CONTENT_TYPE: request.headers['content-type'] ?? '',
            HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
          };
          const plain =
            request.headers['content-encoding'] === 'gzip'
              ? execFileSync('gzip', ['-dc'], { input: Buffer.concat(body) })
              : Buffer.concat(body);
          const child = execFile(
            'git',
            ['http-backend'],
            { env, encoding: 'buffer', maxBuffer: 1 << 26 },
            (_error, stdout) => {
              const cut = stdout.indexOf('\r\n\r\n');
              const headers = stdout
                .toString('latin1', 0, cut)
                .split('\r\n')
                .map((line) => line.split(': ') as [string, string]);
              response
                .writeHead(
                  Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200),
                  Object.fromEntries(headers.filter(([name]) => name !== 'Status')),
                )
                .end(stdout.subarray(cut + 4));
            },
          );
          child.stdin?.end(plain);
        });
      return;
    }
    const path = join(directory, pathname);
    if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  };

/** A bare repository with one file on `main`. */
export function makeSiteRepository(path: string, file: { readonly name: string; readonly text: string }): void {
  const work = `${path}.work`;
  mkdirSync(dirname(path), { recursive: true });
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], HOME: dirname(path) },
    });
  git('init', '-q', '-b', 'main', work);
  writeFileSync(join(work, file.name), file.text);
  git('-C', work, 'add', '.');
  git('-C', work, 'commit', '-qm', 'one');
  git('clone', '-q', '--bare', work, path);
}
