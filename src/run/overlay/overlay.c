/*
 * overlay USERS OPTIONS PATH (directory NAME | file NAME)... -- PROGRAM ARGUMENT...: starts a program in a mount
 * namespace of its own, where an overlay lies on PATH, with these directories and empty files made in it.
 *
 * USERS is `map` for an ordinary user, who becomes root of a user namespace for it, or `keep`. The environment passes
 * through untouched, which a shell between would not do. When the program and all its children have ended, the
 * namespace is gone and the mount with it.
 */
#include "../owners/system-calls.h"
#include "../sandbox/user-maps.h"

#if defined(__x86_64__)
enum { NR_mount = 165, NR_unshare = 272 };
#else
enum { NR_mount = 40, NR_unshare = 97 };
#endif
enum { NEW_MOUNTS = 0x20000, NEW_USERS = 0x10000000, RECURSIVE = 0x4000, PRIVATE = 1 << 18 };

static void leave(const char *what, int code) {
  call(NR_write, 2, "overlay: cannot ", 16, 0);
  call(NR_write, 2, what, length(what), 0);
  call(NR_write, 2, "\n", 1, 0);
  for (;;) call(NR_exit, code, 0, 0, 0);
}

/* With maps the caller is root, and nobody else is there. */
static void enter_namespaces(int maps) {
  struct ids root = {0, 0}, outside = effective_ids();
  long error = 0;
  if (call(NR_unshare, NEW_MOUNTS | (maps ? NEW_USERS : 0), 0, 0, 0) < 0) leave("make a namespace", 125);
  if (maps && map_ids(root, outside, &error)) leave("map users", 125);
  if (call6(NR_mount, 0, (long)"/", 0, RECURSIVE | PRIVATE, 0, 0) < 0) leave("keep mounts apart", 125);
}

static void make(long root, const char *kind, const char *name) {
  if (same(kind, "directory")) {
    if (call(NR_mkdirat, root, name, 0755, 0) < 0) leave("make a directory to mount on", 125);
    return;
  }
  long fd = call(NR_openat, root, name, O_WRITE | O_CREATE | O_EXCLUSIVE | O_NO_LINK | O_CLOSE_ON_EXEC, 0644);
  if (fd < 0) leave("make a file to mount on", 125);
  call(NR_close, fd, 0, 0, 0);
}

__attribute__((noreturn, used)) static void enter(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1), **env = argv + argc + 1;
  if (argc < 6) leave("start without USERS OPTIONS PATH -- PROGRAM", 2);
  enter_namespaces(same(argv[1], "map"));
  if (call6(NR_mount, (long)"alproot", (long)argv[3], (long)"overlay", 0, (long)argv[2], 0) < 0) leave("mount", 125);
  long root = call(NR_openat, AT_CWD, argv[3], O_NAME_ONLY | O_ONLY_DIRECTORY | O_CLOSE_ON_EXEC, 0);
  if (root < 0) leave("open the mount", 125);
  char **word = argv + 4;
  for (; word[0] && !same(word[0], "--"); word += 2) {
    if (!word[1]) leave("read the arguments", 2);
    make(root, word[0], word[1]);
  }
  if (!word[0] || !word[1]) leave("find a program among the arguments", 2);
  long r = call(NR_execve, word[1], word + 1, env, 0);
  leave("start the program", r == -NO_ENTRY ? 127 : 126);
  for (;;);
}
#if defined(__x86_64__)
__asm__(".text\n.globl alproot_overlay\n.type alproot_overlay,@function\nalproot_overlay:\n  xor %ebp,%ebp\n  mov %rsp,%rdi\n  and $-16,%rsp\n  call enter\n");
#else
__asm__(".text\n.globl alproot_overlay\n.type alproot_overlay,%function\nalproot_overlay:\n  mov x29,#0\n  mov x0,sp\n  bl enter\n");
#endif
