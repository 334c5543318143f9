/** Commands that look after what alproot keeps on this host. */
import type { CommandSpec } from './command.ts';
import { PACKAGES } from './shared-options.ts';

export const HOST_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'trust',
    args: '[directory]',
    summary: "approve what a project's alproot.yaml asks for: another backend, mirrors, keys",
    ignoresProject: true,
    options: [
      { flags: '--list', help: 'what was approved, and whether it has changed since' },
      { flags: '--revoke', help: 'take the approval back' },
    ],
    examples: ['alproot trust', 'alproot trust --list', 'alproot trust --revoke .'],
    load: async () => (await import('./commands/trust-command.ts')).trust,
  },
  {
    name: 'cache',
    args: '<ls|gc|verify|path>',
    summary: 'look after the store',
    ignoresProject: true,
    options: [{ flags: '--older-than <days>', help: 'gc: drop what was not used for so long (default: 30)' }],
    examples: ['alproot cache ls', 'alproot cache gc --older-than 7'],
    load: async () => (await import('./commands/cache-command.ts')).cache,
  },
  {
    name: 'link-tools',
    args: '<dir>',
    summary: 'put x86_64-linux-musl-gcc, musl-gcc and friends, and a toolchain file for CMake, into a directory',
    options: [PACKAGES],
    examples: ['alproot link-tools ~/musl', 'cmake --toolchain ~/musl/x86_64-linux-musl.cmake -B build .'],
    load: async () => (await import('./commands/link-tools-command.ts')).linkTools,
  },
  {
    name: 'version',
    ignoresProject: true,
    summary: 'print the version of alproot',
    examples: ['alproot version'],
    load: async () => (await import('./commands/version-command.ts')).showVersion,
  },
];
