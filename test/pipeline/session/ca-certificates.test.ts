import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/core/config.ts';
import type { AlpEvent } from '../../../src/core/events.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { configFrom } from '../../../src/cli/configuration.ts';
import { newDraft } from '../../../src/cli/options.ts';
import {
  addedCertificates,
  allCertificates,
  readCaCertificates,
} from '../../../src/pipeline/session/ca-certificates.ts';
import { openCertificates } from '../../../src/pipeline/session/network.ts';
import { makePair } from '../../helpers/https-mirror.ts';

const [first, second, third] = [0, 1, 2].map(() =>
  makePair({ authority: true }).certPem.replaceAll('\r', '').trim(),
) as [string, string, string];
let work: string;
const at = (name: string): string => join(work, name);
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-ca-'));
  writeFileSync(at('first.pem'), `first\n${first}\n`);
  writeFileSync(at('both.pem'), `${first}\n${second}\n`.replaceAll('\r', '').replaceAll('\n', '\r\n'));
  writeFileSync(at('empty.pem'), 'nothing\n');
  writeFileSync(at('broken.pem'), `${second.replace(/\n.{8}/, '\nAAAAAAAA')}\n${third}\n`);
  mkdirSync(at('directory'));
  writeFileSync(at('directory/1a2b3c4d.0'), second);
  writeFileSync(at('directory/third.crt'), third);
  symlinkSync('third.crt', at('directory/01234567.0'));
  symlinkSync('nowhere', at('directory/dangling.pem'));
  writeFileSync(at('directory/README'), first);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const config = (env: Readonly<Record<string, string>>, more: Partial<Config> = {}): Config => {
  const terminal = { isTerminal: false, columns: 80, rows: 24 };
  const made = configFrom(
    newDraft(),
    { env, cwd: work, stdin: terminal, stdout: terminal, stderr: terminal },
    { project: undefined, emit: () => undefined },
  );
  // What this machine has beside it is not the test's.
  return { ...made, hostCa: made.hostCa && { ...made.hostCa, store: false }, ...more };
};
const added = (env: Readonly<Record<string, string>>, more: Partial<Config> = {}): string[] =>
  addedCertificates(readCaCertificates(config(env, more))).map((pem) => pem.replaceAll('\r', ''));

describe('CA certificates', () => {
  it.each([
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'NODE_EXTRA_CA_CERTS',
    'CURL_CA_BUNDLE',
    'REQUESTS_CA_BUNDLE',
    'GIT_SSL_CAINFO',
    'ALPROOT_CA_FILE',
  ])("named by %s are added to Mozilla's", (name) => {
    const found = readCaCertificates(config({ [name]: 'first.pem' }));
    expect(addedCertificates(found)).toEqual([first]);
    expect(allCertificates(found).length).toBe(found.bundled.length + 1);
    expect(found.bundled.length).toBeGreaterThan(100);
  });

  it('named by several are read once, in order, and each says what it adds', () => {
    const { sources } = readCaCertificates(
      config({
        SSL_CERT_FILE: at('first.pem'),
        NODE_EXTRA_CA_CERTS: 'both.pem',
        GIT_SSL_CAINFO: 'first.pem',
        CURL_CA_BUNDLE: '',
      }),
    );
    expect(
      sources.map(({ path, namedBy, count, added: own }) => [path.slice(work.length + 1), namedBy, count, own.length]),
    ).toEqual([
      ['first.pem', ['SSL_CERT_FILE', 'GIT_SSL_CAINFO'], 1, 1],
      ['both.pem', ['NODE_EXTRA_CA_CERTS'], 2, 1],
    ]);
    expect(added({ SSL_CERT_FILE: at('first.pem'), NODE_EXTRA_CA_CERTS: 'both.pem' })).toEqual([first, second]);
  });

  it('come from directories: files of certificates and hashed names, links once', () => {
    expect(added({ SSL_CERT_DIR: `${at('directory')}:${at('first.pem')}` })).toEqual([second, third, first]);
    const [source] = readCaCertificates(config({ REQUESTS_CA_BUNDLE: 'directory' })).sources;
    expect(source).toMatchObject({ count: 2, failures: [] });
  });

  it('do not count when they are turned off, but for those of --ca-file', () => {
    expect(config({ SSL_CERT_FILE: 'first.pem', ALPROOT_NO_HOST_CA: '1' }).hostCa).toBeUndefined();
    expect(
      added({ SSL_CERT_FILE: 'first.pem', ALPROOT_NO_HOST_CA: '1' }, { caFiles: [hostPath(at('both.pem'))] }),
    ).toEqual([first, second]);
  });

  it('that cannot be used are a warning with the name of the file, once, and the rest counts', () => {
    const closed = at('closed.pem');
    writeFileSync(closed, first);
    chmodSync(closed, 0);
    const events: AlpEvent[] = [];
    const emit = (event: AlpEvent): void => void events.push(event);
    const certificates = openCertificates(
      config(
        {
          SSL_CERT_FILE: 'missing.pem',
          CURL_CA_BUNDLE: 'empty.pem',
          NODE_EXTRA_CA_CERTS: 'broken.pem',
          GIT_SSL_CAINFO: '/dev/null',
          REQUESTS_CA_BUNDLE: closed,
        },
        { emit },
      ),
    );
    expect(events).toEqual([]);
    expect(addedCertificates(certificates())).toEqual(process.getuid?.() === 0 ? [third, first] : [third]);
    certificates();
    const words: [string, RegExp][] = [
      ['missing.pem', /does not exist/],
      ['empty.pem', /holds no certificate/],
      ['broken.pem', /cannot be read/],
      ['/dev/null', /not a regular file/],
      ...(process.getuid?.() === 0 ? [] : [['closed.pem', /EACCES|permission/i] as [string, RegExp]]),
    ];
    expect(events.map(({ kind }) => kind)).toEqual(words.map(() => 'warning'));
    for (const [name, reason] of words) {
      const own = events.find((event) => event.kind === 'warning' && event.message.includes(name)) as
        { message: string } | undefined;
      expect(own?.message).toMatch(reason);
    }
  });

  it('of --ca-file must be there', () => {
    expect(() => added({ ALPROOT_CA_FILE: 'empty.pem' })).toThrow(/holds no certificate/);
    expect(() => added({ ALPROOT_CA_FILE: 'none.pem' })).toThrow(/does not exist/);
    expect(() => added({}, { caFiles: [hostPath(at('broken.pem'))] })).not.toThrow();
  });
});
