/* What /proc and /sys show of the host, and what may be changed there. Nothing is written: opening is the proof. */
#include "attack.h"
#include <dirent.h>

static char found[512];

static int file_of(int pid, const char *file) {
  char path[128];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  if (!holds_secret(path)) return 0;
  snprintf(found, sizeof found, "%s", path);
  return 1;
}

static int see_environ(int pid) { return file_of(pid, "environ"); }
static int see_cmdline(int pid) { return file_of(pid, "cmdline"); }
static int see_cwd(int pid) { return file_of(pid, "cwd/secret"); }

static int see_root(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/root", pid);
  return secret_below(path);
}

static int see_descriptors(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *list = opendir(path);
  if (list == NULL) return 0;
  for (struct dirent *one; (one = readdir(list));) {
    char link[512], target[4096];
    snprintf(link, sizeof link, "%s/%s", path, one->d_name);
    const ssize_t size = readlink(link, target, sizeof target - 1);
    if (size <= 0 || memmem(target, (size_t)size, "/secret", 7) == NULL || !holds_secret(link)) continue;
    closedir(list);
    return 1;
  }
  closedir(list);
  return 0;
}

/* Of a process that shows the secret in its arguments: the right to open its memory is the right to change it. */
static int see_memory(int pid) {
  char path[64];
  if (pid != number_fact("PID")) return 0;
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  char bytes[64];
  return fd >= 0 && pread(fd, bytes, sizeof bytes, number_fact("ADDRESS")) > 0 && has_token(bytes, sizeof bytes);
}

/* A program of the host that runs the sandbox, replaced from inside once it has ended. */
static int see_program(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 && errno != ETXTBSY) return 0;
  const ssize_t size = readlink(path, found, sizeof found - 1);
  found[size > 0 ? size : 0] = 0;
  return 1;
}

static void by_process(int (*see)(int pid), const char *what) {
  const int pid = each_other_process(see);
  if (pid) succeeded("%s of process %d %s", what, pid, found);
  refused("no process shows it");
}

static void root(void) { by_process(see_root, "root"); }
static void cwd(void) { by_process(see_cwd, "working directory"); }
static void environment(void) { by_process(see_environ, "environment"); }
static void command_line(void) { by_process(see_cmdline, "command line"); }
static void memory(void) { by_process(see_memory, "memory"); }
static void descriptors(void) { by_process(see_descriptors, "descriptor"); }
static void program(void) { by_process(see_program, "program"); }

static int may_write(const char *path) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  close(fd);
  return 1;
}

/* Those of a namespace, which may be the sandbox's own. */
static int is_namespaced(const char *path) {
  static const char *const roots[] = {
      "/proc/sys/net/", "/proc/sys/user/", "/proc/sys/fs/mqueue/", "/proc/sys/kernel/shm", "/proc/sys/kernel/msg",
      "/proc/sys/kernel/sem", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname",
      "/proc/sys/kernel/auto_msgmni", "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/pid_max", NULL,
  };
  for (const char *const *one = roots; *one; one++)
    if (strncmp(path, *one, strlen(*one)) == 0) return 1;
  return 0;
}

static int writable_count;

static void walk(const char *directory, int depth, int (*counts)(const char *path)) {
  DIR *list = depth < 0 ? NULL : opendir(directory);
  if (list == NULL) return;
  for (struct dirent *one; (one = readdir(list));) {
    char path[1024];
    struct stat seen;
    if (one->d_name[0] == '.') continue;
    if (snprintf(path, sizeof path, "%s/%s", directory, one->d_name) >= (int)sizeof path) continue;
    if (lstat(path, &seen) != 0) continue;
    if (S_ISDIR(seen.st_mode)) walk(path, depth - 1, counts);
    else if (S_ISREG(seen.st_mode) && counts(path) && may_write(path) && writable_count++ == 0)
      snprintf(found, sizeof found, "%.500s", path);
  }
  closedir(list);
}

static int is_global(const char *path) { return !is_namespaced(path); }
static int is_any(const char *path) { return path != NULL; }

static void by_walk(const char *directory, int depth, int (*counts)(const char *path)) {
  walk(directory, depth, counts);
  if (writable_count) succeeded("%d files can be opened for writing, the first %s", writable_count, found);
  refused("no file of %s can be opened for writing", directory);
}

static void sysctl_global(void) { by_walk("/proc/sys", 6, is_global); }
static void sysctl_namespaced(void) { by_walk("/proc/sys", 6, is_namespaced); }
static void interrupts(void) { by_walk("/proc/irq", 3, is_any); }
static void buses(void) { by_walk("/proc/bus", 4, is_any); }
static void proc_filesystems(void) { by_walk("/proc/fs", 4, is_any); }
static void cgroups(void) { by_walk("/sys/fs/cgroup", 3, is_any); }
static void devices(void) { by_walk("/sys/block/vda/queue", 1, is_any); }

static void by_list(const char *const *paths) {
  for (; *paths; paths++)
    if (may_write(*paths)) succeeded("%s can be opened for writing", *paths);
  refused("none can be opened for writing");
}

static void sysrq(void) { by_list((const char *const[]){"/proc/sysrq-trigger", NULL}); }
static void core_pattern(void) {
  by_list((const char *const[]){"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", NULL});
}
static void binfmt(void) {
  by_list((const char *const[]){"/proc/sys/fs/binfmt_misc/register", "/proc/sys/fs/binfmt_misc/status", NULL});
}
static void sys(void) {
  by_list((const char *const[]){
      "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/power/disk", "/sys/kernel/mm/ksm/run",
      "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling", "/sys/kernel/uevent_seqnum",
      "/sys/module/kernel/parameters/panic", "/sys/devices/system/cpu/cpu1/online", "/sys/bus/pci/rescan",
      "/sys/class/net/lo/mtu", NULL,
  });
}

/* What docker hides. */
static void hidden(void) {
  static const char *const paths[] = {
      "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
      "/proc/sched_debug", "/sys/devices/virtual/powercap", NULL,
  };
  for (const char *const *one = paths; *one; one++) {
    char bytes[16];
    const int fd = open(*one, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && read(fd, bytes, sizeof bytes) > 0) succeeded("read %s", *one);
    if (fd >= 0) close(fd);
  }
  static const char *const directories[] = {"/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/firmware", NULL};
  for (const char *const *one = directories; *one; one++) {
    DIR *list = opendir(*one);
    for (struct dirent *entry; list && (entry = readdir(list));)
      if (entry->d_name[0] != '.') succeeded("listed %s/%s", *one, entry->d_name);
    if (list) closedir(list);
  }
  refused("nothing is shown");
}

const struct attempt proc_attempts[] = {
    {"proc-root", root}, {"proc-cwd", cwd}, {"proc-environ", environment}, {"proc-cmdline", command_line},
    {"proc-mem", memory}, {"proc-fd", descriptors}, {"proc-exe-write", program}, {"proc-sys", sysctl_global},
    {"proc-sys-namespaced", sysctl_namespaced}, {"core-pattern", core_pattern}, {"binfmt-misc", binfmt},
    {"sysrq", sysrq}, {"proc-irq", interrupts}, {"proc-bus", buses}, {"proc-fs", proc_filesystems},
    {"sys-write", sys}, {"sys-block-write", devices}, {"cgroup-write", cgroups}, {"hidden-read", hidden},
    {NULL, NULL},
};
