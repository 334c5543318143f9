/* Mounts: a program that may make, change or take away one can look behind everything that is hidden by one. */
#include "attack.h"
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>

static void mount_one(const char *type, const char *source, unsigned long flags) {
  const char *at = scratch("mount");
  if (mount(source, at, type, flags, NULL) != 0) refused("mount %s: %s", type ? type : source, strerror(errno));
  char name[512];
  struct stat outer, inner;
  snprintf(name, sizeof name, "%s/..", at);
  const int is_mount = stat(at, &inner) == 0 && stat(name, &outer) == 0
      && (inner.st_dev != outer.st_dev || inner.st_ino != outer.st_ino);
  umount2(at, MNT_DETACH);
  if (is_mount) succeeded("mounted %s", type ? type : source);
  refused("mount claims to have worked, and nothing is mounted");
}

static void mount_tmpfs(void) { mount_one("tmpfs", "none", 0); }
static void mount_proc(void) { mount_one("proc", "none", 0); }
static void mount_sysfs(void) { mount_one("sysfs", "none", 0); }
static void mount_cgroup(void) { mount_one("cgroup2", "none", 0); }
static void mount_devices(void) { mount_one("devtmpfs", "none", 0); }
static void mount_bind(void) { mount_one(NULL, "/", MS_BIND); }

/* These have arguments that the kernel turns down, after it has asked for the right. */
static void umount_mask(void) { by_errno(umount2(scratch("no-mount"), MNT_DETACH), "umount"); }
static void remount(void) {
  by_errno(mount("none", scratch("no-mount"), NULL, MS_REMOUNT | MS_BIND, NULL), "remount");
}
static void move(void) { by_errno(mount(scratch("no-mount"), scratch("mount"), NULL, MS_MOVE, NULL), "move"); }
static void propagation(void) { by_errno(mount("none", scratch("no-mount"), NULL, MS_SHARED, NULL), "share"); }
static void pivot(void) { by_errno(syscall(SYS_pivot_root, scratch("no-mount"), scratch("no-mount")), "pivot_root"); }
static void open_filesystem(void) { by_result(syscall(SYS_fsopen, "tmpfs", 1), "fsopen"); }
static void clone_tree(void) { by_result(syscall(SYS_open_tree, AT_FDCWD, "/", 1), "open_tree of a copy"); }
static void move_detached(void) {
  by_errno(syscall(SYS_move_mount, AT_FDCWD, scratch("no-mount"), AT_FDCWD, scratch("mount"), 0), "move_mount");
}
static void set_attributes(void) {
  struct { unsigned long long set, clear, propagation, userns; } none = {0};
  by_errno(syscall(SYS_mount_setattr, AT_FDCWD, scratch("no-mount"), 0, &none, sizeof none), "mount_setattr");
}
static void pick_filesystem(void) { by_errno(syscall(SYS_fspick, AT_FDCWD, scratch("no-mount"), 0), "fspick"); }

/* With a mount namespace of its own inside a user namespace of its own, everything above can be tried again. */
static void mount_in_nested(void) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) refused("unshare: %s", strerror(errno));
  mount_one("tmpfs", "none", 0);
}

const struct attempt mount_attempts[] = {
    {"mount-tmpfs", mount_tmpfs}, {"mount-proc", mount_proc}, {"mount-sysfs", mount_sysfs},
    {"mount-cgroup", mount_cgroup}, {"mount-devtmpfs", mount_devices}, {"mount-bind", mount_bind},
    {"umount", umount_mask}, {"remount", remount}, {"mount-move", move}, {"mount-propagation", propagation},
    {"pivot-root", pivot}, {"fsopen", open_filesystem}, {"open-tree", clone_tree}, {"move-mount", move_detached},
    {"mount-setattr", set_attributes}, {"fspick", pick_filesystem}, {"mount-nested", mount_in_nested}, {NULL, NULL},
};
