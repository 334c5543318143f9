/** Every command, once: help, completion and dispatch read this table. */
import type { CommandOption, CommandSpec } from './command.ts';
import { DOCKER_OPTIONS } from './docker-options.ts';

const PACKAGES: CommandOption = { flags: '-p, --package <name>', help: 'packages to have in the environment; commas separate', repeat: true };
const NETWORK: CommandOption = { flags: '--network <mode>', help: 'none (default) or host' };
const MOUNT: CommandOption = { flags: '-v, --volume <source[:target[:ro]]>', help: 'make a directory of the host visible inside', repeat: true };
const ENV: CommandOption = { flags: '-e, --env <name[=value]>', help: 'set a variable inside', repeat: true };
const WORKDIR: CommandOption = { flags: '-w, --workdir <path>', help: 'working directory inside' };
const ROOT: CommandOption = { flags: '--root <dir>', help: 'look into this tree' };
const VERBOSE: CommandOption = { flags: '-v, --verbose', help: 'say more' };
const QUIET: CommandOption = { flags: '-q, --quiet', help: 'names alone' };
const EXPLAIN: CommandOption = { flags: '--explain', help: 'print what would be run, and mounted, and stop' };

const DOCKERFILE: CommandOption = { flags: '-f, --file <path>', help: 'the Dockerfile (default: CONTEXT/Dockerfile); - for standard input' };
const TARGET: CommandOption = { flags: '--target <stage>', help: 'stop at this stage' };
const BUILD_ARG: CommandOption = { flags: '--build-arg <name[=value]>', help: 'value of an ARG', repeat: true };
const PLATFORM: CommandOption = { flags: '--platform <os/arch>', help: 'platform to build for' };

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'build', args: '[context]', summary: 'build a Dockerfile',
    options: [
      DOCKERFILE,
      { flags: '-o, --output <dest>', help: 'DIR, or type=local|tar|oci|docker,dest=PATH', repeat: true },
      { flags: '-t, --tag <name>', help: 'name of the image in oci and docker outputs', repeat: true },
      TARGET, BUILD_ARG, PLATFORM,
      { flags: '--no-cache', help: 'run every step' },
      { flags: '--no-cache-filter <stage>', help: 'run every step of these stages', repeat: true },
      { flags: '--network <mode>', help: 'host (default) or none for RUN' },
      { flags: '--secret <spec>', help: 'id=NAME[,src=FILE|,env=VAR]', repeat: true },
      { flags: '--pull', help: 'look at the mirrors again for the base image' },
      { flags: '--label <name=value>', help: 'a label of the image', repeat: true },
      { flags: '--annotation <name=value>', help: "an annotation of the image's manifest", repeat: true },
      { flags: '--iidfile <path>', help: "write the image's ID to a file" },
      { flags: '--progress <style>', help: 'auto, plain, tty, quiet or rawjson' },
      { flags: '--metadata-file <path>', help: 'write what was built as JSON' },
      { flags: '--add-host <name:address>', help: 'a line of /etc/hosts for RUN', repeat: true },
      { flags: '--build-context <name=dir>', help: 'another context for COPY --from=NAME; or NAME=docker-image://alpine:TAG', repeat: true },
      { flags: '--plan', help: 'print what would be done as JSON, and do nothing' },
      ...DOCKER_OPTIONS,
    ],
    examples: ['alproot build -f Dockerfile.alpine -o out .'],
    load: async () => (await import('./commands/build-command.ts')).build,
  },
  {
    name: 'cc', args: '[gcc arguments...]', summary: 'a musl gcc: takes what gcc takes; links statically unless -shared or -dynamic asks otherwise', parsing: 'native',
    options: [PACKAGES],
    examples: ['alproot cc -Os hello.c -o hello', 'alproot cc -p zlib-dev,zlib-static program.c -lz -o program', "CC='alproot cc' ./configure && make", 'alproot cc -- --help'],
    load: async () => (await import('./commands/cc-command.ts')).cc,
  },
  {
    name: 'tool', args: '<name> [arguments...]', summary: 'another program of the compiler environment: ar, strip, objdump …', parsing: 'native',
    options: [PACKAGES],
    examples: ['alproot tool strip hello', 'alproot tool objdump -d hello'],
    load: async () => (await import('./commands/cc-command.ts')).tool,
  },
  {
    name: 'run', args: '[command...]', summary: 'run a command in a cached, read-only environment', parsing: 'leading',
    options: [PACKAGES, NETWORK, MOUNT, ENV, EXPLAIN, WORKDIR, { flags: '--writable', help: 'give the command a throw-away copy that it may change' }],
    examples: ['alproot run -p gcc,musl-dev -- gcc --version'],
    load: async () => (await import('./commands/run-command.ts')).run,
  },
  {
    name: 'shell', summary: 'an interactive shell in the environment',
    options: [PACKAGES, NETWORK, MOUNT, ENV, WORKDIR, { flags: '--writable', help: 'a throw-away copy that may be changed' }],
    examples: ['alproot shell -p gcc,musl-dev', 'alproot shell --writable --network host'],
    load: async () => (await import('./commands/run-command.ts')).shell,
  },
  {
    name: 'rootfs', args: '<create|export|audit|sbom> <dir>', summary: 'make a local tree, carry it away, check it, list it',
    options: [
      PACKAGES,
      { flags: '-o, --output <dest>', help: 'export: type=tar|oci|docker,dest=PATH', repeat: true },
      { flags: '-t, --tag <name>', help: 'export: name of the image; sbom: what the bill is for', repeat: true },
      { flags: '--system', help: 'audit: system files, as `apk audit --system` does' },
      { flags: '--backup', help: 'audit: configuration that was edited or added' },
      { flags: '--full', help: 'audit: files that nobody owns too' },
      { flags: '--check-permissions', help: 'audit: modes and owners too' },
      { flags: '--packages', help: 'audit: name packages instead of files' },
      { flags: '-r, --recursive', help: 'audit: look into directories that nobody owns' },
      { flags: '-q, --quiet', help: 'audit: paths alone' },
    ],
    examples: ['alproot rootfs create ./alpine --release 3.19 -p gcc,musl-dev', 'alproot rootfs export ./alpine -o type=oci,dest=alpine.tar -t alpine:mine', 'alproot rootfs audit ./alpine'],
    load: async () => (await import('./commands/rootfs-command.ts')).rootfs,
  },
  {
    name: 'search', args: '[patterns...]', summary: 'packages by a part of a name, as `apk search` finds them',
    options: [
      VERBOSE, QUIET,
      { flags: '-e, --exact', help: 'the whole name must match' },
      { flags: '-d, --description', help: 'look into descriptions too' },
      { flags: '-a, --all', help: 'every version' },
      { flags: '-o, --origin', help: 'print the packages that they were built with' },
      { flags: '-r, --rdepends', help: 'print who needs them' },
      { flags: '--has-origin', help: 'patterns are names of origins' },
    ],
    examples: ['alproot search -v openssl', 'alproot search -e so:libssl.so.3'],
    load: async () => (await import('./commands/explain-command.ts')).search,
  },
  {
    name: 'info', args: '[packages...]', summary: 'what is known of packages, as `apk info` tells it',
    options: [
      ROOT, VERBOSE, QUIET,
      { flags: '-a, --all', help: 'everything' },
      { flags: '-d, --description', help: 'what it is' },
      { flags: '-w, --webpage', help: 'where it comes from' },
      { flags: '-s, --size', help: 'its size when installed' },
      { flags: '--license', help: 'its licence' },
      { flags: '-R, --depends', help: 'what it needs' },
      { flags: '-P, --provides', help: 'what it provides' },
      { flags: '-r, --rdepends', help: 'who needs it' },
      { flags: '--replaces', help: 'whose files it may replace' },
      { flags: '--install-if', help: 'what it waits for' },
      { flags: '--rinstall-if', help: 'who waits for it' },
      { flags: '-t, --triggers', help: 'with --root: directories that it watches' },
      { flags: '-L, --contents', help: 'with --root: its files' },
      { flags: '-W, --who-owns', help: 'with --root: whose files these are' },
      { flags: '-e, --installed', help: 'with --root: whether it is there' },
      { flags: '--dump <file>', help: 'an .apk or index of apk v3 as text, as `apk adbdump` prints it' },
      { flags: '--allow-untrusted', help: 'with --dump: whoever signed it' },
    ],
    examples: ['alproot info -R gcc', 'alproot info --root ./alpine -W /bin/sh'],
    load: async () => (await import('./commands/explain-command.ts')).info,
  },
  {
    name: 'policy', args: '[packages...]', summary: 'every version of a package, and where it can be had',
    options: [ROOT],
    examples: ['alproot policy openssl', 'alproot policy --root ./alpine musl'],
    load: async () => (await import('./commands/explain-command.ts')).policy,
  },
  {
    name: 'why', args: '[packages...]', summary: 'who needs a package: the chains that lead to it',
    options: [PACKAGES, ROOT],
    examples: ['alproot why -p build-base gmp', 'alproot why --root ./alpine zlib'],
    load: async () => (await import('./commands/explain-command.ts')).why,
  },
  {
    name: 'tree', args: '[packages...]', summary: 'what packages depend on, as a tree',
    options: [PACKAGES, ROOT],
    examples: ['alproot tree gcc', 'alproot tree --root ./alpine'],
    load: async () => (await import('./commands/explain-command.ts')).tree,
  },
  {
    name: 'lock', args: '[context]', summary: 'pin everything that a Dockerfile or a list of packages needs',
    options: [
      PACKAGES, DOCKERFILE, TARGET, BUILD_ARG, PLATFORM,
      { flags: '--update [packages]', help: 'look at all packages anew, or at these' },
      { flags: '--check', help: 'write nothing; exit 10 with the difference when the lock does not fit' },
    ],
    examples: ['alproot lock', 'alproot lock -f Dockerfile.alpine .', 'alproot lock --update openssl'],
    load: async () => (await import('./commands/lock-command.ts')).lock,
  },
  {
    name: 'fetch', args: '[context]', summary: 'bring what the lock names into the store, for --offline',
    options: [PACKAGES, DOCKERFILE, TARGET, BUILD_ARG, PLATFORM],
    examples: ['alproot fetch -f Dockerfile.alpine .', 'alproot build --offline -f Dockerfile.alpine -o out .'],
    load: async () => (await import('./commands/lock-command.ts')).fetch,
  },
  {
    name: 'bundle', args: '<create|verify|show> [path]', summary: 'one file with everything that the lock names, for machines without a network',
    options: [
      PACKAGES, DOCKERFILE, TARGET, BUILD_ARG, PLATFORM,
      { flags: '-o, --output <file>', help: 'create: where the bundle goes' },
      { flags: '--sign-with <file>', help: 'create: private key (PEM)' },
      { flags: '--with-tool', help: 'create: carry alproot itself, started by `sh tool/alproot`' },
      { flags: '--require-signature', help: 'verify: refuse a bundle that no trusted key signed' },
    ],
    examples: ['alproot bundle create -o app.alproot .', 'alproot build --bundle app.alproot -o out .'],
    load: async () => (await import('./commands/lock-command.ts')).bundle,
  },
  {
    name: 'verify', args: '<file...>', summary: 'judge minirootfs, APKINDEX and .apk files, bundles and trees offline',
    options: [{ flags: '--deep', help: 'hold every file of a tree or a minirootfs against the signed packages of a mirror' }],
    examples: ['alproot verify alpine-minirootfs-3.19.4-x86_64.tar.gz', 'alproot verify --deep ./alpine'],
    load: async () => (await import('./commands/verify-command.ts')).verify,
  },
  {
    name: 'inspect', args: '<elf>', summary: 'say what an ELF file is, and check it',
    options: [
      { flags: '--require <list>', help: 'static,musl,stripped,max-size=1M …; exits 1 when one fails' },
      { flags: '--symbols', help: 'sizes by archive member' },
      { flags: '--map <file>', help: "a linker map (-Wl,-Map=FILE) to read the members' sizes from" },
    ],
    examples: ['alproot inspect hello', 'alproot inspect --require static,musl,stripped,max-size=1M hello'],
    load: async () => (await import('./commands/inspect-command.ts')).inspect,
  },
  { name: 'doctor', summary: 'what this host allows, and why not', options: [{ flags: '--network', help: 'check mirrors, proxies and certificates too' }], examples: ['alproot doctor', 'alproot doctor --network', 'alproot doctor --json'], load: async () => (await import('./commands/doctor-command.ts')).doctor },
  {
    name: 'mirror', args: '<create|from-debian|index|sign|keygen|serve> [paths...]', summary: 'make a repository of packages',
    options: [
      PACKAGES,
      DOCKERFILE,
      { flags: '--sign-with <file>', help: 'private key (PEM): a path, or the name of one that keygen made' },
      { flags: '--name <key name>', help: 'name of a new key' },
      { flags: '--private-dir <dir>', help: "keygen: where the private key goes (default: keys in alproot's directory of your configuration)" },
      { flags: '--description <text>', help: 'description in the index' },
      { flags: '--format <v2|v3>', help: "index: apk v2's APKINDEX.tar.gz (default) or v3's Packages.adb" },
      { flags: '--listen <[host:]port>', help: 'where serve listens' },
      { flags: '--tls', help: 'serve over HTTPS with a certificate made on the spot' },
    ],
    examples: ['alproot mirror from-debian ./mirror', 'alproot mirror create ./mirror -p build-base --sign-with builder.rsa', 'alproot mirror serve ./mirror --listen 127.0.0.1:8080'],
    load: async () => (await import('./commands/mirror-command.ts')).mirror,
  },
  {
    name: 'trust', args: '[directory]', summary: "approve what a project's alproot.yaml asks for: another backend, mirrors, keys", ignoresProject: true,
    options: [
      { flags: '--list', help: 'what was approved, and whether it has changed since' },
      { flags: '--revoke', help: 'take the approval back' },
    ],
    examples: ['alproot trust', 'alproot trust --list', 'alproot trust --revoke .'],
    load: async () => (await import('./commands/trust-command.ts')).trust,
  },
  { name: 'cache', args: '<ls|gc|verify|path>', summary: 'look after the store', ignoresProject: true, options: [{ flags: '--older-than <days>', help: 'gc: drop what was not used for so long (default: 30)' }], examples: ['alproot cache ls', 'alproot cache gc --older-than 7'], load: async () => (await import('./commands/cache-command.ts')).cache },
  {
    name: 'link-tools', args: '<dir>', summary: 'put x86_64-linux-musl-gcc, musl-gcc and friends, and a toolchain file for CMake, into a directory',
    options: [PACKAGES],
    examples: ['alproot link-tools ~/musl', 'cmake --toolchain ~/musl/x86_64-linux-musl.cmake -B build .'],
    load: async () => (await import('./commands/link-tools-command.ts')).linkTools,
  },
  { name: 'version', ignoresProject: true, summary: 'print the version of alproot', examples: ['alproot version'], load: async () => (await import('./commands/version-command.ts')).showVersion },
  { name: 'completion', args: '<bash|zsh|fish>', ignoresProject: true, summary: 'print a completion script for a shell', examples: ['alproot completion bash > ~/.local/share/bash-completion/completions/alproot'], load: async () => (await import('./commands/completion-command.ts')).completion },
];
