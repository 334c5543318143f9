/* What the sandbox asks of the kernel beside ../owners/system-calls.h, and how it says that it was refused. */
#ifndef ALPROOT_SANDBOX_KERNEL_H
#define ALPROOT_SANDBOX_KERNEL_H
#include "../owners/system-calls.h"

#if defined(__x86_64__)
enum {
  NR_read = 0, NR_sigprocmask = 14, NR_ioctl = 16, NR_socket = 41, NR_clone = 56, NR_wait4 = 61, NR_chdir = 80,
  NR_setuid = 105, NR_setgid = 106, NR_setsid = 112, NR_setgroups = 116, NR_capget = 125, NR_capset = 126, NR_fstatfs = 138,
  NR_pivot_root = 155, NR_prctl = 157, NR_chroot = 161, NR_mount = 165, NR_sethostname = 170, NR_umount2 = 166, NR_unlinkat = 263, NR_unshare = 272,
  NR_pipe2 = 293, NR_prlimit = 302,
};
#else
enum {
  NR_read = 63, NR_sigprocmask = 135, NR_ioctl = 29, NR_socket = 198, NR_clone = 220, NR_wait4 = 260, NR_chdir = 49,
  NR_setuid = 146, NR_setgid = 144, NR_setsid = 157, NR_setgroups = 159, NR_capget = 90, NR_capset = 91, NR_fstatfs = 44,
  NR_pivot_root = 41, NR_prctl = 167, NR_chroot = 51, NR_mount = 40, NR_sethostname = 161, NR_umount2 = 39, NR_unlinkat = 35, NR_unshare = 97,
  NR_pipe2 = 59, NR_prlimit = 261,
};
#endif
enum { NR_mount_setattr = 442, NR_landlock_create = 444, NR_landlock_add = 445, NR_landlock_restrict = 446 };

enum {
  CHILD_ENDED = 17, KILL = 9, SETMASK = 2, PARENT_DEATH_SIGNAL = 1, READ_CAPABILITY = 23, DROP_CAPABILITY = 24, DUMPABLE = 4,
  SECCOMP = 22, WITH_FILTER = 2, NO_NEW_PRIVILEGES = 38, AMBIENT = 47, CLEAR_AMBIENT = 4,
  NEW_MOUNTS = 0x20000, NEW_USERS = 0x10000000, NEW_PROCESSES = 0x20000000,
  M_READ_ONLY = 1, M_NO_SUID = 2, M_NO_DEVICES = 4, M_NO_EXEC = 8, M_REMOUNT = 32, M_BIND = 4096, M_RECURSIVE = 16384, M_PRIVATE = 1 << 18,
  DETACH = 2, CORE_SIZE = 4, EXISTS = 17, INTERRUPTED = 4, NO_CALL = 38,
};

/* Compilers call it for what they clear, with or without a C library. */
__attribute__((used)) void *memset(void *to, int byte, size_t size) {
  volatile char *at = to;
  while (size--) *at++ = (char)byte;
  return to;
}

static void say(const char *text) { call(NR_write, 2, text, length(text), 0); }

static void say_number(long n) {
  char digits[24];
  int at = sizeof digits;
  do digits[--at] = '0' + n % 10; while (n /= 10);
  call(NR_write, 2, digits + at, sizeof digits - at, 0);
}

static const char *reason_of(long error) {
  switch (-error) {
    case 1: return "Operation not permitted";
    case 2: return "No such file or directory";
    case 11: return "Resource temporarily unavailable";
    case 12: return "Cannot allocate memory";
    case 13: return "Permission denied";
    case 16: return "Device or resource busy";
    case 17: return "File exists";
    case 20: return "Not a directory";
    case 22: return "Invalid argument";
    case 28: return "No space left on device";
    case 30: return "Read-only file system";
    case 38: return "Function not implemented";
    case 40: return "Too many levels of symbolic links";
    default: return 0;
  }
}

__attribute__((noreturn)) static void leave(int code) {
  for (;;) call(NR_exit, code, 0, 0, 0);
}

/* `sandbox: cannot WHAT OBJECT: REASON`, and the status of a sandbox that failed. */
__attribute__((noreturn)) static void refuse(const char *what, const char *object, long error) {
  say("sandbox: cannot ");
  say(what);
  if (object) say(" "), say(object);
  say(": ");
  if (reason_of(error)) say(reason_of(error));
  else say("error "), say_number(-error);
  say("\n");
  leave(125);
}

static long require(long result, const char *what, const char *object) {
  if (result < 0) refuse(what, object, result);
  return result;
}

/* Digits, also hexadecimal after 0x. */
static u64 number(const char *text) {
  u64 n = 0;
  int base = starts(text, "0x") ? 16 : 10;
  if (base == 16) text += 2;
  for (; *text; text++) {
    int digit = *text <= '9' ? *text - '0' : *text - 'a' + 10;
    if (digit < 0 || digit >= base) refuse("read the number", text, -INVALID);
    n = n * base + digit;
  }
  return n;
}

/* /proc/self/fd/N, for calls that take a path alone. */
static char *path_of(long fd, char out[40]) {
  char digits[24];
  int at = sizeof digits;
  do digits[--at] = '0' + fd % 10; while (fd /= 10);
  copy(out, "/proc/self/fd/", 14);
  copy(out + 14, digits + at, sizeof digits - at);
  out[14 + sizeof digits - at] = 0;
  return out;
}
#endif
