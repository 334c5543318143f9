/**
 * Files and places of the host that a command names: what is missing is the user's mistake, what fails is the host's;
 * never a stack.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, type CliResult } from '../helpers/cli.ts';

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-named-'));
  chmodSync(work, 0o1777);
  mkdirSync(join(work, 'context'));
  writeFileSync(join(work, 'context', 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /x\n');
  mkdirSync(join(work, 'directory'));
  writeFileSync(join(work, 'plain'), 'plain');
  symlinkSync('nowhere', join(work, 'dangling'));
  for (const name of ['locked', 'locked.pub']) writeFileSync(join(work, name), 'x', { mode: 0 });
  mkdirSync(join(work, 'shut'), { mode: 0 });
});
afterAll(() => {
  chmodSync(join(work, 'shut'), 0o755);
  rmSync(work, { recursive: true, force: true });
});

/** As a user whom permissions concern. */
const ordinary = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
const alproot = (line: string, prefix: readonly string[] = []): Promise<CliResult> =>
  runCli(line.split(' '), { cwd: work, cache: join(work, prefix.length === 0 ? 'store' : 'store-of-nobody'), prefix });

const READERS = [
  'verify FILE',
  'verify --deep FILE',
  'inspect FILE',
  'inspect --symbols --map FILE /bin/true',
  'bundle verify FILE',
  'bundle show FILE',
  'info --dump FILE',
  'build -f FILE context',
  'build --bundle FILE context',
  'mirror sign --sign-with FILE plain',
  'mirror index --sign-with FILE directory',
  'verify --key FILE plain',
  'run --ca-file FILE --mirror https://localhost:1 -- true',
];

describe.each(READERS)('%s', (line) => {
  it('says the errno and the path of a file whose disk fails', async () => {
    const { status, stderr } = await alproot(line.replace('FILE', '/proc/self/mem'));
    expect(stderr).toMatch(
      /^(?:.*\n)*alproot: error: (?:\S+: )?cannot read `\/proc\/self\/mem`: i\/o error \(EIO\) \[ALP_FILE_READ\]\nhint: .+\n$/,
    );
    expect(status).toBe(12);
  });

  it('says that permission is denied', async () => {
    const { status, stderr } = await alproot(line.replace('FILE', 'locked'), ordinary);
    expect(stderr).toMatch(
      /alproot: error: (?:\S+: )?cannot read `\S+\/locked`: permission denied \(EACCES\) \[ALP_FILE_READ\]\nhint: .+\n$/,
    );
    expect(status).toBe(12);
  });

  it.each(['nope', 'dangling', 'plain/nope'])('says that there is no %s', async (name) => {
    const { status, stderr } = await alproot(line.replace('FILE', name));
    expect(stderr).toMatch(new RegExp(`alproot: error: .*${name}.*\\[ALP_(?:USAGE_\\w+|VERIFY_KEY)\\]\n`));
    expect([2, 4]).toContain(status);
  });
});

describe.each([
  'rootfs audit DIR',
  'rootfs sbom DIR',
  'rootfs export DIR -o x.tar',
  'info --root DIR',
  'tree --root DIR',
  'mirror index DIR',
  'mirror serve DIR',
  'build DIR',
  'lock DIR',
  'fetch DIR',
  'bundle create -o x DIR',
  'build --plan DIR',
])('%s', (line) => {
  it.each([
    ['nope', 'there is no directory `\\S+/nope`'],
    ['plain', '`\\S+/plain` is not a directory'],
  ])('without a directory (%s) makes none, and says so', async (name, says) => {
    const before = readdirSync(work);
    const { status, stderr } = await alproot(line.replace('DIR', name));
    expect(stderr).toMatch(new RegExp(`^alproot: error: ${says} \\[ALP_USAGE_ARGUMENT\\]\nhint: expected .+\n$`));
    expect([status, readdirSync(work)]).toEqual([2, before]);
  });
});

describe('a place where nothing can be written is found out before anything is built for it', () => {
  const BUILD = 'build -f context/Dockerfile context';
  it.each([
    [`${BUILD} -o shut/out`, 'EACCES'],
    [`${BUILD} -o shut`, 'EACCES'],
    [`${BUILD} -o type=tar,dest=shut/x.tar`, 'EACCES'],
    [`${BUILD} -o type=oci,dest=plain/x`, 'is not a directory'],
    [`${BUILD} -o plain`, 'is not a directory'],
    [`${BUILD} -o out --metadata-file shut/m`, 'EACCES'],
    [`${BUILD} -o out --iidfile plain/m`, 'is not a directory'],
    [`${BUILD} -o dangling`, 'is not a directory'],
    [`${BUILD} -o /proc/version/x`, 'is not a directory'],
    ['bundle create -o shut/x context', 'EACCES'],
    ['lock -p x -f shut/Dockerfile', 'EACCES'],
    ['link-tools plain/x', 'is not a directory'],
    ['link-tools shut', 'EACCES'],
  ])('alproot %s', async (line, says) => {
    const { status, stderr } = await alproot(line, ordinary);
    expect(stderr).toMatch(
      new RegExp(`^(?:not locked: .*
)?alproot: error: .*${says}.*\\[ALP_FILE_(?:WRITE|READ)\\]\nhint: .+\n$`),
    );
    expect([status, readdirSync(work).includes('out')]).toEqual([12, false]);
  });
});
