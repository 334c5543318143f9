/**
 * Every shell block of README.md and docs/, typed in order into the program as it ships, by packages of the host's
 * Debian archive.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runArgv, runCli, type CliResult } from '../helpers/cli.ts';
import { docPages, shellBlocks, type DocBlock } from '../helpers/doc-blocks.ts';

const needs = capability('apt', 'bwrap');

/** Why a block is not typed here: by page and first line. One that no page has any more fails. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'README.md: bin/demo': 'test/e2e/demo.test.ts runs it, from a fresh checkout',
  'README.md: npm ci': 'these are the tests themselves',
  "README.md: alproot build -f Dockerfile.alpine -o out .      a Dockerfile, with docker's flags":
    'a table of commands, each with a remark; the pages that it stands for are typed',
  'docs/packages.md: $ alproot search -v libsodium':
    'shows what Alpine 3.16 has; test/e2e/explain.test.ts runs the commands',
  'docs/mirrors.md: alproot mirror keygen --name me@example.org DIR    # DIR/me@example.org-1a2b3c4d.rsa.pub; the private half goes to ~/.config/alproot/keys':
    "DIR, FILE and KEY stand for the reader's own; test/mirror has each command",
  'docs/mirrors.md: openssl dgst -sha256 -verify keys/KEY.rsa.pub -signature FILE.rsa256.KEY.rsa.pub FILE':
    "KEY and FILE stand for the reader's own; test/mirror has it",
  'docs/cli.md: alproot link-tools ~/musl': 'test/e2e/compiler.test.ts runs CMake by the toolchain file',
  'docs/quickstart.md: alproot link-tools ~/musl': 'test/e2e/compiler.test.ts runs CMake by the toolchain file',
  'docs/cli.md: alproot policy openssl': 'the openssl of a mirror from Debian is compiled for minutes',
  'docs/cli.md: alproot why -p build-base gmp':
    "gmp is a library inside Debian's gcc, and no package of a mirror made from it",
  'docs/cli.md: alproot lock': 'openssl is compiled for minutes; docs/lockfile.md types the rest',
  'docs/cli.md: alproot verify alpine-minirootfs-3.19.4-x86_64.tar.gz':
    "wants Alpine's own minirootfs; test/verify has it",
  'docs/cli.md: alproot mirror from-debian ./mirror':
    'ends with a server that goes on; docs/mirrors.md types the first, test/mirror the others',
  'docs/cli.md: alproot doctor': "--network looks for Alpine's own mirror; test/e2e/network-ways.test.ts runs it",
  'docs/cli.md: alproot search -v openssl': 'the openssl of a mirror from Debian is compiled for minutes',
};

/** What a reader has before a block: by page and first line. */
const BEFORE: Record<string, string> = {
  'docs/lockfile.md: alproot lock -f Dockerfile.alpine .   # or without arguments, for the packages of alproot.yaml; or -p gcc,musl-dev':
    'sed -i "s/alproot lock --update openssl/alproot lock --update gcc/" BLOCK',
  'docs/lockfile.md: alproot bundle create -o app.alproot --with-tool --sign-with me.rsa -f Dockerfile.alpine .':
    'openssl genrsa -out me.rsa 2048 && openssl rsa -in me.rsa -pubout -out me.rsa.pub',
  // Debian's python is not a package of a mirror made from its archive.
  'docs/quickstart.md: alproot run -p gcc,musl-dev,make -- make -j4': 'sed -i s/python3/make/ BLOCK',
};

/** A project that asks for what must be approved, where no other block meets it. */
const PROJECT = 'mkdir -p asking && cd asking && echo "backend: proot" > alproot.yaml';
for (const block of [
  'docs/cli.md: alproot trust',
  'docs/security.md: alproot trust            # the alproot.yaml of this directory, or of the one named',
])
  BEFORE[block] = PROJECT;

const HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n';
const ZLIB = '#include <stdio.h>\n#include <zlib.h>\nint main(void) { puts(zlibVersion()); return 0; }\n';
const DOCKERFILE =
  'FROM alpine:3.19 AS build\nRUN apk add --no-cache gcc musl-dev\nCOPY hello.c /src/hello.c\nRUN gcc -static -Os -s -o /src/server /src/hello.c\nFROM scratch\nCOPY --from=build /src/server /server\n';
const CONFIGURE =
  '#!/bin/sh\nset -e\necho "int main(void){return 0;}" > conftest.c\n${CC:-cc} conftest.c -o conftest\nprintf "hello: hello.c\\n\\t%s \\$(LDFLAGS) -o hello hello.c\\n" "${CC:-cc}" > Makefile\n';

let root: string;
let mirror: string;
let store: string;

/** What a reader of a page has in the working directory. */
function fillProject(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'hello.c'), HELLO);
  writeFileSync(join(directory, 'program.c'), ZLIB);
  writeFileSync(join(directory, 'Dockerfile.alpine'), DOCKERFILE);
  writeFileSync(join(directory, 'Dockerfile'), DOCKERFILE);
  writeFileSync(join(directory, 'configure'), CONFIGURE, { mode: 0o755 });
  writeFileSync(join(directory, 'Makefile'), 'all: hello\nhello: hello.c\n\tgcc -static -o hello hello.c\n');
}

const title = ({ page, first }: DocBlock): string => `${page}: ${first}`;

function type(block: DocBlock, directory: string): Promise<CliResult> {
  const file = join(root, 'block.sh');
  writeFileSync(file, block.script);
  const before = (BEFORE[title(block)] ?? ':').replace('BLOCK', file);
  const path = `${dirname(builtCommand())}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const keys = join(mirror, 'keys');
  return runArgv(
    ['bash', '-c', `cd "$1" && ${before} && . ${file}`, 'bash', directory].toSpliced(1, 0, '-eu', '-o', 'pipefail'),
    {
      cwd: directory,
      env: {
        PATH: path,
        HOME: join(root, 'home'),
        USER: 'reader',
        LC_ALL: 'C.UTF-8',
        ALPROOT_CACHE: store,
        ALPROOT_MIRROR: mirror,
        ALPROOT_KEYS: keys,
      },
    },
  );
}

describe.skipIf(needs.skip)(`the documents${needs.reason}`, () => {
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-docs-'));
    store = join(root, 'store');
    mirror = process.env['ALPROOT_TEST_MIRROR'] ?? join(root, 'mirror');
    mkdirSync(join(root, 'home', '.local/share/bash-completion/completions'), { recursive: true });
    if (process.env['ALPROOT_TEST_MIRROR'] !== undefined) return;
    const { status, stderr } = await runCli(
      ['mirror', 'from-debian', mirror, '-p', 'build-base', '-p', 'linux-headers', '-p', 'zlib-dev'],
      { cache: store },
    );
    expect(status, stderr).toBe(0);
  }, 900_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('have the blocks that are named here', () => {
    const titles = docPages().flatMap(shellBlocks).map(title);
    expect([...Object.keys(NOT_HERE), ...Object.keys(BEFORE)].filter((name) => !titles.includes(name))).toEqual([]);
    expect(titles.length).toBeGreaterThan(30);
  });

  describe.each(docPages().filter((page) => shellBlocks(page).length > 0))('%s', (page) => {
    let directory: string;
    beforeAll(() => {
      directory = join(root, page.replaceAll('/', '-'), 'project');
      fillProject(directory);
    });

    for (const block of shellBlocks(page)) {
      const why = NOT_HERE[title(block)];
      it.skipIf(why !== undefined)(
        `line ${block.line}: ${block.first}${why === undefined ? '' : ` (${why})`}`,
        async () => {
          const { status, stdout, stderr } = await type(block, directory);
          expect(status, `${stdout}${stderr}`.slice(-3000)).toBe(0);
          expect(stderr).not.toMatch(/this is a bug in alproot|^\s+at .*:\d+:\d+\)?$/m);
        },
      );
    }
  });
});
