/*
 * sandbox STEP... -- PROGRAM ARGUMENT...: carries out steps, each a word and its arguments, then starts the program.
 * sandbox landlock: prints which version of Landlock the kernel has, 0 for none.
 *
 * The order is the caller's, who plans it (steps.ts); here each step does one thing, or ends everything with
 * what the kernel said. No step reads a file of the tree, runs a program, or follows a link of the tree.
 */
#include "kernel.h"
#include "namespaces.h"
#include "mounts.h"
#include "rights.h"

/* NAME=VALUE takes the place of the variable of that name. */
static void set_variable(char **env, char *pair) {
  size_t name = 0;
  while (pair[name] && pair[name] != '=') name++;
  char **at = env;
  for (; *at; at++) {
    size_t same_length = 0;
    while (same_length <= name && (*at)[same_length] == pair[same_length]) same_length++;
    if (same_length > name) break;
  }
  if (!*at) at[1] = 0;
  *at = pair;
}

static void plain_root(const char *path) {
  new_root = path;
  require(call6(NR_mount, (long)"tmpfs", (long)path, (long)"tmpfs", M_NO_SUID | M_NO_DEVICES, (long)"mode=0755", 0), "mount", path);
}

static void bound_root(const char *source, const char *path, const char *access) {
  new_root = path;
  require(call6(NR_mount, (long)source, (long)path, 0, M_BIND | (sets_recursively() ? M_RECURSIVE : 0), 0, 0), "bind the tree", source);
  restrict_bind("", access);
}

static void unshare_all(u64 flags) {
  require(call(NR_unshare, flags, 0, 0, 0), "make namespaces", 0);
  if (flags & NEW_MOUNTS) require(call6(NR_mount, 0, (long)"/", 0, M_RECURSIVE | M_PRIVATE, 0, 0), "keep mounts apart", 0);
}

struct step { const char *name; int arguments; };
static const struct step steps[] = {
  {"map", 2}, {"map-all", 0}, {"unshare", 1}, {"share", 1}, {"fork", 0}, {"session", 0}, {"loopback", 0}, {"hostname", 1}, {"die-with-parent", 1},
  {"bind-root", 3}, {"tmpfs-root", 1}, {"bind", 4}, {"tmpfs", 2}, {"link", 2}, {"directory", 1}, {"proc", 0}, {"devices", 0}, {"seal", 0},
  {"pivot", 0}, {"chroot", 0}, {"mask", 0}, {"forget", 1}, {"cwd", 1}, {"set", 1},
  {"user", 3}, {"bound", 1}, {"capabilities", 1}, {"filter", 1}, {"landlock", 0}, {"landlock-outside", 0}, {"allow", 1}, {"restrict", 0},
};

static void enter_namespaces(const char *name, char **a) {
  if (same(name, "map")) map_caller(a[0], a[1]);
  else if (same(name, "map-all")) map_all();
  else if (same(name, "unshare")) unshare_all(number(a[0]));
  /* gVisor of 2022 makes no mounts private. */
  else if (same(name, "share")) require(call(NR_unshare, number(a[0]), 0, 0, 0), "make namespaces", 0);
  else if (same(name, "fork")) fork_and_follow(give_up_all);
  else if (same(name, "session")) call(NR_setsid, 0, 0, 0, 0);
  else if (same(name, "loopback")) raise_loopback();
  else if (same(name, "hostname")) require(call(NR_sethostname, a[0], length(a[0]), 0, 0), "set the host name", 0);
  else if (same(name, "die-with-parent")) call(NR_prctl, PARENT_DEATH_SIGNAL, number(a[0]), 0, 0);
}

static void build_root(const char *name, char **a) {
  if (same(name, "bind-root")) bound_root(a[0], a[1], a[2]);
  else if (same(name, "tmpfs-root")) plain_root(a[0]);
  else if (same(name, "bind")) bind(a[0], a[1], a[2], a[3]);
  else if (same(name, "tmpfs")) tmpfs(a[0], a[1]);
  else if (same(name, "link")) link_at(a[0], a[1]);
  else if (same(name, "directory")) call(NR_close, open_below(a[0], "directory"), 0, 0, 0);
  else if (same(name, "proc")) mount_at(open_below("/proc", "directory"), "proc", "proc", M_NO_SUID | M_NO_DEVICES | M_NO_EXEC, 0, "/proc");
  else if (same(name, "devices")) make_devices();
  else if (same(name, "seal")) restrict_mount("", M_READ_ONLY, ONE);
  else if (same(name, "pivot")) pivot();
  else if (same(name, "chroot")) change_root();
  else if (same(name, "mask")) mask();
  else if (same(name, "forget")) forget(a[0]);
}

static void set_rights(const char *name, char **a) {
  if (same(name, "cwd")) require(call(NR_chdir, a[0], 0, 0, 0), "work in", a[0]);
  else if (same(name, "user")) become(a[0], a[1], a[2]);
  else if (same(name, "capabilities")) keep_capabilities(a[0]);
  else if (same(name, "bound")) bound_capabilities(number(a[0]));
  else if (same(name, "filter")) install_filter(a[0]);
  else if (same(name, "landlock")) begin_landlock(1);
  else if (same(name, "landlock-outside")) begin_landlock(0);
  else if (same(name, "allow")) allow(a[0]);
  else if (same(name, "restrict")) finish_landlock();
}

/* How many arguments follow. */
static int take_step(char **words, char **env) {
  for (size_t at = 0; at < sizeof steps / sizeof *steps; at++) {
    if (!same(words[0], steps[at].name)) continue;
    for (int argument = 1; argument <= steps[at].arguments; argument++) if (!words[argument]) refuse("read the step", words[0], -INVALID);
    if (same(words[0], "set")) set_variable(env, words[1]);
    else enter_namespaces(words[0], words + 1), build_root(words[0], words + 1), set_rights(words[0], words + 1);
    return steps[at].arguments;
  }
  refuse("read the step", words[0], -INVALID);
}

static const char *variable(char **env, const char *name) {
  for (; *env; env++) if (starts(*env, name)) return *env + length(name);
  return 0;
}

/* A program without a format that the kernel knows is a script of the shell, as execvp has it. */
static long execute(const char *path, char **argv, char **env, char **shell) {
  long r = call(NR_execve, path, argv, env, 0);
  if (r != -NOT_EXECUTABLE) return r;
  shell[0] = "/bin/sh", shell[1] = (char *)path;
  for (int at = 1; (shell[at + 1] = argv[at]); at++);
  return call(NR_execve, shell[0], shell, env, 0);
}

__attribute__((noreturn)) static void start(char **argv, char **env, char **shell) {
  char path[4096];
  long result = -NO_ENTRY;
  const char *directory = variable(env, "PATH=");
  if (!directory) directory = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  int named = 0;
  for (const char *at = argv[0]; *at; at++) named |= *at == '/';
  if (named) result = execute(argv[0], argv, env, shell);
  while (!named && *directory) {
    size_t size = 0, name = length(argv[0]);
    while (directory[size] && directory[size] != ':') size++;
    if (size + name + 2 < sizeof path) {
      copy(path, directory, size);
      path[size] = '/';
      copy(path + (size ? size + 1 : 0), argv[0], name + 1);
      long r = execute(path, argv, env, shell);
      if (r != -NO_ENTRY && r != -NOT_DIRECTORY) result = r;
    }
    directory += size;
    if (*directory == ':') directory++;
  }
  say(argv[0]);
  say(result == -NO_ENTRY || result == -NOT_DIRECTORY ? ": not found\n" : ": cannot be executed\n");
  leave(result == -NO_ENTRY || result == -NOT_DIRECTORY ? 127 : 126);
}

__attribute__((noreturn, used)) static void enter(long *stack) {
  long argc = stack[0], variables = 0;
  char **argv = (char **)(stack + 1), **given = argv + argc + 1, **word = argv + 1;
  if (argc == 2 && same(argv[1], "landlock")) {
    char digit = '0' + (landlock_version() > 0 ? landlock_version() : 0);
    call(NR_write, 1, &digit, 1, 0);
    leave(0);
  }
  while (given[variables]) variables++;
  /* Room for the environment with a variable for each word, and for a script's command line. */
  char *env[variables + argc + 1], *shell[argc + 2];
  for (long at = 0; at <= variables; at++) env[at] = given[at];
  for (; *word && !same(*word, "--"); word++) word += take_step(word, env);
  if (!word[0] || !word[1]) refuse("find a program among", "the arguments", -INVALID);
  start(word + 1, env, shell);
}
#if defined(__x86_64__)
__asm__(".text\n.globl alproot_sandbox\n.type alproot_sandbox,@function\nalproot_sandbox:\n  xor %ebp,%ebp\n  mov %rsp,%rdi\n  and $-16,%rsp\n  call enter\n");
#else
__asm__(".text\n.globl alproot_sandbox\n.type alproot_sandbox,%function\nalproot_sandbox:\n  mov x29,#0\n  mov x0,sp\n  bl enter\n");
#endif
