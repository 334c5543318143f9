/* The caller's terminal. What was typed into it or changed on it, the host sees afterwards. */
#include "attack.h"
#include <linux/tiocl.h>
#include <sys/ioctl.h>
#include <termios.h>

static int terminals[8], count;

static void collect(void) {
  count = 0;
  for (int fd = 0; fd < 3; fd++)
    if (isatty(fd)) terminals[count++] = fd;
  const char *const names[] = {"/dev/tty", fact("TTY"), "/dev/console", NULL};
  for (const char *const *one = names; *one; one++) {
    const int fd = open(*one, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0) terminals[count++] = fd;
  }
}

static void inject(void) {
  int typed = 0;
  collect();
  for (int index = 0; index < count; index++)
    if (ioctl(terminals[index], TIOCSTI, "!") == 0) typed++;
  unavailable("the host tells; %d of %d terminals took it", typed, count);
}

static void settings(void) {
  collect();
  for (int index = 0; index < count; index++) {
    struct termios now;
    signal(SIGTTOU, SIG_IGN);
    if (tcgetattr(terminals[index], &now) != 0) continue;
    now.c_lflag &= ~(tcflag_t)ECHO;
    now.c_cc[VINTR] = 7;
    tcsetattr(terminals[index], TCSANOW, &now);
  }
  unavailable("the host tells; %d terminals", count);
}

static void foreground(void) {
  collect();
  signal(SIGTTOU, SIG_IGN);
  setpgid(0, 0);
  for (int index = 0; index < count; index++) tcsetpgrp(terminals[index], getpid());
  unavailable("the host tells; %d terminals", count);
}

static void open_terminal(void) {
  struct stat seen;
  const int fd = open(fact("TTY"), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) refused("%s: %s", fact("TTY"), strerror(errno));
  if (fstat(fd, &seen) == 0 && (long)seen.st_ino == number_fact("TTY_INODE")
      && (long)seen.st_dev == number_fact("TTY_DEVICE"))
    succeeded("opened %s", fact("TTY"));
  refused("%s is another terminal", fact("TTY"));
}

static void console(void) {
  char code[2] = {TIOCL_GETSHIFTSTATE, 0};
  collect();
  for (int index = 0; index < count; index++)
    if (ioctl(terminals[index], TIOCLINUX, code) == 0) succeeded("TIOCLINUX");
  refused("TIOCLINUX: %s", strerror(errno));
}

const struct attempt terminal_attempts[] = {
    {"terminal-open", open_terminal}, {"terminal-inject", inject}, {"terminal-settings", settings},
    {"terminal-foreground", foreground}, {"terminal-console", console}, {NULL, NULL},
};
