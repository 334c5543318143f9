/** The process environment as the CLI sees it: variables, directories, the terminal. Read once, here. */
import { isatty } from 'node:tty';
import { ARCHES, archOfNode, archOfPlatform, isArch } from '../core/arch.ts';
import { AlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import { nearestWord } from '../core/spelling.ts';

export interface ProcessEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: { readonly isTerminal: boolean };
  readonly stdout: { readonly isTerminal: boolean };
  /** Its size is that of the moment. */
  readonly stderr: { readonly isTerminal: boolean; readonly columns: number; readonly rows: number };
}

export const processEnvironment = (): ProcessEnvironment => ({
  env: process.env,
  cwd: process.cwd(),
  // Asking `process.stdin` would open it.
  stdin: { isTerminal: isatty(0) },
  stdout: { isTerminal: process.stdout.isTTY === true },
  stderr: {
    isTerminal: process.stderr.isTTY === true,
    get columns() {
      return process.stderr.columns || 80;
    },
    get rows() {
      return process.stderr.rows || 24;
    },
  },
});

/** A variable's value; an empty one counts as unset. */
export const variable = ({ env }: ProcessEnvironment, name: string): string | undefined => env[name] || undefined;

/** A variable that is a switch: set and not `0`, `false`, `no` or `off`. */
export const isSwitchedOn = (environment: ProcessEnvironment, name: string): boolean =>
  !/^(?:0|false|no|off)?$/i.test(variable(environment, name) ?? '');

/** Entries of a list variable, separated by white space or commas. */
export const listVariable = (environment: ProcessEnvironment, name: string): string[] =>
  (variable(environment, name) ?? '').split(/[\s,]+/).filter((entry) => entry !== '');

/** The architecture asked for, else this machine's. @throws ALP_USAGE_ARGUMENT */
export function chooseArch(asked: string | undefined): Arch {
  if (asked !== undefined) {
    if (isArch(asked)) return asked;
    const meant = archOfPlatform(asked) ?? nearestWord(asked, Object.keys(ARCHES));
    throw new AlprootError('ALP_USAGE_ARGUMENT', `unknown architecture ${quoteName(asked)}`, {
      hint:
        meant !== undefined
          ? `did you mean \`${meant}\`?`
          : 'Alpine has x86_64, x86, aarch64, armhf, armv7, ppc64le, s390x, riscv64 and loongarch64',
    });
  }
  const own = archOfNode(process.arch);
  if (own === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `Alpine has no port to this machine (${process.arch})`);
  return own;
}
