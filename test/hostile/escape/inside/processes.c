/* Processes outside, and processes that stay when the run is over. The host looks for the latter by their marker. */
#include "attack.h"
#include <dirent.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

static pid_t outside(void) { return (pid_t)number_fact("PID"); }

static void signal_outside(void) { by_result(kill(outside(), 0), "kill with signal 0"); }

static void signal_by_descriptor(void) {
  const int fd = (int)syscall(SYS_pidfd_open, outside(), 0);
  if (fd < 0) refused("pidfd_open: %s", strerror(errno));
  by_result(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), "pidfd_send_signal");
}

static void take_descriptor(void) {
  const int fd = (int)syscall(SYS_pidfd_open, outside(), 0);
  if (fd < 0) refused("pidfd_open: %s", strerror(errno));
  for (int number = 3; number < 64; number++) {
    const int taken = (int)syscall(SYS_pidfd_getfd, fd, number, 0);
    if (taken < 0 && (errno == EPERM || errno == ENOSYS)) refused("pidfd_getfd: %s", strerror(errno));
    if (taken >= 0) succeeded("took descriptor %d of process %d", number, outside());
  }
  refused("pidfd_getfd: %s", strerror(errno));
}

static void trace(void) {
  const pid_t pid = outside();
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) refused("ptrace: %s", strerror(errno));
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, NULL, 0);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  succeeded("traced process %d", pid);
}

static void read_memory(void) {
  char bytes[64] = "";
  struct iovec here = {bytes, sizeof bytes}, there = {(void *)number_fact("ADDRESS"), sizeof bytes};
  if (process_vm_readv(outside(), &here, 1, &there, 1, 0) < 0) refused("process_vm_readv: %s", strerror(errno));
  if (has_token(bytes, sizeof bytes)) succeeded("read the memory of process %d", outside());
}

/* The same bytes that are there. */
static void write_memory(void) {
  char bytes[256];
  const int size = snprintf(bytes, sizeof bytes, "%s", fact("TOKEN"));
  struct iovec here = {bytes, (size_t)size}, there = {(void *)number_fact("ADDRESS"), (size_t)size};
  by_result(process_vm_writev(outside(), &here, 1, &there, 1, 0), "process_vm_writev");
}

static void priority(void) {
  errno = 0;
  const int present = getpriority(PRIO_PROCESS, (id_t)outside());
  if (errno) refused("getpriority: %s", strerror(errno));
  by_result(setpriority(PRIO_PROCESS, (id_t)outside(), present), "setpriority");
}

static void limits(void) {
  struct rlimit limit;
  by_result(prlimit(outside(), RLIMIT_NOFILE, NULL, &limit), "prlimit");
}

static int see_victim(int pid) { return pid == outside(); }
static void listed(void) {
  if (each_other_process(see_victim)) succeeded("process %d is listed", outside());
}

/* Ends by itself after two minutes, should nobody end it. */
static void stay(int how_many, size_t bytes) {
  for (int index = 0; index < how_many; index++) {
    if (fork() != 0) continue;
    if (index % 2 == 0) setsid();
    if (fork() != 0) _exit(0);
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    for (int fd = 0; fd < 64; fd++) close(fd);
    open("/dev/null", O_RDWR);
    dup(0);
    dup(0);
    if (bytes) memset(malloc(bytes), 1, bytes);
    execl(self_path, self_path, "--stay", fact("MARKER"), (char *)NULL);
    _exit(127);
  }
}

static void outlive(void) {
  stay(2, 0);
  unavailable("the host tells");
}

static void bomb(void) {
  stay(12, 4 << 20);
  unavailable("the host tells");
}

static void core_dump(void) {
  const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  const char *where = scratch("core");
  const pid_t child = fork();
  if (child == 0) {
    struct rlimit most;
    getrlimit(RLIMIT_CORE, &most);
    if (setrlimit(RLIMIT_CORE, &all) != 0) setrlimit(RLIMIT_CORE, &(struct rlimit){most.rlim_max, most.rlim_max});
    if (chdir(where) != 0) _exit(0);
    abort();
  }
  waitpid(child, NULL, 0);
  DIR *list = opendir(where);
  for (struct dirent *one; list && (one = readdir(list));)
    if (one->d_name[0] != '.') succeeded("left %s/%s", where, one->d_name);
  refused("no file was left");
}

const struct attempt process_attempts[] = {
    {"process-listed", listed}, {"kill", signal_outside}, {"pidfd-signal", signal_by_descriptor},
    {"pidfd-getfd", take_descriptor}, {"ptrace", trace}, {"process-read", read_memory},
    {"process-write", write_memory}, {"set-priority", priority}, {"prlimit", limits}, {"outlive", outlive},
    {"bomb", bomb}, {"core-dump", core_dump}, {NULL, NULL},
};
