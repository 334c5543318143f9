/** `alproot version`: what `--version` says, and what runs it. */
import type { CommandAction } from '../command.ts';
import { version } from '../program-version.ts';

export const showVersion: CommandAction = ({ printer }) => {
  printer.result(`alproot ${version}`, {
    version,
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
  });
  return Promise.resolve(0);
};
