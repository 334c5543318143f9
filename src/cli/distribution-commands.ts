/** Commands that pin, collect, verify and publish what a build needs and makes. */
import type { CommandSpec } from './command.ts';
import { PACKAGES, DOCKERFILE, TARGET, BUILD_ARG, PLATFORM } from './shared-options.ts';

export const DISTRIBUTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'lock',
    args: '[context]',
    summary: 'pin everything that a Dockerfile or a list of packages needs',
    options: [
      PACKAGES,
      DOCKERFILE,
      TARGET,
      BUILD_ARG,
      PLATFORM,
      { flags: '--update [packages]', help: 'look at all packages anew, or at these' },
      { flags: '--check', help: 'write nothing; exit 10 with the difference when the lock does not fit' },
    ],
    examples: ['alproot lock', 'alproot lock -f Dockerfile.alpine .', 'alproot lock --update openssl'],
    load: async () => (await import('./commands/lock-command.ts')).lock,
  },
  {
    name: 'fetch',
    args: '[context]',
    summary: 'download what the lock names into the store, for --offline',
    options: [PACKAGES, DOCKERFILE, TARGET, BUILD_ARG, PLATFORM],
    examples: ['alproot fetch -f Dockerfile.alpine .', 'alproot build --offline -f Dockerfile.alpine -o out .'],
    load: async () => (await import('./commands/lock-command.ts')).fetch,
  },
  {
    name: 'bundle',
    args: '<create|verify|show> [path]',
    summary: 'one file with everything that the lock names, for machines without a network',
    options: [
      PACKAGES,
      DOCKERFILE,
      TARGET,
      BUILD_ARG,
      PLATFORM,
      { flags: '-o, --output <file>', help: 'create: where the bundle goes' },
      { flags: '--sign-with <file>', help: 'create: private key (PEM)' },
      { flags: '--with-tool', help: 'create: include alproot itself, started by `sh tool/alproot`' },
      { flags: '--require-signature', help: 'verify: refuse a bundle that no trusted key signed' },
    ],
    examples: ['alproot bundle create -o app.alproot .', 'alproot build --bundle app.alproot -o out .'],
    load: async () => (await import('./commands/lock-command.ts')).bundle,
  },
  {
    name: 'verify',
    args: '<file...>',
    summary: 'verify minirootfs, APKINDEX and .apk files, bundles and trees offline',
    options: [
      { flags: '--deep', help: 'hold every file of a tree or a minirootfs against the signed packages of a mirror' },
    ],
    examples: ['alproot verify alpine-minirootfs-3.19.4-x86_64.tar.gz', 'alproot verify --deep ./alpine'],
    load: async () => (await import('./commands/verify-command.ts')).verify,
  },
  {
    name: 'inspect',
    args: '<elf>',
    summary: 'say what an ELF file is, and check it',
    options: [
      { flags: '--require <list>', help: 'static,musl,stripped,max-size=1M …; exits 1 when one fails' },
      { flags: '--symbols', help: 'sizes by archive member' },
      { flags: '--map <file>', help: "a linker map (-Wl,-Map=FILE) to read the members' sizes from" },
    ],
    examples: ['alproot inspect hello', 'alproot inspect --require static,musl,stripped,max-size=1M hello'],
    load: async () => (await import('./commands/inspect-command.ts')).inspect,
  },
  {
    name: 'doctor',
    summary: 'what this host allows, and why not',
    options: [{ flags: '--network', help: 'check mirrors, proxies and certificates too' }],
    examples: ['alproot doctor', 'alproot doctor --network', 'alproot doctor --json'],
    load: async () => (await import('./commands/doctor-command.ts')).doctor,
  },
  {
    name: 'mirror',
    args: '<create|from-debian|index|sign|keygen|serve> [paths...]',
    summary: 'make a repository of packages',
    options: [
      PACKAGES,
      DOCKERFILE,
      { flags: '--sign-with <file>', help: 'private key (PEM): a path, or the name of one that keygen made' },
      { flags: '--name <key name>', help: 'name of a new key' },
      {
        flags: '--private-dir <dir>',
        help: "keygen: where the private key goes (default: keys in alproot's directory of your configuration)",
      },
      { flags: '--description <text>', help: 'description in the index' },
      { flags: '--format <v2|v3>', help: "index: apk v2's APKINDEX.tar.gz (default) or v3's Packages.adb" },
      { flags: '--listen <[host:]port>', help: 'where serve listens' },
      { flags: '--tls', help: 'serve over HTTPS with a certificate made on the spot' },
    ],
    examples: [
      'alproot mirror from-debian ./mirror',
      'alproot mirror create ./mirror -p build-base --sign-with builder.rsa',
      'alproot mirror serve ./mirror --listen 127.0.0.1:8080',
    ],
    load: async () => (await import('./commands/mirror-command.ts')).mirror,
  },
];
