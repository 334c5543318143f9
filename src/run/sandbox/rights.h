/* What the program may do: users, capabilities, no_new_privs, filters of system calls, Landlock. */
#ifndef ALPROOT_SANDBOX_RIGHTS_H
#define ALPROOT_SANDBOX_RIGHTS_H
#include "kernel.h"
#include "filter-tables.h"

struct capability_header { u32 version; int pid; };
struct capability_data { u32 effective, permitted, inheritable; };
enum { CAPABILITY_VERSION = 0x20080522 };

static u64 held_capabilities(void) {
  struct capability_header header = {CAPABILITY_VERSION, 0};
  struct capability_data data[2] = {{0, 0, 0}, {0, 0, 0}};
  call(NR_capget, &header, data, 0, 0);
  return data[0].permitted | (u64)data[1].permitted << 32;
}

static void set_capabilities(u64 wanted) {
  struct capability_header header = {CAPABILITY_VERSION, 0};
  u64 kept = wanted & held_capabilities();
  struct capability_data data[2] = {{(u32)kept, (u32)kept, 0}, {(u32)(kept >> 32), (u32)(kept >> 32), 0}};
  call6(NR_prctl, AMBIENT, CLEAR_AMBIENT, 0, 0, 0, 0);
  require(call(NR_capset, &header, data, 0, 0), "give up capabilities", 0);
}

/* Of the bounding set only `kept` stays; who has no capability cannot change it, and has nothing to lose by that. */
static void bound_capabilities(u64 kept) {
  if (!(held_capabilities() & 1UL << 8 /* CAP_SETPCAP */)) return;
  for (int at = 0; at < 64 && call(NR_prctl, READ_CAPABILITY, at, 0, 0) >= 0; at++)
    if (!(kept & 1UL << at)) require(call(NR_prctl, DROP_CAPABILITY, at, 0, 0), "give up capabilities", 0);
}

static void gain_nothing(void) {
  require(call6(NR_prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0, 0), "set no_new_privs", 0);
}

/* For the processes of ours that wait beside the program. */
static void give_up_all(void) {
  bound_capabilities(0);
  set_capabilities(0);
  gain_nothing();
  call(NR_prctl, DUMPABLE, 0, 0, 0);
}

/* `GID,GID` or nothing */
static void set_groups(const char *list) {
  u32 groups[64];
  int count = 0;
  for (; *list && count < 64; count++) {
    u32 group = 0;
    while (*list >= '0' && *list <= '9') group = group * 10 + (*list++ - '0');
    if (*list == ',') list++;
    groups[count] = group;
  }
  require(call(NR_setgroups, count, groups, 0, 0), "set the groups", 0);
}

static void become(const char *uid, const char *gid, const char *groups) {
  set_groups(groups);
  require(call(NR_setgid, number(gid), 0, 0, 0), "become the group", gid);
  require(call(NR_setuid, number(uid), 0, 0, 0), "become the user", uid);
}

/* The capabilities of the program itself. One that crashes leaves no core, which would lie in a directory of the host's. */
static void keep_capabilities(const char *own) {
  u64 none[2] = {0, 0};
  call(NR_prlimit, 0, CORE_SIZE, none, 0);
  set_capabilities(number(own));
  gain_nothing();
}

static void install_filter(const char *name) {
  struct { unsigned short size; const struct filter_step *steps; } calls = {sizeof calls_filter / sizeof *calls_filter, calls_filter},
    network = {sizeof network_filter / sizeof *network_filter, network_filter};
  gain_nothing();
  require(call(NR_prctl, SECCOMP, WITH_FILTER, same(name, "network") ? &network : &calls, 0), "filter system calls:", name);
}

/*
 * Landlock: what is written, made, renamed or removed lies below the paths that were allowed; what is outside gets no
 * signal, and its abstract sockets no connection. Kernels that have none of it, or less, get what they have.
 */
enum { L_WRITE = 1 << 1, L_CHANGES = 0x1ff0, L_REFER = 1 << 13, L_TRUNCATE = 1 << 14, L_OUTSIDE = 3 };
static struct { long ruleset; u64 handled; } landlock = {-1, 0};

static long landlock_version(void) { return call(NR_landlock_create, 0, 0, 1, 0); }

static void begin_landlock(int files) {
  long version = landlock_version();
  /* Before the second version no file could be moved to another directory. */
  landlock.handled = files && version >= 2 ? L_WRITE | L_CHANGES | L_REFER | (version >= 3 ? L_TRUNCATE : 0) : 0;
  struct { u64 files, network, outside; } rules = {landlock.handled, 0, version >= 6 ? L_OUTSIDE : 0};
  if (!rules.files && !rules.outside) return;
  landlock.ruleset = call(NR_landlock_create, &rules, version >= 6 ? 24 : version >= 4 ? 16 : 8, 0, 0);
}

static void allow_open(long fd) {
  struct { u64 access; int fd; } __attribute__((packed)) rule = {landlock.handled, (int)fd};
  struct kernel_stat stat;
  if (landlock.ruleset < 0 || !landlock.handled || call(NR_fstat, fd, &stat, 0, 0) < 0) return;
  if ((stat.mode & 0170000) != 0040000) rule.access &= L_WRITE | L_TRUNCATE;
  call(NR_landlock_add, landlock.ruleset, 1, &rule, 0);
}

static void allow(const char *path) {
  long fd = call(NR_openat, AT_CWD, path, O_NAME_ONLY | O_CLOSE_ON_EXEC, 0);
  if (fd < 0) return;
  allow_open(fd);
  call(NR_close, fd, 0, 0, 0);
}

static void finish_landlock(void) {
  if (landlock.ruleset < 0) return;
  for (int stream = 0; stream < 3; stream++) allow_open(stream);
  gain_nothing();
  require(call(NR_landlock_restrict, landlock.ruleset, 0, 0, 0), "restrict by Landlock", 0);
  call(NR_close, landlock.ruleset, 0, 0, 0);
}
#endif
