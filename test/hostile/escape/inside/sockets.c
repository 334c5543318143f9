/* Unix sockets of the host: abstract names, paths, and the services that listen at well-known ones. */
#include "attack.h"
#include <glob.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

extern char **environ;

static int dial(const char *name, int is_abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const size_t length = strlen(name);
  if (length + 2 > sizeof address.sun_path) return -1;
  memcpy(address.sun_path + (is_abstract ? 1 : 0), name, length);
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  return connect(fd, (struct sockaddr *)&address, size) == 0 ? fd : -1;
}

static void abstract(void) {
  const int fd = dial(fact("ABSTRACT"), 1);
  if (fd < 0) refused("connect: %s", strerror(errno));
  if (descriptor_holds_secret(fd)) succeeded("spoke with the host's abstract socket");
}

static void path(void) {
  const int fd = dial(fact("SOCKET"), 0);
  if (fd < 0) refused("connect: %s", strerror(errno));
  if (descriptor_holds_secret(fd)) succeeded("spoke with %s", fact("SOCKET"));
}

static void guesses(void) {
  static const char *const patterns[] = {
      "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket",
      "/run/user/*/bus", "/run/user/*/gnupg/S.*", "/root/.gnupg/S.*", "/home/*/.gnupg/S.*", "/tmp/ssh-*/agent.*",
      "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/user/*/podman/podman.sock",
      "/run/systemd/private", "/run/systemd/notify", "/tmp/.X11-unix/*", "/run/user/*/wayland-*", NULL,
  };
  for (const char *const *one = patterns; *one; one++) {
    glob_t all;
    if (glob(*one, 0, NULL, &all) != 0) continue;
    for (size_t index = 0; index < all.gl_pathc; index++)
      if (dial(all.gl_pathv[index], 0) >= 0) succeeded("connected to %s", all.gl_pathv[index]);
    globfree(&all);
  }
  refused("no service of the host answers");
}

static void environment(void) {
  static const char *const names[] = {
      "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "GPG_AGENT_INFO", "DOCKER_HOST", "XDG_RUNTIME_DIR", "DISPLAY",
      "KRB5CCNAME", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", NULL,
  };
  for (char **one = environ; *one; one++)
    if (has_token(*one, strlen(*one))) succeeded("%.40s", *one);
  for (const char *const *one = names; *one; one++)
    if (getenv(*one)) succeeded("%s is set", *one);
  refused("the environment names nothing of the host");
}

static void descriptors(void) {
  if (*inherited) succeeded("%s", inherited);
  refused("nothing is open but 0, 1 and 2");
}

const struct attempt socket_attempts[] = {
    {"abstract-socket", abstract}, {"path-socket", path}, {"known-sockets", guesses},
    {"environment", environment}, {"descriptors", descriptors}, {NULL, NULL},
};
