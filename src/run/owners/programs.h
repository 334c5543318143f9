/* Part of owners.c: the calls that start programs, and the way in when this library is executed itself. */

API int execve(const char *path, char *const argv[], char *const env[]) { return answer(run_program(path, argv, env)); }
API int execv(const char *path, char *const argv[]) { return answer(run_program(path, argv, environ)); }
API int execvpe(const char *file, char *const argv[], char *const env[]) { return answer(search_program(file, argv, env, variable(environ, "PATH"))); }
API int execvp(const char *file, char *const argv[]) { return execvpe(file, argv, environ); }

#define LISTED(first, words) \
  size_t words##_count = 1; \
  va_list list; \
  va_start(list, first); \
  while (va_arg(list, char *)) words##_count++; \
  va_end(list); \
  char *words[words##_count + 1]; \
  va_start(list, first); \
  words[0] = (char *)first; \
  for (size_t i = 1; i <= words##_count; i++) words[i] = va_arg(list, char *);
API int execl(const char *path, const char *first, ...) { LISTED(first, words) va_end(list); return execv(path, words); }
API int execlp(const char *file, const char *first, ...) { LISTED(first, words) va_end(list); return execvp(file, words); }
API int execle(const char *path, const char *first, ...) {
  LISTED(first, words)
  char *const *env = va_arg(list, char *const *);
  va_end(list);
  return execve(path, words, env);
}

typedef int spawn(int *, const char *, const void *, const void *, char *const[], char *const[]);
static int start(const char *name, int *pid, const char *path, const void *actions, const void *attributes, char *const argv[], char *const env[]) {
  spawn *next = (spawn *)NEXT(name);
  if (!records) return next(pid, path, actions, attributes, argv, env);
  HOOKED_ENV(hooked, env)
  return next(pid, path, actions, attributes, argv, hooked);
}
API int posix_spawn(int *pid, const char *path, const void *actions, const void *attributes, char *const argv[], char *const env[]) {
  return start("posix_spawn", pid, path, actions, attributes, argv, env);
}
API int posix_spawnp(int *pid, const char *file, const void *actions, const void *attributes, char *const argv[], char *const env[]) {
  return start("posix_spawnp", pid, file, actions, attributes, argv, env);
}

API int clearenv(void) {
  int r = ((int (*)(void))NEXT("clearenv"))();
  if (records) putenv((char *)PRELOAD);
  return r;
}

static void say(const char *text) { call(NR_write, 2, text, length(text), 0); }

/* argv: this file, the program, its arguments. */
__attribute__((noreturn, used)) static void enter(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1), **env = argv + argc + 1;
  long r = -INVALID;
  if (argc > 1) {
    HOOKED_ENV(hooked, env)
    r = search_program(argv[1], argv + 1, hooked, variable(env, "PATH"));
    say(argv[1]);
  }
  say(r == -NO_ENTRY ? ": not found\n" : ": cannot be executed\n");
  call(NR_exit, r == -NO_ENTRY ? 127 : 126, 0, 0, 0);
  for (;;);
}
#if defined(__x86_64__)
__asm__(".text\n.globl alproot_enter\n.type alproot_enter,@function\nalproot_enter:\n  xor %ebp,%ebp\n  mov %rsp,%rdi\n  and $-16,%rsp\n  call enter\n");
#else
__asm__(".text\n.globl alproot_enter\n.type alproot_enter,%function\nalproot_enter:\n  mov x29,#0\n  mov x0,sp\n  bl enter\n");
#endif
