/* What became of the host's terminal, processes and files. */
#include "host.h"
#include <dirent.h>
#include <ftw.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios before;

/* The host leads the session of this terminal; bytes that somebody types into it wait in its queue. */
void open_terminal(struct host *host) {
  setsid();
  host->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (host->master < 0 || grantpt(host->master) != 0 || unlockpt(host->master) != 0) {
    perror("no terminal");
    exit(3);
  }
  const char *name = ptsname(host->master);
  host->terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (host->terminal < 0 || ioctl(host->terminal, TIOCSCTTY, 0) != 0) perror("controlling terminal");
  tcgetattr(host->terminal, &before);
  before.c_lflag &= ~(tcflag_t)ICANON;
  tcsetattr(host->terminal, TCSANOW, &before);
  tcgetattr(host->terminal, &before);
  struct stat seen;
  fact(host, "TTY", "%s", name);
  if (fstat(host->terminal, &seen) != 0) return;
  fact(host, "TTY_INODE", "%ld", (long)seen.st_ino);
  fact(host, "TTY_DEVICE", "%ld", (long)seen.st_dev);
}

void look_at_terminal(const struct host *host) {
  int waiting = 0;
  struct termios now;
  if (ioctl(host->terminal, FIONREAD, &waiting) != 0) printf("terminal-inject unavailable no FIONREAD\n");
  else printf("terminal-inject %s %d bytes wait\n", waiting > 0 ? "succeeded" : "refused", waiting);
  pid_t group = 0;
  if (ioctl(host->master, TIOCGPGRP, &group) != 0) printf("terminal-foreground unavailable %s\n", strerror(errno));
  else printf("terminal-foreground %s group %d, was %d\n", group == host->command ? "refused" : "succeeded", group, host->command);
  tcgetattr(host->terminal, &now);
  const int is_same = now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag
      && now.c_oflag == before.c_oflag && memcmp(now.c_cc, before.c_cc, VMIN) == 0;
  printf("terminal-settings %s %x %x\n", is_same ? "refused" : "succeeded", before.c_lflag, now.c_lflag);
}

static int processes_with(const char *marker, int ended) {
  int count = 0;
  DIR *list = opendir("/proc");
  for (struct dirent *one; list && (one = readdir(list));) {
    char path[300], line[4096];
    const int pid = atoi(one->d_name);
    snprintf(path, sizeof path, "/proc/%s/cmdline", one->d_name);
    const int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const ssize_t size = fd < 0 ? 0 : read(fd, line, sizeof line);
    if (fd >= 0) close(fd);
    if (size <= 0 || memmem(line, (size_t)size, marker, strlen(marker)) == NULL) continue;
    count++;
    if (ended) kill(pid, SIGKILL);
  }
  if (list) closedir(list);
  return count;
}

/* A killed process needs a moment to go. */
void look_at_processes(const struct host *host) {
  int count = 0;
  /* What was typed into the terminal may stand on this line. */
  putchar('\n');
  for (int turn = 0; turn < 150; turn++) {
    count = processes_with(host->marker, 0);
    if (count == 0) break;
    usleep(20000);
  }
  printf("outlive %s %d processes stay\n", count ? "succeeded" : "refused", count);
  if (count) processes_with(host->marker, 1);
}

static int privileged, devices;
static char first[4096];

static int count_file(const char *path, const struct stat *seen, int type, struct FTW *at) {
  (void)at;
  if (type == FTW_NS) return FTW_CONTINUE;
  /* Nobody else comes by here, whatever lies below. */
  if (S_ISDIR(seen->st_mode) && !(seen->st_mode & S_IXOTH)) return FTW_SKIP_SUBTREE;
  const int is_device = S_ISBLK(seen->st_mode) || (S_ISCHR(seen->st_mode) && seen->st_rdev != 0);
  const int is_privileged = S_ISREG(seen->st_mode) && (seen->st_mode & 06000);
  privileged += is_privileged;
  devices += is_device;
  if (is_device || is_privileged) snprintf(first, sizeof first, "%s", path);
  return FTW_CONTINUE;
}

static struct left { int privileged, devices; } work_before, store_before;

static struct left count_below(const char *directory) {
  privileged = devices = 0;
  *first = 0;
  nftw(directory, count_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
  return (struct left){privileged, devices};
}

/* What lay there before this run is another run's. */
void remember_files(const struct host *host) {
  work_before = count_below(host->work);
  store_before = count_below(host->store);
}

static void look_below(const char *directory, const char *name, struct left was) {
  const struct left now = count_below(directory);
  const char *set_uid = now.privileged > was.privileged ? "succeeded" : "refused";
  const char *device = now.devices > was.devices ? "succeeded" : "refused";
  printf("%s-set-uid %s %d files, %d before, %s\n", name, set_uid, now.privileged, was.privileged, first);
  printf("%s-device %s %d devices, %d before, %s\n", name, device, now.devices, was.devices, first);
}

void look_at_files(const struct host *host) {
  char path[4096];
  snprintf(path, sizeof path, "%s/canary/written-from-inside", host->base);
  printf("canary-changed %s\n", access(path, F_OK) == 0 ? "succeeded a file was written" : "refused");
  look_below(host->work, "left-work", work_before);
  look_below(host->store, "left-store", store_before);
}
