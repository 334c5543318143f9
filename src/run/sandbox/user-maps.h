/* Maps of a new user namespace with one user, as a process without rights may write them for itself. */
#ifndef ALPROOT_USER_MAPS_H
#define ALPROOT_USER_MAPS_H
#include "../owners/system-calls.h"

struct ids { u64 user, group; };

static long write_file(const char *path, const char *text, size_t size) {
  long fd = call(NR_openat, AT_CWD, path, O_WRITE | O_CLOSE_ON_EXEC, 0);
  if (fd < 0) return fd;
  long written = call(NR_write, fd, text, size, 0);
  call(NR_close, fd, 0, 0, 0);
  return written;
}

static size_t put_number(char *out, u64 n) {
  char digits[24];
  int at = sizeof digits;
  do digits[--at] = '0' + n % 10; while (n /= 10);
  copy(out, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

/* `INSIDE OUTSIDE 1` */
static long map_one(const char *file, u64 inside, u64 outside) {
  char text[64];
  size_t at = put_number(text, inside);
  text[at++] = ' ';
  at += put_number(text + at, outside);
  copy(text + at, " 1", 2);
  return write_file(file, text, at + 2);
}

static struct ids effective_ids(void) {
  return (struct ids){call(NR_geteuid, 0, 0, 0, 0), call(NR_getegid, 0, 0, 0, 0)};
}

/* After the namespace was made, where nobody has an id any more: `outside` is from before.
 * The file that cannot be written, and why; 0 when the caller is `inside` now. */
static const char *map_ids(struct ids inside, struct ids outside, long *error) {
  static const char users[] = "/proc/self/uid_map", groups[] = "/proc/self/gid_map";
  /* Kernels before 3.19 have no such file. */
  write_file("/proc/self/setgroups", "deny", 4);
  if ((*error = map_one(users, inside.user, outside.user)) < 0) return users;
  if ((*error = map_one(groups, inside.group, outside.group)) < 0) return groups;
  return 0;
}
#endif
