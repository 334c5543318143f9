/**
 * argv → options → the library → printer → exit status. Commands are loaded when they are asked for, so that
 * `--version` costs little more than Node.
 */
import { AlprootError } from '../core/errors.ts';
import { hostPath } from '../core/paths.ts';
import { closeInheritedDescriptors, hostFailure, readProject } from '../pipeline/session/project.ts';
import { processEnvironment, isSwitchedOn, variable } from './environment-variables.ts';
import { watchInterruption, type Interruption } from './interruption.ts';
import { configFrom } from './configuration.ts';
import { createPrinter, type Printer } from './printer.ts';
import type { Parsed } from './program.ts';
import { version } from './program-version.ts';

async function main(args: readonly string[]): Promise<number> {
  const { parseCommandLine } = await import('./program.ts');
  const interruption = watchInterruption();
  const parsed = parseCommandLine(args.length === 0 ? ['--help'] : args, version);
  return parsed === undefined ? 0 : runCommand(parsed, interruption);
}

async function runCommand(parsed: Parsed, interruption: Interruption): Promise<number> {
  const environment = processEnvironment();
  const printer = printerFor(parsed);
  // A second Ctrl-C ends the process at once.
  process.once('exit', printer.close);
  try {
    closeInheritedDescriptors();
    const context = { env: environment.env, trusted: (variable(environment, 'ALPROOT_TRUST') ?? '').split(':') };
    const project =
      parsed.spec.ignoresProject === true ? undefined : await readProject(hostPath(environment.cwd), context);
    const config = configFrom(parsed.draft, environment, {
      project,
      emit: printer.event,
      signal: interruption.signal,
    });
    const action = await parsed.spec.load();
    // The project's packages are there unless the command line names its own.
    const values = { ...(project?.packages === undefined ? {} : { package: project.packages }), ...parsed.values };
    const status = await action({ config, printer, environment, values, args: parsed.args });
    if (interruption.uncaught() !== undefined) throw interruption.uncaught();
    return status;
  } catch (thrown) {
    const error = interruption.uncaught() ?? hostFailure(thrown);
    if (interruption.signal.aborted && interruption.uncaught() === undefined) {
      const word = interruption.word();
      if (word !== undefined) printer.ended(word);
      return interruption.status();
    }
    printer.error(error);
    return error instanceof AlprootError ? error.exitStatus : 70;
  } finally {
    printer.close();
    interruption.close();
  }
}

function printerFor({ draft: { switches }, spec, values }: Parsed): Printer {
  const environment = processEnvironment();
  const progress = progressOf(values['progress']);
  const dumb = variable(environment, 'TERM') === 'dumb';
  const colorless = switches.has('noColor') || variable(environment, 'NO_COLOR') !== undefined || dumb;
  // The command's own output has stdout for itself.
  const ownStdout = spec.parsing !== undefined || spec.name === 'shell';
  return createPrinter({
    json: switches.has('json') || progress === 'rawjson',
    quiet: progress === 'quiet' || switches.has('quiet') || isSwitchedOn(environment, 'ALPROOT_QUIET'),
    verbose: switches.has('verbose'),
    color: environment.stderr.isTerminal && !colorless,
    live: environment.stderr.isTerminal && !dumb,
    get columns() {
      return environment.stderr.columns;
    },
    get rows() {
      return environment.stderr.rows;
    },
    steps: progress === 'tty' || (progress !== 'plain' && environment.stderr.isTerminal && !dumb) ? 'live' : 'plain',
    writeOut: (text) => void (ownStdout ? process.stderr : process.stdout).write(text),
    writeErr: (text) => void process.stderr.write(text),
  });
}

/** docker's words for it. @throws ALP_USAGE_OPTION */
function progressOf(value: unknown): string {
  const known = ['auto', 'plain', 'tty', 'quiet', 'rawjson'];
  if (value === undefined) return 'auto';
  if (typeof value === 'string' && known.includes(value)) return value;
  throw new AlprootError('ALP_USAGE_OPTION', `--progress is one of ${known.join(', ')}`);
}

/** stdout may be a pipe that is written asynchronously: the status is set, and the process ends by itself. */
main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    const known = error instanceof AlprootError;
    const hint = known && error.hint !== undefined ? `hint: ${error.hint}\n` : '';
    process.stderr.write(
      known
        ? `alproot: error: ${error.message} [${error.code}]\n${hint}`
        : `${(error as Error).stack ?? String(error)}\n`,
    );
    process.exitCode = known ? error.exitStatus : 70;
  },
);
