/* Rights of users: capabilities in each set, and files that give more than the caller has. */
#include "attack.h"
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write
 * setfcap: what docker gives by default. */
static const unsigned long long DOCKER = 0x00000000a80425fbULL;

static void compare(const char *key, unsigned long long allowed) {
  const long long held = status_line(key, 16);
  if (held < 0) unavailable("/proc/self/status has no %s", key);
  if ((unsigned long long)held & ~allowed) succeeded("%s has %llx beyond %llx", key, held & ~allowed, allowed);
  refused("%s is %llx", key, held);
}

static void permitted(void) { compare("CapPrm", DOCKER); }
static void effective(void) { compare("CapEff", DOCKER); }
static void bounding(void) { compare("CapBnd", DOCKER); }
static void inheritable(void) { compare("CapInh", 0); }
static void ambient(void) { compare("CapAmb", 0); }

static void raise_capability(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}};
  if (syscall(SYS_capget, &head, data) != 0) refused("capget: %s", strerror(errno));
  if (data[0].permitted & (1U << CAP_SYS_ADMIN)) succeeded("CAP_SYS_ADMIN is permitted");
  data[0].permitted |= 1U << CAP_SYS_ADMIN;
  data[0].effective |= 1U << CAP_SYS_ADMIN;
  if (syscall(SYS_capset, &head, data) != 0) refused("capset: %s", strerror(errno));
  compare("CapEff", DOCKER);
}

/* As an ordinary user of the sandbox, which a caller of other rights becomes first. */
static void become_ordinary(void) {
  if (status_line("Uid", 10) > 0) return;
  if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0)
    unavailable("cannot become another user: %s", strerror(errno));
  if (status_line("Uid", 10) == 0) unavailable("the change of user is a pretence");
}

static void copy_self(const char *to, unsigned mode) {
  char bytes[65536];
  const int from = open(self_path, O_RDONLY | O_CLOEXEC);
  const int file = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (from < 0 || file < 0) unavailable("cannot copy %s to %s: %s", self_path, to, strerror(errno));
  for (ssize_t size; (size = read(from, bytes, sizeof bytes)) > 0;)
    if (write(file, bytes, (size_t)size) != size) unavailable("cannot write %s", to);
  if (mode && fchmod(file, mode) != 0) refused("chmod %o: %s", mode, strerror(errno));
  close(from);
  close(file);
}

/* What the copy says of itself: uid, gid, effective capabilities. */
static void execute(const char *file, long long *who) {
  int ends[2];
  char answer[256] = "";
  if (pipe(ends) != 0) unavailable("pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    execl(file, file, "--who", (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  if (read(ends[0], answer, sizeof answer - 1) <= 0) refused("%s cannot be executed", file);
  waitpid(child, NULL, 0);
  if (sscanf(answer, "%lld %lld %llx", &who[0], &who[1], (unsigned long long *)&who[2]) != 3) refused("%s", answer);
}

static void gained(const char *file) {
  const long long uid = status_line("Uid", 10), gid = status_line("Gid", 10);
  const long long capabilities = status_line("CapEff", 16);
  long long who[3];
  execute(file, who);
  if (who[0] != uid || who[1] != gid || (who[2] & ~capabilities))
    succeeded("%s: uid %lld gid %lld capabilities %llx", file, who[0], who[1], who[2]);
  refused("%s gives nothing", file);
}

static void made(unsigned mode) {
  char path[256];
  snprintf(path, sizeof path, "%s/attack-%o", scratch("privileged"), mode);
  copy_self(path, mode);
  become_ordinary();
  gained(path);
}

static void made_setuid(void) { made(04755); }
static void made_setgid(void) { made(02755); }

static void brought(const char *file) {
  if (access(file, F_OK) != 0) unavailable("this road brings no files");
  become_ordinary();
  gained(file);
}

static void brought_setuid(void) { brought("/brought/attack-set-uid"); }
static void brought_setgid(void) { brought("/brought/attack-set-gid"); }

static void file_capability(void) {
  char path[256];
  snprintf(path, sizeof path, "%s/attack-capable", scratch("privileged"));
  copy_self(path, 0);
  struct vfs_cap_data value = {
      .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
      .data = {{.permitted = 1U << CAP_SETUID | 1U << CAP_SYS_ADMIN}},
  };
  if (setxattr(path, "security.capability", &value, sizeof value, 0) != 0) refused("setxattr: %s", strerror(errno));
  become_ordinary();
  gained(path);
}

static void become_root(void) {
  if (status_line("Uid", 10) == 0) unavailable("the caller is uid 0 already");
  syscall(SYS_setresgid, 0, 0, 0);
  if (syscall(SYS_setresuid, 0, 0, 0) != 0) refused("setresuid: %s", strerror(errno));
  if (status_line("Uid", 10) == 0) succeeded("became uid 0");
  refused("the change of user is a pretence");
}

static void groups(void) {
  const unsigned other[] = {4711};
  if (syscall(SYS_setgroups, 1, other) != 0) refused("setgroups: %s", strerror(errno));
  if (status_line("Uid", 10) == 0) unavailable("uid 0 may choose its groups");
  if (status_line("Groups", 10) != 4711) refused("the change of groups is a pretence");
  succeeded("setgroups as an ordinary user");
}

const struct attempt privilege_attempts[] = {
    {"capabilities-permitted", permitted}, {"capabilities-effective", effective},
    {"capabilities-bounding", bounding}, {"capabilities-inheritable", inheritable},
    {"capabilities-ambient", ambient}, {"capability-raise", raise_capability}, {"set-uid-made", made_setuid},
    {"set-gid-made", made_setgid}, {"set-uid-brought", brought_setuid}, {"set-gid-brought", brought_setgid},
    {"file-capability", file_capability}, {"become-root", become_root}, {"set-groups", groups}, {NULL, NULL},
};
