/**
 * apk's command line: options before, between and after the arguments, long names shortened as far as they are
 * unambiguous, `--no-X` for `--X=no`, short options run together.
 *
 * @see apk-tools 3.0 src/apk.c opt_match, opt_parse_argv
 */

/** What an option takes: nothing, a value, yes or no, or yes, no and auto. */
type OptionKind = 'flag' | 'value' | 'bool' | 'auto';

interface OptionRule {
  readonly name: string;
  readonly kind: OptionKind;
  readonly short: string | undefined;
}

/** `name:kind:short`, kind and short left out where plain. */
function rules(text: string): OptionRule[] {
  return text
    .trim()
    .split(/\s+/)
    .map((item) => {
      const [name = '', kind = '', short] = item.split(':');
      return { name, kind: (kind === '' ? 'flag' : kind) as OptionKind, short };
    });
}

const GLOBAL = rules(`allow-untrusted arch:value cache:bool cache-dir:value cache-max-age:value cache-packages:bool
  cache-predownload:bool check-certificate:bool force::f force-binary-stdout force-broken-world
  force-missing-repositories force-no-chroot force-non-repository force-old-apk force-overwrite force-refresh help::h
  interactive:auto:i keys-dir:value legacy-info:bool logfile:bool network:bool preserve-env:bool pretty-print:auto
  preupgrade-depends:value print-arch progress:auto progress-fd:value purge:bool quiet::q repositories-file:value
  repository:value:X repository-config:value root:value:p root-tmpfs:auto sync:auto timeout:value update-cache::U
  uvol-manager:value verbose::v version::V wait:value`);
const COMMIT = rules(
  'clean-protected:bool commit-hooks:bool initramfs-diskless-boot overlay-from-stdin scripts:bool simulate:bool:s',
);
const PLANNING: Readonly<Record<string, readonly OptionRule[]>> = {
  add: [...rules('initdb latest::l no-chown upgrade::u usermode virtual:value:t'), ...COMMIT],
  del: [...rules('rdepends::r'), ...COMMIT],
  fix: [...rules('depends::d directory-permissions reinstall::r upgrade::u xattr::x'), ...COMMIT],
  upgrade: [
    ...rules(
      'available::a ignore latest::l preupgrade:bool preupgrade-only prune self-upgrade:bool self-upgrade-only',
    ),
    ...COMMIT,
  ],
  update: [],
};
const READING: Readonly<Record<string, readonly OptionRule[]>> = {
  info: rules(`all::a contents::L depends::R description::d exists::e install-if installed::e license provides::P
    rdepends::r replaces rinstall-if size::s triggers::t webpage::w who-owns::W`),
  search: rules('all::a description::d exact::e exact::x has-origin origin::o rdepends::r'),
  list: rules(
    'available::a depends::d installed::I manifest origin::o orphaned::O providers::P upgradable::u upgradeable',
  ),
  policy: [],
  cache: rules('add-dependencies available::a ignore-conflict latest::l simulate::s upgrade::u'),
  fetch: rules('built-after:value link::L output:value:o pkgname-spec:value recursive::R simulate stdout::s url'),
  version: rules('all::a check::c indexes::I limit:value:l test::t'),
  audit: rules('backup check-permissions full packages recursive::r system'),
};
const COMMANDS = { ...PLANNING, ...READING };

/** Commands that change a tree. */
export const PLANNING_COMMANDS: readonly string[] = Object.keys(PLANNING);
/** Commands that only look; others are known to the real apk alone. */
export const READING_COMMANDS: readonly string[] = Object.keys(READING);

export interface ApkArguments {
  /** undefined when it is not one of those that were asked for; then `operands` are all words. */
  readonly command: string | undefined;
  readonly operands: readonly string[];
  /** Values in order; a flag or a switch counts as `yes`, `no` or `auto`. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

export class ApkUsageError extends Error {
  override readonly name = 'ApkUsageError';
}

interface Match {
  readonly rule: OptionRule;
  readonly negated: boolean;
}

const isSwitch = ({ kind }: OptionRule): boolean => kind === 'bool' || kind === 'auto';

function matchLong(key: string, known: readonly OptionRule[]): Match {
  const found: Match[] = [];
  for (const rule of known) {
    const plain = rule.name.startsWith(key);
    const negated = !plain && key.startsWith('no-') && isSwitch(rule) && rule.name.startsWith(key.slice(3));
    if (!plain && !negated) continue;
    const match = { rule, negated: key.startsWith('no-') && isSwitch(rule) };
    if (rule.name.length === key.length - (negated ? 3 : 0)) return match;
    found.push(match);
  }
  const [only] = found;
  if (only === undefined) throw new ApkUsageError(`command line: unrecognized option '${key}'`);
  if (found.length > 1) throw new ApkUsageError(`command line: ambiguous option '${key}'`);
  return only;
}

function switchValue(key: string, { rule, negated }: Match, given: string | undefined): string {
  if (negated || given === undefined) return negated ? 'no' : 'yes';
  if (given === 'yes' || given === 'no' || (given === 'auto' && rule.kind === 'auto')) return given;
  throw new ApkUsageError(`command line: invalid argument for option '${key}': '${given}'`);
}

interface Reader {
  readonly argv: readonly string[];
  at: number;
  readonly known: readonly OptionRule[];
  readonly put: (name: string, value: string) => void;
}

function readLong(reader: Reader, text: string): void {
  const cut = text.indexOf('=');
  const key = cut < 0 ? text : text.slice(0, cut);
  const given = cut < 0 ? undefined : text.slice(cut + 1);
  const match = matchLong(key, reader.known);
  if (isSwitch(match.rule)) {
    reader.put(match.rule.name, switchValue(key, match, given));
  } else if (match.rule.kind === 'value') {
    const value = given ?? reader.argv[++reader.at];
    if (value === undefined) throw new ApkUsageError(`command line: option '${key}' expects an argument`);
    reader.put(match.rule.name, value);
  } else {
    if (given !== undefined)
      throw new ApkUsageError(`command line: option '${key}' does not expect argument (got '${given}')`);
    reader.put(match.rule.name, 'yes');
  }
}

function readShort(reader: Reader, text: string): void {
  for (let i = 1; i < text.length; i++) {
    const letter = text[i] ?? '';
    const rule = reader.known.find(({ short }) => short === letter);
    if (rule === undefined) throw new ApkUsageError(`command line: unrecognized option '${letter}'`);
    if (rule.kind !== 'value') {
      reader.put(rule.name, 'yes');
      continue;
    }
    const value = i + 1 < text.length ? text.slice(i + 1) : reader.argv[++reader.at];
    if (value === undefined) throw new ApkUsageError(`command line: option '${letter}' expects an argument`);
    reader.put(rule.name, value);
    return;
  }
}

/** Walks the words; what is not an option goes to `operand`. */
function walk(
  argv: readonly string[],
  known: readonly OptionRule[],
  put: Reader['put'],
  operand: (word: string) => void,
): void {
  const reader: Reader = { argv, at: 0, known, put };
  for (let plain = false; reader.at < argv.length; reader.at++) {
    const word = argv[reader.at] ?? '';
    if (plain || !word.startsWith('-') || word === '-') operand(word);
    else if (word === '--') plain = true;
    else if (word.startsWith('--')) readLong(reader, word.slice(2));
    else readShort(reader, word);
  }
}

/** The first word that names a command, whatever it does; options before it are skipped as well as can be told. */
function findCommand(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') return argv.slice(at + 1).find((item) => Object.hasOwn(COMMANDS, item));
    if (!word.startsWith('-')) {
      if (Object.hasOwn(COMMANDS, word)) return word;
      continue;
    }
    const rule = GLOBAL.find(({ name, short }) => word === `--${name}` || word === `-${short}`);
    if (rule?.kind === 'value') at++;
  }
  return undefined;
}

/** Options that make apk print something and end, whatever the command. */
const PRINTING = ['help', 'version', 'print-arch'];

/**
 * Reads `argv`, the words after `apk`. What is none of `wanted` (other commands, `--help`) is not looked into: it
 * comes back as operands, without a command.
 *
 * @throws ApkUsageError with apk's words for an option that it would refuse
 */
export function parseApkArguments(
  argv: readonly string[],
  wanted: readonly string[] = PLANNING_COMMANDS,
): ApkArguments {
  const command = findCommand(argv);
  const other: ApkArguments = { command: undefined, operands: argv, options: new Map() };
  if (command === undefined || !wanted.includes(command)) return other;
  const options = new Map<string, string[]>();
  const operands: string[] = [];
  let pending: string | undefined = command;
  const put = (name: string, value: string): void => {
    options.set(name, [...(options.get(name) ?? []), value]);
  };
  walk(argv, [...GLOBAL, ...(COMMANDS[command as keyof typeof COMMANDS] ?? [])], put, (word) => {
    if (word === pending) pending = undefined;
    else if (word !== '' || command === 'upgrade' || command === 'update') operands.push(word);
  });
  return PRINTING.some((name) => options.has(name)) ? other : { command, operands, options };
}
