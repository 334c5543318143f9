/* Namespaces: users and their maps, processes and the first of them, the loopback interface. */
#ifndef ALPROOT_SANDBOX_NAMESPACES_H
#define ALPROOT_SANDBOX_NAMESPACES_H
#include "kernel.h"
#include "user-maps.h"

/* The caller becomes UID and GID of a new user namespace, in which nobody else is. */
static void map_caller(const char *uid, const char *gid) {
  struct ids inside = {number(uid), number(gid)}, outside = effective_ids();
  long error = 0;
  require(call(NR_unshare, NEW_USERS, 0, 0, 0), "make a user namespace", 0);
  const char *failed = map_ids(inside, outside, &error);
  if (failed) refuse("map users by", failed, error);
}

/* The ranges of a map of our namespace, each mapped to itself. */
static size_t same_ranges(const char *file, char *out, size_t size) {
  char text[2048];
  size_t at = 0, start = 0;
  long fd = require(call(NR_openat, AT_CWD, file, O_CLOSE_ON_EXEC, 0), "read", file), got = call(NR_read, fd, text, sizeof text, 0);
  call(NR_close, fd, 0, 0, 0);
  u64 fields[3] = {0, 0, 0};
  int field = 0, inside = 0;
  for (long i = 0; i < got && start + 80 < size; i++) {
    if (text[i] >= '0' && text[i] <= '9') fields[field] = (inside ? fields[field] * 10 : 0) + (text[i] - '0'), inside = 1;
    else if (inside) field++, inside = 0;
    if (text[i] != '\n' || field < 3) continue;
    at = start + put_number(out + start, fields[0]);
    out[at++] = ' ';
    at += put_number(out + at, fields[0]);
    out[at++] = ' ';
    at += put_number(out + at, fields[2]);
    out[at++] = '\n';
    start = at, field = 0;
  }
  return start;
}

static void write_map_of(long pid, const char *name, const char *own) {
  char path[64] = "/proc/", text[2048];
  size_t at = 6 + put_number(path + 6, pid), size = same_ranges(own, text, sizeof text);
  copy(path + at, name, length(name) + 1);
  require(write_file(path, text, size), "map users by", path);
}

/* A user namespace with the same users as ours: root stays owner of root's files, and loses the rest of the machine.
 * Only a process outside may write such a map: a child that stays behind does. */
static void map_all(void) {
  int ready[2], status = 0;
  char byte = 0;
  long self = call(NR_getpid, 0, 0, 0, 0);
  require(call(NR_pipe2, ready, O_CLOSE_ON_EXEC, 0, 0), "make a pipe", 0);
  long child = require(call6(NR_clone, CHILD_ENDED, 0, 0, 0, 0, 0), "fork", 0);
  if (child == 0) {
    call(NR_close, ready[1], 0, 0, 0);
    if (call(NR_read, ready[0], &byte, 1, 0) != 1) leave(1);
    write_map_of(self, "/uid_map", "/proc/self/uid_map");
    write_map_of(self, "/gid_map", "/proc/self/gid_map");
    leave(0);
  }
  require(call(NR_unshare, NEW_USERS, 0, 0, 0), "make a user namespace", 0);
  call(NR_write, ready[1], "x", 1, 0);
  call(NR_close, ready[0], 0, 0, 0);
  call(NR_close, ready[1], 0, 0, 0);
  while (call(NR_wait4, child, &status, 0, 0) == -INTERRUPTED);
  if (status) leave(125);
}

static void block_signals(u64 *before) {
  u64 all = ~0UL;
  call(NR_sigprocmask, SETMASK, &all, before, 8);
}

/* Ends as `child` does, and takes whatever else ends meanwhile. */
__attribute__((noreturn)) static void follow(long child) {
  for (;;) {
    int status = 0;
    long pid = call(NR_wait4, -1, &status, 0, 0);
    if (pid < 0 && pid != -INTERRUPTED) leave(125);
    if (pid == child) leave(status & 127 ? 128 + (status & 127) : status >> 8 & 255);
  }
}

/* From here on a child goes on, which dies with us; the parent waits for it, and has no rights any more. */
static void fork_and_follow(void (*give_up_rights)(void)) {
  u64 mask = 0;
  block_signals(&mask);
  long child = require(call6(NR_clone, CHILD_ENDED, 0, 0, 0, 0, 0), "fork", 0);
  if (child) {
    give_up_rights();
    follow(child);
  }
  call(NR_prctl, PARENT_DEATH_SIGNAL, KILL, 0, 0);
  call(NR_sigprocmask, SETMASK, &mask, 0, 8);
}

/* As in a container without network: what binds to 127.0.0.1 works. */
static void raise_loopback(void) {
  struct { char name[16]; short flags; char rest[22]; } request = {"lo", 1 /* IFF_UP */, {0}};
  long fd = call(NR_socket, 2, 2 | O_CLOSE_ON_EXEC, 0, 0);
  if (fd < 0) return;
  call(NR_ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request, 0);
  call(NR_close, fd, 0, 0, 0);
}
#endif
