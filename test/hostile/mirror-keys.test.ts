/** Who serves a mirror as the documents say hands out no private key, nor anything else that no mirror consists of. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silent } from '../../src/core/events.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { openMirrorKey } from '../../src/mirror/debian/from-debian.ts';
import { serveMirror, type ServedMirror } from '../../src/mirror/serve.ts';
import { generateSigningKey, writeSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { runCli } from '../helpers/cli.ts';

let place: string;
let key: SigningKey;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'alproot-mirror-keys-'));
  key = await generateSigningKey('me@example.org', 2048);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

let count = 0;
function mirror(files: Readonly<Record<string, string>> = {}): HostPath {
  const directory = join(place, `mirror-${count++}`);
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return hostPath(directory);
}

const serve = (directory: HostPath): Promise<ServedMirror> =>
  serveMirror({ directory, now: Date.now(), emit: silent });

describe('the documented way: keygen, index, serve', () => {
  it('puts the private key into the directory of the user, and serves the public one', async () => {
    const home = join(place, 'home');
    mkdirSync(home);
    const directory = mirror({ 'v3.19/main/x86_64/.keep': '' });
    const env = { HOME: home };
    const made = await runCli(['mirror', 'keygen', '--name', 'me@example.org', directory], { env });
    expect([made.status, made.stderr]).toEqual([0, '']);
    const own = join(home, '.config', 'alproot', 'keys');
    const [secret = ''] = readdirSync(own);
    expect(readdirSync(own)).toEqual([expect.stringMatching(/^me@example\.org-[0-9a-f]{8}\.rsa$/)]);
    expect([statSync(own).mode & 0o777, statSync(join(own, secret)).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(readdirSync(directory).sort()).toEqual([`${secret}.pub`, 'v3.19']);
    // The name alone is enough to sign with it.
    const indexed = await runCli(['mirror', 'index', join(directory, 'v3.19/main/x86_64'), '--sign-with', secret], {
      env,
    });
    expect([indexed.status, indexed.stderr]).toEqual([0, '']);
    const server = await serve(directory);
    try {
      expect(await (await fetch(`${server.url}/${secret}.pub`)).text()).toBe(
        readFileSync(join(directory, `${secret}.pub`), 'utf8'),
      );
      expect((await fetch(`${server.url}/v3.19/main/x86_64/APKINDEX.tar.gz`)).status).toBe(200);
      for (const path of [`/${secret}`, '/', '/v3.19/', '/v3.19/main/x86_64', '/v3.19/main/x86_64/.keep'])
        expect([path, (await fetch(server.url + path)).status]).toEqual([path, 404]);
    } finally {
      await server.close();
    }
  });

  it('goes where it is told to, or nowhere', async () => {
    const directory = join(place, 'told');
    expect((await runCli(['mirror', 'keygen', directory, '--private-dir', join(place, 'apart')])).status).toBe(0);
    expect(readdirSync(directory).every((name) => name.endsWith('.pub'))).toBe(true);
    expect(readdirSync(join(place, 'apart'))).toEqual([expect.stringMatching(/\.rsa$/)]);
    const open = join(place, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const refused = await runCli(['mirror', 'keygen', join(place, 'none')], { env: { XDG_CONFIG_HOME: open } });
    expect([refused.status, refused.stderr]).toEqual([9, expect.stringContaining('can be written by other users')]);
    expect(existsSync(join(place, 'none'))).toBe(false);
  });
});

describe('a directory with a private key', () => {
  it.each(['me.rsa', '.key/me.rsa', 'keys/me.rsa.pub', 'v3.19/main/notes.txt', 'mirror-ca.pem', '.git/x/id_rsa'])(
    'is not served: %s',
    async (name) => {
      const directory = mirror({ 'v3.19/main/x86_64/a-1-r0.apk': 'x' });
      const file = join(directory, name);
      mkdirSync(dirname(file), { recursive: true });
      for (const pem of [
        key.privatePem,
        '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n',
        `text before\n${key.privatePem.replaceAll('PRIVATE', 'RSA PRIVATE')}`,
      ]) {
        writeFileSync(file, pem);
        await expect(serve(directory)).rejects.toThrow(
          expect.objectContaining({
            code: 'ALP_USAGE_ARGUMENT',
            facts: { file },
            message: expect.stringContaining(file),
          }),
        );
      }
    },
  );

  it('hands it out no more when it comes later, under whatever name', async () => {
    const directory = mirror({ 'a-1-r0.apk': 'package', 'keys/good.rsa.pub': key.publicPem });
    const server = await serve(directory);
    try {
      writeFileSync(join(directory, 'me.rsa'), key.privatePem);
      linkSync(join(directory, 'me.rsa'), join(directory, 'b-1-r0.apk'));
      symlinkSync('me.rsa', join(directory, 'c-1-r0.apk'));
      writeFileSync(join(directory, 'keys', 'bad.rsa.pub'), key.privatePem);
      writeFileSync(join(directory, 'keys', 'id_rsa.pub'), 'ssh-rsa AAAA me@host');
      for (const path of ['me.rsa', 'b-1-r0.apk', 'c-1-r0.apk', 'keys/bad.rsa.pub', 'keys/id_rsa.pub'])
        expect([path, (await fetch(`${server.url}/${path}`)).status]).toEqual([path, 404]);
      for (const path of ['a-1-r0.apk', 'keys/good.rsa.pub'])
        expect([path, (await fetch(`${server.url}/${path}`)).status]).toEqual([path, 200]);
    } finally {
      await server.close();
    }
  });
});

describe('a served directory', () => {
  const SERVED = [
    'v3.19/main/x86_64/APKINDEX.tar.gz',
    'v3.19/main/x86_64/Packages.adb',
    'v3.19/main/x86_64/libstdc++-13.2.1_git20231014-r0.apk',
    'edge/testing/noarch/a.apk',
    'v3.19/releases/x86_64/latest-releases.yaml',
    'v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz',
    'v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz.sha512',
    'v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz.asc',
    'v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz.rsa256.me@example.org-12345678.rsa.pub',
    'mirror-ca.pem',
  ];
  const KEPT = [
    '.netrc',
    '.ssh/config',
    'passwords.txt',
    'backup.tar.gz',
    'src/main.c',
    'v3.19/.git/config',
    'v3.19/.hidden.apk',
    'alproot.yaml',
    'secret/id_ed25519',
    'me.rsa',
    'a.apk~',
    'x.pem',
    '-rf.apk',
    'keys',
  ];

  it('gives what a mirror consists of, and nothing else', async () => {
    const directory = mirror(Object.fromEntries([...SERVED, ...KEPT].map((name) => [name, 'content'])));
    symlinkSync('passwords.txt', join(directory, 'linked-1-r0.apk'));
    symlinkSync('/etc/passwd', join(directory, 'out-1-r0.apk'));
    symlinkSync('/etc', join(directory, 'etc'));
    const server = await serve(directory);
    try {
      for (const path of SERVED) expect([path, (await fetch(`${server.url}/${path}`)).status]).toEqual([path, 200]);
      for (const path of [
        ...KEPT,
        'linked-1-r0.apk',
        'out-1-r0.apk',
        'etc/passwd',
        '',
        'v3.19',
        'v3.19/main/x86_64/',
      ]) {
        const answer = await fetch(`${server.url}/${path}`);
        expect([path, answer.status, await answer.text()]).toEqual([path, 404, '']);
      }
    } finally {
      await server.close();
    }
  });
});

describe("the key of a mirror made from Debian's archive", () => {
  it('is found again in the directory of the user', async () => {
    const directory = mirror();
    const secret = hostPath(join(place, 'secret'));
    mkdirSync(secret, { mode: 0o700 });
    const first = await openMirrorKey({ directory, privateKeys: () => secret, emit: silent });
    const again = await openMirrorKey({ directory, privateKeys: () => secret, emit: silent });
    expect([again.publicName, again.privatePem]).toEqual([first.publicName, first.privatePem]);
    expect([readdirSync(directory), readdirSync(join(directory, 'keys')), readdirSync(secret)]).toEqual([
      ['keys'],
      [first.publicName],
      [first.publicName.replace(/\.pub$/, '')],
    ]);
  });

  it('is read where an older mirror has it, with a warning that says where to, and found after the move', async () => {
    const directory = mirror();
    const secret = hostPath(join(place, 'moved'));
    mkdirSync(secret, { mode: 0o700 });
    const old = hostPath(join(directory, '.key'));
    writeSigningKey(key, old, hostPath(join(directory, 'keys')));
    const said: string[] = [];
    const read = (): Promise<SigningKey> =>
      openMirrorKey({
        directory,
        privateKeys: () => secret,
        emit: (event) => void (event.kind === 'warning' && said.push(`${event.message} (${event.hint ?? ''})`)),
      });
    expect((await read()).publicName).toBe(key.publicName);
    const [name = ''] = readdirSync(old);
    expect(said).toEqual([expect.stringMatching(new RegExp(`${name}.*move it to ${secret}`))]);
    await expect(serve(directory)).rejects.toThrow(expect.objectContaining({ facts: { file: join(old, name) } }));
    renameSync(join(old, name), join(secret, name));
    expect([(await read()).publicName, said.length]).toEqual([key.publicName, 1]);
    const server = await serve(directory);
    await server.close();
  });
});
