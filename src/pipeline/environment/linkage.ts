/**
 * How the compiler links: a program that it makes must run where it was made, and most hosts lack musl's loader. So it
 * links statically, as musl cross toolchains are told to, unless the line asks for a shared library or a dynamic
 * program.
 */

export interface LinkPlan {
  /** What gcc is given. */
  readonly args: readonly string[];
  /** Whether the output must need nothing at run time. */
  readonly isStatic: boolean;
}

const DRIVER = /^(?:[a-z0-9_]+-[a-z0-9_-]*)?(?:gcc|cc|g\+\+|c\+\+|c99|c89)$/;

/** Whether `tool` takes gcc's arguments and links. */
export const isCompiler = (tool: string): boolean => DRIVER.test(tool);

/** Ours; gcc has no word for what is its default. */
const DYNAMIC = /^--?dynamic$/;
const STATIC = /^--?static(?:-pie)?$/;
const SHARED = /^(?:--?shared|-Wl,(?:.*,)?(?:--?shared|-Bshareable)(?:,.*)?)$/;
/** Nothing is linked, or to an object only. */
const UNLINKED = new RegExp(
  [
    String.raw`^(?:-[cESMr]|-MM|-fsyntax-only|-Wl,(?:.*,)?(?:-r|-i|--relocatable)(?:,.*)?`,
    String.raw`|--?(?:version|help|target-help)|-dump\w+|-?-print-.*)$`,
  ].join(''),
);
const POSITION = /^--?(?:no-)?pie$/;
/** An input that is a shared library; a static link with one can't be done. */
const LIBRARY = /^(?!-)(?:.*\/)?[^/]+\.so(?:\.\d+)*$|^-l:.*\.so(?:\.\d+)*$/;
/** Options whose value is a word of its own, and no input. */
const VALUED = new RegExp(
  [
    '^-(?:o|MF|MT|MQ|D|U|x|I|L|B|include|imacros|isystem|iquote|idirafter|isysroot|Xlinker|Xassembler|Xpreprocessor',
    '|T|u|z|e|h|soname|aux-info|wrapper|specs)$',
  ].join(''),
);

/**
 * @param args as the user gave them
 * @param words the same with response files expanded
 */
export function planLink(args: readonly string[], words: readonly string[]): LinkPlan {
  const own = args.filter((arg) => !DYNAMIC.test(arg));
  if (words.some((word) => UNLINKED.test(word))) return { args: own, isStatic: false };
  if (words.some((word) => STATIC.test(word)))
    return { args: own, isStatic: !words.some((word) => SHARED.test(word)) };
  if (own.length < args.length || asksForDynamic(words)) return { args: own, isStatic: false };
  const pinned = own.map(withoutDynamicMode).filter((arg) => arg !== '-Wl');
  const isPie = /^--?pie$/.test(words.findLast((word) => POSITION.test(word)) ?? '');
  // Of -pie and -static-pie gcc takes the last.
  return { args: isPie ? [...pinned, '-static-pie'] : ['-static', ...pinned], isStatic: true };
}

function asksForDynamic(words: readonly string[]): boolean {
  return words.some((word, at) => {
    const before = words[at - 1] ?? '';
    if (before === '-Xlinker') return /^(?:--?shared|-Bshareable)$/.test(word);
    return DYNAMIC.test(word) || SHARED.test(word) || (LIBRARY.test(word) && !VALUED.test(before));
  });
}

/** `-Wl,-Bstatic,-lz,-Bdynamic` goes back to what was the default; here that is static. */
const withoutDynamicMode = (arg: string): string =>
  arg.startsWith('-Wl,')
    ? arg
        .split(',')
        .filter((word) => !/^-(?:Bdynamic|dy|call_shared)$/.test(word))
        .join(',')
    : arg;
