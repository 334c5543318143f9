/* How an attempt proves that it reached the host: by the bytes of the host's secret. */
#include "attack.h"
#include <dirent.h>

int has_token(const char *bytes, size_t size) {
  const char *token = fact("TOKEN");
  return memmem(bytes, size, token, strlen(token)) != NULL;
}

int descriptor_holds_secret(int fd) {
  char bytes[65536];
  const ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  return size > 0 && has_token(bytes, (size_t)size);
}

int holds_secret(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  const int holds = descriptor_holds_secret(fd);
  close(fd);
  return holds;
}

int secret_below(const char *root) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s", root, fact("SECRET"));
  return holds_secret(path);
}

/* Ours are those of our own program, our parent included. */
static int is_ours(int pid) {
  char name[64], target[4096];
  snprintf(name, sizeof name, "/proc/%d/exe", pid);
  const ssize_t size = readlink(name, target, sizeof target - 1);
  if (size <= 0) return 0;
  target[size] = 0;
  return strstr(target, "/attack") != NULL;
}

int each_other_process(int (*see)(int pid)) {
  DIR *list = opendir("/proc");
  if (list == NULL) unavailable("no /proc: %s", strerror(errno));
  for (struct dirent *one; (one = readdir(list));) {
    const int pid = atoi(one->d_name);
    if (pid > 0 && !is_ours(pid) && see(pid)) {
      closedir(list);
      return pid;
    }
  }
  closedir(list);
  return 0;
}

long long status_line(const char *key, int base) {
  char line[512];
  FILE *file = fopen("/proc/self/status", "re");
  if (file == NULL) return -1;
  const size_t length = strlen(key);
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, length) != 0 || line[length] != ':') continue;
    fclose(file);
    char *at = line + length + 1;
    /* Uid and Gid: real, effective, saved, file system; what counts is the second. */
    if (strcmp(key, "Uid") == 0 || strcmp(key, "Gid") == 0) strtoll(at, &at, base);
    return (long long)strtoull(at, NULL, base);
  }
  fclose(file);
  return -1;
}
