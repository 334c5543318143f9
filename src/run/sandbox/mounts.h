/* The root that the program sees: mounts below a directory that is made the root of the namespace, and nothing else left. */
#ifndef ALPROOT_SANDBOX_MOUNTS_H
#define ALPROOT_SANDBOX_MOUNTS_H
#include "kernel.h"

/* Where the mounts are made: the new root, until it is the root. */
static const char *new_root = "/";

/* Opens a path below the new root without following any link. What is missing is made when `make` says as what. */
static long open_below(const char *path, const char *make) {
  long at = require(call(NR_openat, AT_CWD, new_root, O_NAME_ONLY | O_ONLY_DIRECTORY | O_CLOSE_ON_EXEC, 0), "open", new_root);
  char name[256];
  for (const char *rest = path; *rest;) {
    size_t size = 0;
    while (*rest == '/') rest++;
    if (!*rest) break;
    while (rest[size] && rest[size] != '/') size++;
    if (size >= sizeof name) refuse("mount on", path, -INVALID);
    copy(name, rest, size);
    name[size] = 0;
    rest += size;
    int last = !*rest, file = last && make && same(make, "file");
    long found = call(NR_openat, at, name, O_NAME_ONLY | O_NO_LINK | O_CLOSE_ON_EXEC | (last ? 0 : O_ONLY_DIRECTORY), 0);
    if (found == -NO_ENTRY && make) {
      long made = file ? call(NR_openat, at, name, O_WRITE | O_CREATE | O_EXCLUSIVE | O_NO_LINK | O_CLOSE_ON_EXEC, 0644) : call(NR_mkdirat, at, name, 0755, 0);
      require(made, "make", path);
      if (file) call(NR_close, made, 0, 0, 0);
      found = call(NR_openat, at, name, O_NAME_ONLY | O_NO_LINK | O_CLOSE_ON_EXEC, 0);
    }
    require(found, "open the mount point", path);
    struct kernel_stat stat;
    if (call(NR_fstat, found, &stat, 0, 0) < 0 || (stat.mode & 0170000) == 0120000) refuse("mount on", path, -40);
    call(NR_close, at, 0, 0, 0);
    at = found;
  }
  return at;
}

struct mount_attributes { u64 set, clear, propagation, userns; };

/* Of mounts that the kernel shows as statfs flags, those that a remount has to repeat. */
static long kept_flags(long fd) {
  long words[15] = {0};
  if (call(NR_fstatfs, fd, words, 0, 0) < 0) return 0;
  long flags = words[10];
  return (flags & (2 | 4 | 8 | 1024 | 2048)) | (flags & 4096 ? 1 << 21 : 0);
}

enum { ONE = 0, BELOW_TOO = 0x8000 /* AT_RECURSIVE */ };

/* Adds M_ flags to a mount, and to those below it where the kernel can do that at once. */
static void restrict_mount(const char *path, long flags, long scope) {
  struct mount_attributes attributes = {flags, 0, 0, 0};
  char target[40];
  long fd = open_below(path, 0), r = call6(NR_mount_setattr, fd, (long)"", EMPTY_PATH | scope, (long)&attributes, sizeof attributes, 0);
  if (r < 0) r = call6(NR_mount, 0, (long)path_of(fd, target), 0, M_REMOUNT | M_BIND | flags | kept_flags(fd), 0, 0);
  require(r, flags & M_READ_ONLY ? "make read-only" : "restrict", path);
  call(NR_close, fd, 0, 0, 0);
}

/* No set-uid, no devices, and for `read` no writing. */
static void restrict_bind(const char *path, const char *access) {
  restrict_mount(path, M_NO_SUID | M_NO_DEVICES | (same(access, "read") ? M_READ_ONLY : 0), BELOW_TOO);
}

static int sets_recursively(void) {
  struct mount_attributes nothing = {0, 0, 0, 0};
  return call6(NR_mount_setattr, -1, (long)"", EMPTY_PATH, (long)&nothing, sizeof nothing, 0) != -NO_CALL;
}

static void mount_at(long fd, const char *source, const char *type, long flags, const char *options, const char *object) {
  char target[40];
  require(call6(NR_mount, (long)source, (long)path_of(fd, target), (long)type, flags, (long)options, 0), "mount", object);
  call(NR_close, fd, 0, 0, 0);
}

/* Mounts of the source come along only where they can be made read-only with it. */
static void bind(const char *source, const char *path, const char *access, const char *kind) {
  mount_at(open_below(path, kind), source, 0, M_BIND | (sets_recursively() ? M_RECURSIVE : 0), 0, path);
  restrict_bind(path, access);
}

static void tmpfs(const char *path, const char *mode) {
  char options[16] = "mode=";
  copy(options + 5, mode, 5);
  mount_at(open_below(path, "directory"), "tmpfs", "tmpfs", M_NO_SUID | M_NO_DEVICES, options, path);
}

static void link_at(const char *target, const char *path) {
  char parent[4096];
  size_t end = length(path);
  while (end && path[end - 1] != '/') end--;
  if (end >= sizeof parent) refuse("link", path, -INVALID);
  copy(parent, path, end);
  parent[end] = 0;
  long fd = open_below(parent, "directory");
  require(call(NR_symlinkat, target, fd, path + end, 0), "link", path);
  call(NR_close, fd, 0, 0, 0);
}

static const char *const device_names[] = {"null", "zero", "full", "random", "urandom", "tty", "console"};
enum { DEVICES = 6, DEVICES_AND_CONSOLE = 7 };

static const char *name_device(char out[16], int at) {
  copy(out, "/dev/", 5);
  copy(out + 5, device_names[at], length(device_names[at]) + 1);
  return out;
}

static void make_devices(void) {
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}, {"pts/ptmx", "/dev/ptmx"}};
  char path[16], target[40];
  tmpfs("/dev", "0755");
  for (int at = 0; at < DEVICES; at++) {
    name_device(path, at);
    mount_at(open_below(path, "file"), path, 0, M_BIND, 0, path);
  }
  for (size_t at = 0; at < sizeof links / sizeof *links; at++) link_at(links[at][0], links[at][1]);
  tmpfs("/dev/shm", "1777");
  long fd = open_below("/dev/pts", "directory");
  /* Without terminals of its own the program has none. */
  call6(NR_mount, (long)"devpts", (long)path_of(fd, target), (long)"devpts", M_NO_SUID | M_NO_EXEC, (long)"newinstance,ptmxmode=0666,mode=620", 0);
  call(NR_close, fd, 0, 0, 0);
}

/* The root of the namespace is the new one; the old one is gone with all that was mounted in it. */
static void pivot(void) {
  require(call(NR_chdir, new_root, 0, 0, 0), "enter", new_root);
  require(call(NR_pivot_root, ".", ".", 0, 0), "change the root to", new_root);
  require(call(NR_umount2, ".", DETACH, 0, 0), "leave the old root", 0);
  require(call(NR_chdir, "/", 0, 0, 0), "enter", "/");
  new_root = "/";
}

/* For hosts that let nobody change the root of a namespace: no boundary. */
static void change_root(void) {
  require(call(NR_chdir, new_root, 0, 0, 0), "enter", new_root);
  require(call(NR_chroot, ".", 0, 0, 0), "chroot to", new_root);
  new_root = "/";
}

/* The host's devices can be used, but not given another owner or mode. */
static void close_devices(void) {
  char path[16];
  struct kernel_stat device, directory;
  if (call(NR_newfstatat, AT_CWD, "/dev", &directory, 0) < 0) return;
  for (int at = 0; at < DEVICES_AND_CONSOLE; at++) {
    name_device(path, at);
    if (call(NR_newfstatat, AT_CWD, path, &device, NOFOLLOW) == 0 && device.dev != directory.dev) restrict_mount(path, M_READ_ONLY | M_NO_SUID | M_NO_EXEC, ONE);
  }
}

/* What docker makes read-only or hides of /proc, and of /sys when there is one. */
static void mask(void) {
  static const char *const closed[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"};
  static const char *const hidden[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kmsg", "/proc/kallsyms", "/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/sys/firmware", "/sys/devices/virtual/powercap"};
  struct kernel_stat stat;
  close_devices();
  for (size_t at = 0; at < sizeof closed / sizeof *closed; at++) {
    const char *path = closed[at];
    if (call(NR_newfstatat, AT_CWD, path, &stat, NOFOLLOW) < 0) continue;
    mount_at(open_below(path, 0), path, 0, M_BIND | M_RECURSIVE, 0, path);
    restrict_mount(path, M_READ_ONLY, ONE);
  }
  for (size_t at = 0; at < sizeof hidden / sizeof *hidden; at++) {
    const char *path = hidden[at];
    if (call(NR_newfstatat, AT_CWD, path, &stat, NOFOLLOW) < 0) continue;
    if ((stat.mode & 0170000) == 0040000) mount_at(open_below(path, 0), "tmpfs", "tmpfs", M_READ_ONLY | M_NO_SUID | M_NO_DEVICES | M_NO_EXEC, "size=0,mode=0555", path);
    else mount_at(open_below(path, 0), "/dev/null", 0, M_BIND, 0, path);
  }
}

/* The file that we were started from leaves the program's view. */
static void forget(const char *path) {
  require(call(NR_umount2, path, DETACH, 0, 0), "unmount", path);
  call(NR_unlinkat, AT_CWD, path, 0, 0);
}
#endif
