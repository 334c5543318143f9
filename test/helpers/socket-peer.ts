/** A static program that listens on, or connects to, an abstract unix socket, and passes a descriptor through it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `peer listen NAME`: says `listening`, takes one descriptor and writes `through` to it. `peer connect NAME FILE`:
 * opens FILE for writing, sends its descriptor and waits for the other side to be done: `passed`, or `refused ERRNO`.
 */
const PEER_C = String.raw`
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (argc < 3) return 64;
  struct sockaddr_un at = { .sun_family = AF_UNIX };
  strncpy(at.sun_path + 1, argv[2], sizeof at.sun_path - 2);
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[2]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1,
                            .msg_control = control, .msg_controllen = sizeof control };
  if (strcmp(argv[1], "listen") == 0) {
    if (bind(fd, (void *) &at, size) != 0 || listen(fd, 1) != 0) return 71;
    puts("listening");
    fflush(stdout);
    int peer = accept(fd, NULL, NULL), passed;
    if (recvmsg(peer, &message, 0) < 1 || CMSG_FIRSTHDR(&message) == NULL) return 72;
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    return write(passed, "through\n", 8) != 8;
  }
  if (connect(fd, (void *) &at, size) != 0) return printf("refused %d\n", errno), 0;
  int own = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0644);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof own), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
  memcpy(CMSG_DATA(header), &own, sizeof own);
  if (sendmsg(fd, &message, 0) != 1) return 73;
  while (read(fd, &byte, 1) > 0);
  puts("passed");
  return 0;
}`;

/** Compiles it into `directory`; gives its path. */
export function makeSocketPeer(directory: string): string {
  const path = join(directory, 'peer');
  writeFileSync(`${path}.c`, PEER_C);
  execFileSync('gcc', ['-O1', '-static', '-w', `${path}.c`, '-o', path], { stdio: 'pipe' });
  return path;
}
