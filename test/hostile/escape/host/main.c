/*
 * `host BASE WORK STORE [--terminal] -- COMMAND…`: sets up a host worth attacking, writes what there is to WORK/facts,
 * runs the command and prints what became of the host. Needs no rights of its own; takes everything away at the end.
 */
#include "host.h"
#include <stdarg.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <poll.h>

void fact(struct host *host, const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(host->facts, "%s=", name);
  vfprintf(host->facts, format, arguments);
  fputc('\n', host->facts);
  va_end(arguments);
}

void secret_file(const struct host *host, const char *path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, host->token, strlen(host->token)) < 0) {
    perror(path);
    exit(3);
  }
  close(fd);
}

static char *in(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return strdup(path);
}

static void make_files(struct host *host) {
  const char *private = in(host->base, "private"), *canary = in(host->base, "canary"), *home = in(host->base, "home");
  mkdir(private, 0700);
  mkdir(canary, 0700);
  mkdir(home, 0700);
  secret_file(host, in(private, "secret"));
  secret_file(host, in(home, ".netrc"));
  secret_file(host, in(canary, "host-was-here"));
  secret_file(host, in(host->store, "host-was-here"));
  snprintf(host->temporary, sizeof host->temporary, "/tmp/alproot-escape-%d", getpid());
  secret_file(host, host->temporary);
  fact(host, "SECRET", "%s/secret", private);
  fact(host, "CANARY", "%s", canary);
  fact(host, "HOME_SECRET", "%s/.netrc", home);
  fact(host, "TMP_SECRET", "%s", host->temporary);
  fact(host, "STORE", "%s", host->store);
  fact(host, "STORE_SECRET", "%s/host-was-here", host->store);
  struct stat root;
  if (stat("/", &root) == 0) {
    fact(host, "DISK_MAJOR", "%u", major(root.st_dev));
    fact(host, "DISK_MINOR", "%u", minor(root.st_dev));
  }
}

/* What a careless parent leaves its child: an environment full of secrets, and descriptors that are not closed. */
static void leave_behind(const struct host *host) {
  setenv("HOME", in(host->base, "home"), 1);
  setenv("SSH_AUTH_SOCK", in(host->base, "socket"), 1);
  setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/none", 1);
  setenv("DOCKER_HOST", "unix:///run/none", 1);
  setenv("XDG_RUNTIME_DIR", host->base, 1);
  setenv("GITHUB_TOKEN", host->token, 1);
  dup2(open(in(host->base, "private"), O_RDONLY | O_DIRECTORY), 40);
  dup2(open(in(host->base, "private/secret"), O_RDONLY), 41);
}

static void become_command(const struct host *host, char **command) {
  signal(SIGTTOU, SIG_IGN);
  setpgid(0, 0);
  tcsetpgrp(host->terminal, getpid());
  signal(SIGTTOU, SIG_DFL);
  leave_behind(host);
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

/* What the command shows on its terminal, without what the terminal adds. */
static void relay(const struct host *host) {
  char bytes[4096];
  struct pollfd ready = {.fd = host->master, .events = POLLIN};
  while (poll(&ready, 1, 20) > 0 && (ready.revents & POLLIN)) {
    const ssize_t size = read(host->master, bytes, sizeof bytes);
    for (ssize_t index = 0; index < size; index++)
      if (bytes[index] != '\r') putchar(bytes[index]);
    if (size <= 0) return;
  }
}

static int run(struct host *host, char **command, int in_terminal) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    dup2(host->terminal, 0);
    if (in_terminal) dup2(host->terminal, 1);
    become_command(host, command);
  }
  host->command = child;
  while (waitpid(child, &status, WNOHANG) == 0) relay(host);
  relay(host);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **words) {
  if (count > 2 && strcmp(words[1], "--victim") == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dprintf(30, "%lu\n", (unsigned long)words[2]);
    close(30);
    for (;;) pause();
  }
  if (count < 6) return 2;
  struct host host = {.base = words[1], .work = words[2], .store = words[3], .shm = -1, .sem = -1, .msg = -1};
  const int in_terminal = strcmp(words[4], "--terminal") == 0;
  char **command = words + (in_terminal ? 6 : 5);
  srandom((unsigned)(getpid() ^ (int)time(NULL)));
  snprintf(host.token, sizeof host.token, "c4nary-%d-%lx", getpid(), random());
  snprintf(host.marker, sizeof host.marker, "alproot-escape-stays-%d-%lx", getpid(), random());
  host.facts = fopen(in(host.work, "facts"), "we");
  if (host.facts == NULL) {
    perror("facts");
    return 3;
  }
  signal(SIGHUP, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  fact(&host, "TOKEN", "%s", host.token);
  fact(&host, "MARKER", "%s", host.marker);
  open_terminal(&host);
  make_files(&host);
  start_victim(&host, "/proc/self/exe");
  start_servers(&host);
  make_objects(&host);
  fclose(host.facts);
  remember_files(&host);
  const int status = run(&host, command, in_terminal);
  look_at_processes(&host);
  look_at_terminal(&host);
  look_at_files(&host);
  printf("command-status %d\n", status);
  fflush(stdout);
  remove_objects(&host);
  return 0;
}
