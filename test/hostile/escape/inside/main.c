/* Tries to leave a sandbox, each attempt in a process of its own: `attack FACTS` prints NAME RESULT DETAIL lines. */
#include "attack.h"
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

char inherited[4096];
const char *self_path;
static char facts[16384];
static int report = 1;

static void end(const char *result, const char *format, va_list arguments) {
  char detail[700];
  vsnprintf(detail, sizeof detail, format, arguments);
  for (char *at = detail; *at; at++)
    if ((unsigned char)*at < 32 || (unsigned char)*at > 126) *at = ' ';
  dprintf(report, "%s %s", result, detail);
  _exit(0);
}

void succeeded(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end("succeeded", format, arguments);
  _exit(1);
}

void refused(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end("refused", format, arguments);
  _exit(1);
}

void unavailable(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end("unavailable", format, arguments);
  _exit(1);
}

void by_result(long result, const char *what) {
  if (result >= 0) succeeded("%s", what);
  refused("%s: %s", what, strerror(errno));
}

void by_errno(long result, const char *what) {
  if (result >= 0) succeeded("%s", what);
  if (errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EOPNOTSUPP)
    refused("%s: %s", what, strerror(errno));
  succeeded("%s: allowed, ended by %s", what, strerror(errno));
}

const char *fact(const char *name) {
  static char value[4096];
  const size_t length = strlen(name);
  for (char *line = facts; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, name, length) != 0 || line[length] != '=') continue;
    snprintf(value, sizeof value, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
    if (*value) return strdup(value);
  }
  unavailable("the host has no %s", name);
}

long number_fact(const char *name) {
  return strtol(fact(name), NULL, 0);
}

const char *scratch(const char *name) {
  char path[512];
  mkdir("escape.d", 0777);
  snprintf(path, sizeof path, "escape.d/%s", name);
  mkdir(path, 0777);
  return strdup(path);
}

static void note_inherited(void) {
  for (int fd = 3; fd < 1024; fd++) {
    if (fcntl(fd, F_GETFD) < 0) continue;
    char name[64], target[256] = "?";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(name, target, sizeof target - 1);
    if (size > 0) target[size] = 0;
    const size_t used = strlen(inherited);
    snprintf(inherited + used, sizeof inherited - used, "%d=%s ", fd, target);
  }
}

static void try_attempt(const struct attempt *attempt) {
  int ends[2], status;
  char answer[1024];
  fflush(stdout);
  if (pipe2(ends, O_CLOEXEC) < 0) exit(3);
  const pid_t child = fork();
  if (child < 0) exit(3);
  if (child == 0) {
    close(ends[0]);
    report = ends[1];
    alarm(10);
    errno = 0;
    attempt->run();
    refused("%s", errno ? strerror(errno) : "without effect");
  }
  close(ends[1]);
  const ssize_t size = read(ends[0], answer, sizeof answer - 1);
  close(ends[0]);
  waitpid(child, &status, 0);
  if (size > 0) printf("%s %.*s\n", attempt->name, (int)size, answer);
  else printf("%s refused ended by signal %d\n", attempt->name, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  fflush(stdout);
}

int main(int count, char **words) {
  note_inherited();
  /* Started again by an attempt: says who it became, or merely stays. */
  if (count > 1 && strcmp(words[1], "--who") == 0) {
    printf("%lld %lld %llx\n", status_line("Uid", 10), status_line("Gid", 10), status_line("CapEff", 16));
    return 0;
  }
  if (count > 1 && strcmp(words[1], "--stay") == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(120);
    for (;;) pause();
  }
  if (count > 1 && strcmp(words[1], "--landlock") == 0) return syscall(444, NULL, 0, 1) > 0 ? 0 : 1;
  if (count < 2) return 2;
  self_path = realpath("/proc/self/exe", NULL);
  if (self_path == NULL || access(self_path, X_OK) != 0) self_path = realpath(words[0], NULL);
  const int file = open(words[1], O_RDONLY | O_CLOEXEC);
  if (file < 0 || read(file, facts, sizeof facts - 1) <= 0) return 2;
  close(file);
  const struct attempt *groups[] = {
      filesystem_attempts, proc_attempts, kernel_attempts, call_attempts, namespace_attempts, privilege_attempts,
      device_attempts, process_attempts, ipc_attempts, network_attempts, socket_attempts, terminal_attempts,
      mount_attempts,
  };
  for (size_t group = 0; group < sizeof groups / sizeof *groups; group++)
    for (const struct attempt *one = groups[group]; one->name; one++)
      if (count < 3 || strcmp(words[2], one->name) == 0) try_attempt(one);
  return 0;
}
