/* What the host has running and lying about: a process, servers, objects of the kernel. */
#include "host.h"
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* A process with the secret in its arguments, environment, memory, working directory and descriptors. */
void start_victim(struct host *host, const char *self) {
  int ends[2];
  char address[64] = "", directory[4096];
  if (pipe2(ends, O_CLOEXEC) != 0) exit(3);
  snprintf(directory, sizeof directory, "%s/private", host->base);
  host->victim = fork();
  if (host->victim == 0) {
    setpgid(0, 0);
    setenv("ALPROOT_TEST_SECRET", host->token, 1);
    if (chdir(directory) != 0 || dup2(ends[1], 30) < 0 || open("secret", O_RDONLY) < 0) _exit(3);
    execl(self, "host-process", "--victim", host->token, (char *)NULL);
    _exit(3);
  }
  close(ends[1]);
  if (read(ends[0], address, sizeof address - 1) <= 0) exit(3);
  close(ends[0]);
  fact(host, "PID", "%d", host->victim);
  fact(host, "ADDRESS", "%s", strtok(address, "\n"));
}

static int listen_unix(const char *name, int is_abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memcpy(address.sun_path + (is_abstract ? 1 : 0), name, strlen(name));
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
  return bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 8) == 0 ? fd : -1;
}

static int listen_inet(struct host *host, int family, const char *name) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
  socklen_t size = family == AF_INET ? sizeof four : sizeof six;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, address, size) != 0 || listen(fd, 8) != 0 || getsockname(fd, address, &size) != 0) return -1;
  fact(host, name, "%d", ntohs(family == AF_INET ? four.sin_port : six.sin6_port));
  return fd;
}

/* Says the secret to whoever connects. */
void start_servers(struct host *host) {
  char path[108], name[96];
  snprintf(path, sizeof path, "%s/socket", host->base);
  unlink(path);
  snprintf(name, sizeof name, "alproot-escape-%d", getpid());
  struct pollfd all[4] = {
      {.fd = listen_unix(path, 0), .events = POLLIN}, {.fd = listen_unix(name, 1), .events = POLLIN},
      {.fd = listen_inet(host, AF_INET, "PORT"), .events = POLLIN},
      {.fd = listen_inet(host, AF_INET6, "PORT6"), .events = POLLIN},
  };
  if (all[0].fd >= 0) fact(host, "SOCKET", "%s", path);
  if (all[1].fd >= 0) fact(host, "ABSTRACT", "%s", name);
  host->server = fork();
  if (host->server > 0) {
    for (int index = 0; index < 4; index++) close(all[index].fd);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    poll(all, 4, -1);
    for (int index = 0; index < 4; index++) {
      const int peer = all[index].revents & POLLIN ? accept4(all[index].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
      if (peer < 0) continue;
      if (write(peer, host->token, strlen(host->token)) < 0) perror("write");
      close(peer);
    }
  }
}

static void make_keys(struct host *host) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) return;
  const long key = syscall(SYS_add_key, "user", "alproot-escape", host->token, strlen(host->token), KEY_SPEC_SESSION_KEYRING);
  if (key >= 0) fact(host, "KEY", "%ld", key);
}

void make_objects(struct host *host) {
  host->shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  char *bytes = host->shm < 0 ? (char *)-1 : shmat(host->shm, NULL, 0);
  if (bytes != (char *)-1) {
    snprintf(bytes, 64, "%s", host->token);
    fact(host, "SHM", "%d", host->shm);
  }
  host->sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  if (host->sem >= 0 && semctl(host->sem, 0, SETVAL, 4711) == 0) fact(host, "SEM", "%d", host->sem);
  host->msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  const struct { long type; char text[8]; } message = {1, "x"};
  if (host->msg >= 0 && msgsnd(host->msg, &message, sizeof message.text, IPC_NOWAIT) == 0) fact(host, "MSG", "%d", host->msg);
  snprintf(host->posix_shm, sizeof host->posix_shm, "/dev/shm/alproot-escape-%d", getpid());
  const int memory = open(host->posix_shm, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (memory >= 0 && write(memory, host->token, strlen(host->token)) > 0) fact(host, "POSIX_SHM", "%s", host->posix_shm + 9);
  snprintf(host->queue, sizeof host->queue, "/alproot-escape-%d", getpid());
  const mqd_t queue = mq_open(host->queue, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
  if (queue != (mqd_t)-1) fact(host, "MQUEUE", "%s", host->queue + 1);
  make_keys(host);
}

void remove_objects(struct host *host) {
  kill(host->victim, SIGKILL);
  kill(host->server, SIGKILL);
  if (host->shm >= 0) shmctl(host->shm, IPC_RMID, NULL);
  if (host->sem >= 0) semctl(host->sem, 0, IPC_RMID);
  if (host->msg >= 0) msgctl(host->msg, IPC_RMID, NULL);
  char path[4096];
  snprintf(path, sizeof path, "%s/host-was-here", host->store);
  unlink(path);
  unlink(host->posix_shm);
  unlink(host->temporary);
  mq_unlink(host->queue);
}
