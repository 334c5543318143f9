/* Devices: made, or found in /dev. None is written to, and none whose opening has an effect is opened. */
#include "attack.h"
#include <sys/sysmacros.h>

static void by_device(const char *name, mode_t kind, dev_t device) {
  char path[256], byte;
  snprintf(path, sizeof path, "%s/%s", scratch("devices"), name);
  unlink(path);
  if (mknod(path, kind | 0600, device) != 0) refused("mknod: %s", strerror(errno));
  struct stat seen;
  const int is_device = stat(path, &seen) == 0 && (seen.st_mode & S_IFMT) == kind && seen.st_rdev == device;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int reads = fd >= 0 && read(fd, &byte, 1) == 1;
  const char *why = fd < 0 ? strerror(errno) : "opened";
  unlink(path);
  if (reads) succeeded("made %s and read it", name);
  if (is_device) succeeded("made %s in a directory that the host sees; %s", name, why);
  refused("no device was made");
}

static void block(void) {
  by_device("disk", S_IFBLK, makedev((unsigned)number_fact("DISK_MAJOR"), (unsigned)number_fact("DISK_MINOR")));
}
static void memory(void) { by_device("mem", S_IFCHR, makedev(1, 1)); }
static void zero(void) { by_device("zero", S_IFCHR, makedev(1, 5)); }
static void kernel_log(void) { by_device("kmsg", S_IFCHR, makedev(1, 11)); }

static void found(const char *const *paths) {
  for (; *paths; paths++) {
    struct stat seen;
    const int fd = open(*paths, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    if (fstat(fd, &seen) == 0 && (S_ISCHR(seen.st_mode) || S_ISBLK(seen.st_mode)) && seen.st_rdev != makedev(1, 3))
      succeeded("opened %s", *paths);
    close(fd);
  }
  refused("none is there, or none opens");
}

static void found_disk(void) {
  found((const char *const[]){"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/dm-0", "/dev/loop0", "/dev/zram0", NULL});
}
static void found_memory(void) { found((const char *const[]){"/dev/mem", "/dev/kmem", "/dev/port", NULL}); }
static void found_log(void) { found((const char *const[]){"/dev/kmsg", NULL}); }
static void found_machine(void) {
  found((const char *const[]){
      "/dev/kvm", "/dev/fuse", "/dev/loop-control", "/dev/userfaultfd", "/dev/vsock", "/dev/net/tun", "/dev/uinput",
      "/dev/vhost-net", "/dev/hwrng", "/dev/vcs1", NULL,
  });
}

/* Its own mode once more: nothing changes, and who may do that may make it anything. */
static void device_mode(void) {
  struct stat seen;
  if (stat("/dev/null", &seen) != 0) unavailable("no /dev/null");
  if (chmod("/dev/null", seen.st_mode & 07777) != 0) refused("chmod: %s", strerror(errno));
  succeeded("set the mode of the host's /dev/null");
}

const struct attempt device_attempts[] = {
    {"mknod-disk", block}, {"mknod-mem", memory}, {"mknod-zero", zero}, {"mknod-kmsg", kernel_log},
    {"dev-disk", found_disk}, {"dev-mem", found_memory}, {"dev-kmsg", found_log}, {"dev-machine", found_machine},
    {"dev-mode", device_mode},
    {NULL, NULL},
};
