/** Options that several commands have. */
import type { CommandOption } from './command.ts';

export const PACKAGES: CommandOption = {
  flags: '-p, --package <name>',
  help: 'packages to have in the environment; commas separate',
  repeat: true,
};
export const NETWORK: CommandOption = { flags: '--network <mode>', help: 'none (default) or host' };
export const MOUNT: CommandOption = {
  flags: '-v, --volume <source[:target[:ro]]>',
  help: 'make a directory of the host visible inside',
  repeat: true,
};
export const ENV: CommandOption = { flags: '-e, --env <name[=value]>', help: 'set a variable inside', repeat: true };
export const WORKDIR: CommandOption = { flags: '-w, --workdir <path>', help: 'working directory inside' };
export const ROOT: CommandOption = { flags: '--root <dir>', help: 'look into this tree' };
export const VERBOSE: CommandOption = { flags: '-v, --verbose', help: 'say more' };
export const QUIET: CommandOption = { flags: '-q, --quiet', help: 'names alone' };
export const EXPLAIN: CommandOption = { flags: '--explain', help: 'print what would be run, and mounted, and stop' };

export const DOCKERFILE: CommandOption = {
  flags: '-f, --file <path>',
  help: 'the Dockerfile (default: CONTEXT/Dockerfile); - for standard input',
};
export const TARGET: CommandOption = { flags: '--target <stage>', help: 'stop at this stage' };
export const BUILD_ARG: CommandOption = { flags: '--build-arg <name[=value]>', help: 'value of an ARG', repeat: true };
export const PLATFORM: CommandOption = { flags: '--platform <os/arch>', help: 'platform to build for' };
