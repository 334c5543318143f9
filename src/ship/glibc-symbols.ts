/**
 * Names that tell glibc from musl. Some are left by glibc's headers in every object compiled with them; others are
 * functions that programs call and only glibc has.
 *
 * @see Linux Standard Base 5.0 (`__*_chk`); glibc 2.38 headers' redirections; musl 1.2.5 `include/`
 */

const BUILT: ReadonlySet<string> = new Set([
  '_IO_2_1_stdin_',
  '_IO_2_1_stdout_',
  '_IO_2_1_stderr_',
  '_IO_getc',
  '_IO_putc',
  '__libc_single_threaded',
  '__libc_csu_init',
  '__libc_csu_fini',
  '__libc_start_call_main',
  '__register_atfork',
  '__strdup',
  '__rawmemchr',
  '__mempcpy',
  '__libc_enable_secure',
  '__res_nclose',
  '__res_nquery',
  '__res_nsearch',
  '__open_2',
  '__open64_2',
  '__openat_2',
  '__openat64_2',
  '__sigsetjmp',
  '_dl_find_object',
]);

const BUILT_FAMILIES: readonly RegExp[] = [
  /^__(?!stack_)\w+_chk$/,
  /^__isoc(?:99|23|2x)_\w+$/,
  /^__\w+_finite$/,
  /^__ctype_(?:b|tolower|toupper)_loc$/,
  /^__[fl]?xstat(?:64)?$/,
  /^_nl_\w+$/,
];

const EXTENSIONS: ReadonlySet<string> = new Set([
  'gnu_get_libc_version',
  'gnu_get_libc_release',
  'rawmemchr',
  'mallinfo',
  'mallinfo2',
  'mtrace',
  'muntrace',
  'mcheck',
  'malloc_info',
  'register_printf_function',
  'backtrace',
  'backtrace_symbols',
  'backtrace_symbols_fd',
  'arc4random',
  'arc4random_buf',
  'arc4random_uniform',
  'on_exit',
  'error',
  'error_at_line',
  'canonicalize_file_name',
  'parse_printf_format',
  'strfromd',
  'getaddrinfo_a',
  'rpmatch',
  'fcloseall',
]);

/** 64-bit file calls: musl defined these names until 1.2.3, and has one size for all since. */
const LARGE_FILE =
  /^(?:f?(?:open|stat|statfs|truncate)|l(?:seek|stat|ockf)|creat|openat|mmap|sendfile|p(?:read|write)v?2?|readdir(?:_r)?|scandir|alphasort|f(?:seeko|tello|getpos|setpos|reopen|statat|statvfs|allocate)|statvfs|mkstemp|mkostemp|tmpfile|nftw|ftw|glob(?:free)?|getrlimit|setrlimit|prlimit|posix_fadvise|posix_fallocate)64$/;

/** Whether the symbol shows that its object was compiled with glibc's headers. */
export const isGlibcBuilt = (name: string): boolean =>
  BUILT.has(name) || BUILT_FAMILIES.some((family) => family.test(name));

/** Whether it is a function of glibc that musl does not have. */
export const isGlibcExtension = (name: string): boolean => EXTENSIONS.has(name);

/** Whether it is one of the `…64` file calls. */
export const isLargeFileCall = (name: string): boolean => LARGE_FILE.test(name);
