/**
 * Options of `docker build` that say nothing about what is built, or ask for what only a daemon can do. Scripts that
 * have them go on where the result is the same; elsewhere they hear what to do instead.
 */
import { AlprootError } from '../core/errors.ts';
import type { CommandContext, CommandOption } from './command.ts';

interface DockerOption extends CommandOption {
  /** What comes of it: nothing, as nothing would be different; a warning; an error with a hint. */
  readonly outcome: 'same' | 'warning' | 'refused';
}

const same = (flags: string): DockerOption => ({
  flags,
  help: 'taken, without effect',
  hidden: true,
  outcome: 'same',
});
const warning = (flags: string, help: string): DockerOption => ({
  flags,
  help,
  hidden: true,
  repeat: flags.includes('<'),
  outcome: 'warning',
});
const refused = (flags: string, help: string): DockerOption => ({ flags, help, hidden: true, outcome: 'refused' });

const LIMITS = 'processes of a build have the limits that you have: set them with ulimit or a cgroup around alproot';
const STORE = 'steps are kept in the store: ALPROOT_CACHE may be a directory that CI saves';

export const DOCKER_OPTIONS: readonly DockerOption[] = [
  ...[
    '-D, --debug',
    '--rm',
    '--force-rm',
    '--compress',
    '--disable-content-trust',
    '--builder <name>',
    '--isolation <technology>',
  ].map(same),
  ...[
    '-m, --memory <size>',
    '--memory-swap <size>',
    '--cpu-period <us>',
    '--cpu-quota <us>',
    '--cpu-shares <weight>',
    '--cpuset-cpus <list>',
    '--cpuset-mems <list>',
    '--shm-size <size>',
    '--ulimit <limit>',
    '--cgroup-parent <name>',
  ].map((flags) => warning(flags, LIMITS)),
  ...['--security-opt <option>', '--allow <entitlement>'].map((flags) =>
    warning(flags, 'a build here has no privileges to give'),
  ),
  ...['--cache-from <source>', '--cache-to <target>'].map((flags) => warning(flags, STORE)),
  refused(
    '--load',
    'there is no daemon: -o type=docker,dest=image.tar, then `docker load -i image.tar` where there is one',
  ),
  refused(
    '--push',
    'write the image with -o type=oci,dest=image, then `skopeo copy oci:image docker://REGISTRY/NAME`',
  ),
  refused('--squash', 'end the Dockerfile with FROM scratch and COPY --from=STAGE / /'),
  refused('--ssh <agent>', 'no agent is handed into builds: pass what is needed with --secret'),
  refused('--check', '`--plan` prints what would be refused and warned of'),
  refused('--call <method>', '`--plan` prints what would be refused and warned of'),
  refused('--attest <attestation>', '`alproot rootfs sbom` describes a tree'),
  refused('--provenance <mode>', 'the lock and the metadata file say what an image was made of'),
  refused('--sbom <mode>', '`alproot rootfs sbom` describes a tree'),
];

/** @throws ALP_USAGE_OPTION for one that would change what the user gets */
export function checkDockerOptions({ values, config }: CommandContext): void {
  for (const { flags, help, outcome } of DOCKER_OPTIONS) {
    const flag = /--[\w-]+/.exec(flags)?.[0] ?? '';
    const value = values[flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (value === undefined || value === 'false') continue;
    if (outcome === 'warning') config.emit({ kind: 'warning', message: `${flag} has no effect`, hint: help });
    if (outcome === 'refused')
      throw new AlprootError('ALP_USAGE_OPTION', `${flag} is not for alproot`, { hint: help });
  }
}
