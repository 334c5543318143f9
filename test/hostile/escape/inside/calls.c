/* The same forbidden calls by the other doors of the kernel: 32-bit calls and x32, which a filter may have forgotten. */
#include "attack.h"
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#if defined(__x86_64__)

/* Addresses must fit in 32 bits: this program is linked statically, below 4 GiB. */
static unsigned low[8];
static char low_name[] = "alproot-escape", low_here[] = ".";

static long call32(long number, long a, long b, long c, long d, long e) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                   : "memory", "r8", "r9", "r10", "r11");
  if ((int)result < 0) {
    errno = -(int)result;
    return -1;
  }
  return (int)result;
}

/* A kernel without 32-bit programs kills by SIGSEGV. */
static void no_door(int number) {
  (void)number;
  unavailable("the kernel has no 32-bit calls");
}

static long door(long number, long a, long b, long c, long d, long e) {
  signal(SIGSEGV, no_door);
  return call32(number, a, b, c, d, e);
}

/* gVisor and PRoot take the numbers for those of 64-bit calls, which also succeed, and give no socket. */
static void by_socket(long result, const char *what) {
  struct stat seen;
  if (result >= 0 && (fstat((int)result, &seen) != 0 || !S_ISSOCK(seen.st_mode))) unavailable("%s is another call here", what);
  by_result(result, what);
}

static void socket32(void) { by_socket(door(359, AF_INET, SOCK_STREAM, 0, 0, 0), "32-bit socket"); }

static void socketcall32(void) {
  memcpy(low, (unsigned[]){AF_INET, SOCK_STREAM, 0}, 12);
  by_socket(door(102, 1, (long)low, 0, 0, 0), "32-bit socketcall");
}

static void unshare32(void) { by_result(door(310, CLONE_NEWUSER, 0, 0, 0, 0), "32-bit unshare"); }
static void mount32(void) { by_errno(door(52, (long)low_here, 2, 0, 0, 0), "32-bit umount"); }
static void pivot32(void) { by_errno(door(217, (long)low_name, (long)low_name, 0, 0, 0), "32-bit pivot_root"); }

static void key32(void) {
  by_result(door(286, (long)"user", (long)low_name, (long)low_name, 4, -2), "32-bit add_key");
}

static void ring32(void) { by_errno(door(425, 0, 0, 0, 0, 0), "32-bit io_uring_setup"); }

#define X32 0x40000000
static void socket_x32(void) { by_result(syscall(X32 | SYS_socket, AF_INET, SOCK_STREAM, 0), "x32 socket"); }
static void unshare_x32(void) { by_result(syscall(X32 | SYS_unshare, CLONE_NEWUSER), "x32 unshare"); }

const struct attempt call_attempts[] = {
    {"i386-socket", socket32}, {"i386-socketcall", socketcall32}, {"i386-unshare", unshare32},
    {"i386-umount", mount32}, {"i386-pivot-root", pivot32}, {"i386-add-key", key32}, {"i386-io-uring", ring32},
    {"x32-socket", socket_x32}, {"x32-unshare", unshare_x32}, {NULL, NULL},
};

#else

const struct attempt call_attempts[] = {{NULL, NULL}};

#endif
