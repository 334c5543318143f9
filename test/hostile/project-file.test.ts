/** A project that was cloned wants less isolation, or packages of its own choice: `alproot.yaml` is anybody's. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/core/config.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { configFrom } from '../../src/cli/configuration.ts';
import { newDraft, type Draft } from '../../src/cli/options.ts';
import { generateSigningKey } from '../../src/mirror/signing.ts';
import { approveProject, listProjects, revokeProject } from '../../src/pipeline/session/project-trust.ts';
import { readProject } from '../../src/pipeline/session/project.ts';
import { keysOf } from '../../src/pipeline/session/trusted-keys.ts';
import { runCli } from '../helpers/cli.ts';

let place: string;
let project: string;
let env: Record<string, string>;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'alproot-project-'));
  project = join(place, 'cloned');
  mkdirSync(join(project, 'keys'), { recursive: true });
  mkdirSync(join(place, 'home'));
  env = { HOME: join(place, 'home') };
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const write = (text: string): void => writeFileSync(join(project, 'alproot.yaml'), text);

async function config({
  directory = project,
  trusted = [],
  draft = newDraft(),
  variables = {},
}: {
  directory?: string;
  trusted?: string[];
  draft?: Draft;
  variables?: Record<string, string>;
} = {}): Promise<Config> {
  const terminal = { isTerminal: false };
  const processEnvironment = {
    env: { ...env, ...variables },
    cwd: directory,
    stdin: terminal,
    stdout: terminal,
    stderr: { ...terminal, columns: 80, rows: 24 },
  };
  return configFrom(draft, processEnvironment, {
    project: await readProject(hostPath(directory), { env, trusted }),
    emit: silent,
  });
}

const refused = (line: number, what: RegExp): unknown =>
  expect.objectContaining({
    code: 'ALP_VERIFY_PROJECT',
    exitStatus: 4,
    message: expect.stringMatching(new RegExp(`${join(project, 'alproot.yaml')}:${line}: ${what.source}`)),
    hint: expect.stringContaining(`alproot trust ${project}`),
  });

const HOSTILE: readonly (readonly [string, string, number, RegExp])[] = [
  ...['chroot', 'proot', 'loader', 'trap'].map(
    (name) =>
      [`the backend ${name}`, `packages: [gcc]\nbackend: ${name}\n`, 2, new RegExp(`backend \`${name}\``)] as const,
  ),
  ['a mirror', '# mine\nmirrors:\n  - https://evil.example/alpine\n', 2, /mirror `https:\/\/evil\.example\/alpine`/],
  ['a mirror of its own directory', 'mirrors: [./mirror]\n', 1, /mirror `\.\/mirror`/],
  [
    'a mirror with a password',
    'mirrors: ["https://me:secret@evil.example/"]\n',
    1,
    /mirror `https:\/\/\*\*\*@evil\.example\/`/,
  ],
  [
    'a key',
    'release: 3.19\nmirrors: [{url: https://dl-cdn.alpinelinux.org/alpine, keys: [keys]}]\n',
    2,
    /mirror `https:\/\/dl-cdn\.alpinelinux\.org\/alpine` with `keys` as keys that may sign packages/,
  ],
];

describe.each(HOSTILE)('a project that names %s', (_what, text, line, what) => {
  it('is refused with file and line, and says how to approve it', async () => {
    write(text);
    await expect(config()).rejects.toThrow(refused(line, what));
  });

  it('counts once the user has approved that very file, and no longer after a change', async () => {
    write(text);
    expect((await approveProject(env, hostPath(project))).requirements).toEqual([
      expect.objectContaining({ line, what: expect.stringMatching(what) }),
    ]);
    // What an approved file names must make sense all the same: `trap` is not a backend yet.
    if (!text.includes('trap')) expect(await config()).toBeDefined();
    write(`${text}\n`);
    await expect(config()).rejects.toThrow(refused(line, what));
    await expect(config()).rejects.toThrow(/it was changed since/);
    expect((await listProjects(env)).map(({ path, state }) => [path, state])).toEqual([
      [join(project, 'alproot.yaml'), 'changed'],
    ]);
  });
});

describe('an approval', () => {
  const TEXT = 'backend: proot\n';

  it('is for one path: a copy elsewhere is another file', async () => {
    write(TEXT);
    await approveProject(env, hostPath(project));
    expect((await config()).backend).toBe('proot');
    const copy = join(place, 'copy');
    mkdirSync(copy);
    writeFileSync(join(copy, 'alproot.yaml'), TEXT);
    await expect(config({ directory: copy })).rejects.toThrow(expect.objectContaining({ code: 'ALP_VERIFY_PROJECT' }));
    // Another project in its place, or a link that leads to it, does not inherit it or lose it.
    renameSync(project, join(place, 'moved'));
    symlinkSync(join(place, 'moved'), project);
    await expect(config()).rejects.toThrow(expect.objectContaining({ code: 'ALP_VERIFY_PROJECT' }));
  });

  it('ends when it is taken back', async () => {
    write(TEXT);
    await approveProject(env, hostPath(project));
    expect(revokeProject(env, hostPath(project))).toBe(join(project, 'alproot.yaml'));
    await expect(config()).rejects.toThrow(refused(1, /backend/));
    expect(() => revokeProject(env, hostPath(project))).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_ARGUMENT' }),
    );
    expect(await listProjects(env)).toEqual([]);
  });

  it('covers the keys that it names, byte for byte, and what was read is what counts', async () => {
    const [first, second] = await Promise.all([generateSigningKey('a', 2048), generateSigningKey('b', 2048)]);
    const key = join(project, 'keys', 'mirror.rsa.pub');
    writeFileSync(key, first.publicPem);
    write('mirrors: [{url: ./mirror, keys: [keys]}]\n');
    await approveProject(env, hostPath(project));
    const { mirrors } = await config();
    // Somebody changes it between the look and the use.
    writeFileSync(key, second.publicPem);
    expect((mirrors === 'auto' ? [] : mirrors).flatMap(keysOf).map(({ name, pem }) => [name, pem])).toEqual([
      ['mirror.rsa.pub', first.publicPem],
    ]);
    await expect(config()).rejects.toThrow(/it was changed since, or a key/);
    writeFileSync(key, first.publicPem);
    expect((await config()).mirrors).toHaveLength(1);
    writeFileSync(join(project, 'keys', 'more.rsa.pub'), second.publicPem);
    await expect(config()).rejects.toThrow(expect.objectContaining({ code: 'ALP_VERIFY_PROJECT' }));
  });

  it('lies in a directory of the user alone, and counts for nothing where others can write', async () => {
    write(TEXT);
    await approveProject(env, hostPath(project));
    const own = join(place, 'home', '.config', 'alproot');
    expect([statSync(own).mode & 0o777, statSync(join(own, 'trusted')).mode & 0o777]).toEqual([0o700, 0o700]);
    const [record = ''] = readdirSync(join(own, 'trusted'));
    for (const path of [join(own, 'trusted'), own, join(place, 'home', '.config'), join(place, 'home')]) {
      const { mode } = statSync(path);
      chmodSync(path, mode | 0o002);
      await expect(config()).rejects.toThrow(expect.objectContaining({ code: 'ALP_STORE_OWNER' }));
      await expect(approveProject(env, hostPath(project))).rejects.toThrow(
        expect.objectContaining({ code: 'ALP_STORE_OWNER' }),
      );
      chmodSync(path, mode);
    }
    expect((await config()).backend).toBe('proot');
    chmodSync(join(own, 'trusted', record), 0o666);
    await expect(config()).rejects.toThrow(expect.objectContaining({ code: 'ALP_VERIFY_PROJECT' }));
  });

  it.skipIf(process.getuid?.() !== 0)('of another user does not count for root', async () => {
    write(TEXT);
    await approveProject(env, hostPath(project));
    chownSync(join(place, 'home', '.config', 'alproot', 'trusted'), 4321, 4321);
    await expect(config()).rejects.toThrow(expect.objectContaining({ code: 'ALP_STORE_OWNER' }));
  });

  it('can be given by ALPROOT_TRUST, for the directory itself and no other', async () => {
    write(TEXT);
    expect((await config({ trusted: ['/elsewhere', project] })).backend).toBe('proot');
    for (const trusted of [[place], [join(project, 'keys')], [''], ['.'], ['/']])
      await expect(config({ trusted })).rejects.toThrow(refused(1, /backend/));
  });

  it('is not asked for what only isolates more, or says no more than what', async () => {
    write('release: 3.19\narch: x86_64\npackages: [gcc]\nbackend: userns\nrequire-isolation: true\n');
    expect(await config()).toMatchObject({
      release: '3.19',
      arch: 'x86_64',
      backend: 'userns',
      requireIsolation: true,
    });
    // Where it isolates less than another would, it is not used.
    write('backend: bwrap\n');
    expect(await config()).toMatchObject({ backend: 'bwrap', requireIsolation: true });
    write('backend: auto\n');
    expect(await config()).toMatchObject({ backend: undefined, requireIsolation: false });
  });

  it('is not needed where the user says it himself', async () => {
    write('backend: proot\nmirrors: [https://evil.example/]\n');
    const draft = newDraft();
    draft.mirrors.push({ base: 'https://mine.example/', keys: [] });
    await expect(config({ draft })).rejects.toThrow(refused(1, /backend/));
    expect(await config({ draft, variables: { ALPROOT_BACKEND: 'bwrap' } })).toMatchObject({
      backend: 'bwrap',
      requireIsolation: false,
      mirrors: [{ kind: 'url', base: 'https://mine.example', keys: [] }],
    });
  });
});

describe('the command', () => {
  it('refuses, approves, lists and revokes', async () => {
    write('backend: chroot\n');
    const elf = ['inspect', process.execPath, '--quiet'];
    const run = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { cwd: project, env });
    const refusal = await run(...elf);
    expect(refusal.status).toBe(4);
    expect(refusal.stderr).toContain(`${join(project, 'alproot.yaml')}:1: backend \`chroot\``);
    expect(refusal.stderr).toMatch(/hint: .*alproot trust .*ALPROOT_TRUST=/);
    expect((await run('cache', 'path')).status).toBe(0);
    const trusted = await run('trust');
    expect([trusted.status, trusted.stderr]).toEqual([0, '']);
    expect(trusted.stdout).toContain('line 1: backend `chroot`');
    expect((await run(...elf)).stderr).not.toContain('ALP_VERIFY_PROJECT');
    expect((await run('trust', '--list')).stdout).toMatch(/^approved +\d{4}-\d\d-\d\d +\S+alproot\.yaml\n$/);
    expect((await run('trust', '--revoke')).status).toBe(0);
    expect((await run(...elf)).status).toBe(4);
    expect((await runCli(elf, { cwd: project, env: { ...env, ALPROOT_TRUST: project } })).stderr).not.toContain(
      'ALP_VERIFY_PROJECT',
    );
    write('packages: [gcc]\n');
    expect((await run('trust')).stdout).toContain('asks for nothing that needs approval');
  });
});
