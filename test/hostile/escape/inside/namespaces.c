/* Namespaces: new ones, in which old bugs of the kernel can be reached, and those of the host. */
#include "attack.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/wait.h>

static void by_unshare(int flag, const char *what) { by_result(unshare(flag), what); }
static void user(void) { by_unshare(CLONE_NEWUSER, "unshare of users"); }
static void mounts(void) { by_unshare(CLONE_NEWNS, "unshare of mounts"); }
static void net(void) { by_unshare(CLONE_NEWNET, "unshare of the network"); }
static void pids(void) { by_unshare(CLONE_NEWPID, "unshare of processes"); }
static void names(void) { by_unshare(CLONE_NEWUTS, "unshare of names"); }
static void ipc(void) { by_unshare(CLONE_NEWIPC, "unshare of IPC"); }
static void cgroup(void) { by_unshare(CLONE_NEWCGROUP, "unshare of cgroups"); }
static void clocks(void) { by_unshare(CLONE_NEWTIME, "unshare of clocks"); }

static void child(long pid, const char *what) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
  by_result(pid, what);
}

static void clone_user(void) { child(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), "clone of users"); }

static void clone3_user(void) {
  struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  child(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 of users");
}

static const char *wanted;

static int enter(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, wanted);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const int entered = setns(fd, 0) == 0;
  close(fd);
  return entered;
}

static int enter_by_pidfd(int pid) {
  const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  return fd >= 0 && setns(fd, CLONE_NEWNS | CLONE_NEWUSER) == 0;
}

static void by_entering(const char *kind) {
  wanted = kind;
  const int pid = each_other_process(enter);
  if (pid) succeeded("entered the %s namespace of process %d", kind, pid);
  refused("setns: %s", strerror(errno));
}

static void set_mounts(void) { by_entering("mnt"); }
static void set_user(void) { by_entering("user"); }
static void set_net(void) { by_entering("net"); }
static void set_by_pidfd(void) {
  const int pid = each_other_process(enter_by_pidfd);
  if (pid) succeeded("entered the namespaces of process %d", pid);
  refused("setns: %s", strerror(errno));
}

const struct attempt namespace_attempts[] = {
    {"unshare-user", user}, {"unshare-mount", mounts}, {"unshare-net", net}, {"unshare-pid", pids},
    {"unshare-uts", names}, {"unshare-ipc", ipc}, {"unshare-cgroup", cgroup}, {"unshare-time", clocks},
    {"clone-user", clone_user}, {"clone3-user", clone3_user}, {"setns-mount", set_mounts},
    {"setns-user", set_user}, {"setns-net", set_net}, {"setns-pidfd", set_by_pidfd}, {NULL, NULL},
};
