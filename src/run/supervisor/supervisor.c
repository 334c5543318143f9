/*
 * supervisor PARENT PROGRAM ARGUMENT...: starts a program, and lets no descendant of it outlive the program or PARENT.
 * supervisor PARENT -p DIRECTORY PROGRAM ARGUMENT...: the same, with output through named pipes, see open_pipes.
 *
 * It asks for a signal at its parent's death before it starts anything, and then looks whether the parent is still
 * there, so no moment is left in which the death goes unseen. All signals are blocked from the beginning; one loop
 * takes them. Whoever loses its own parent below becomes our child, and can be ended by us, whatever group, session
 * or namespace it has made for itself.
 *
 * TERM, and the parent's death: everything ends. The rest of the signals is for the program, which has our terminal;
 * we leave its group, so that what is sent to the group does not reach us.
 */
#include "../owners/system-calls.h"

#if defined(__x86_64__)
enum { NR_read = 0, NR_sigprocmask = 14, NR_clone = 56, NR_wait4 = 61, NR_setpgid = 109, NR_sigtimedwait = 128, NR_prctl = 157, NR_getdents64 = 217, NR_unlinkat = 263, NR_readlinkat = 267, NR_prlimit = 302, NR_mknodat = 259, NR_dup3 = 292 };
#else
enum { NR_read = 63, NR_sigprocmask = 135, NR_clone = 220, NR_wait4 = 260, NR_setpgid = 154, NR_sigtimedwait = 137, NR_prctl = 167, NR_getdents64 = 61, NR_unlinkat = 35, NR_readlinkat = 78, NR_prlimit = 261, NR_mknodat = 33, NR_dup3 = 24 };
#endif
enum { QUIT = 3, KILL = 9, TERM = 15, CHLD = 17, PARENT_DEATH_SIGNAL = 1, CHILD_SUBREAPER = 36, NO_HANG = 1, INTERRUPTED = 4, NO_CHILD = 10, CORE_SIZE = 4 };
/* In ten milliseconds: for a program that is asked to end; for what does not end by KILL, another user's or asleep in the kernel. */
enum { COURTESY = 100, PATIENCE = 500 };

enum { REMOVE_DIRECTORY = 0x200, MOST_KILLED = 64, MOST_LEVELS = 16, FIFO = 0010000, AGAIN = 11 };

static struct { long self, program, killed[MOST_KILLED]; int status, adopts, deaths; } state;

static void leave(int code) {
  for (;;) call(NR_exit, code, 0, 0, 0);
}
static void say(const char *text) { call(NR_write, 2, text, length(text), 0); }

static long number(const char *text) {
  long n = 0;
  while (*text >= '0' && *text <= '9') n = n * 10 + (*text++ - '0');
  return *text ? -1 : n;
}

/* Takes what has ended. True as long as there are children. */
static int reap(void) {
  int status;
  long pid;
  while ((pid = call(NR_wait4, -1, &status, NO_HANG, 0)) > 0 || pid == -INTERRUPTED) {
    if (pid == state.program) state.program = 0, state.status = status;
    if (pid > 0 && (status & 127) && state.deaths < MOST_KILLED) state.killed[state.deaths++] = pid;
  }
  return pid != -NO_CHILD;
}

/* A path of /proc, with the NUL. */
static void name_file(char *out, const char *pid, const char *file) {
  copy(out, "/proc/", 6);
  copy(out + 6, pid, length(pid));
  copy(out + 6 + length(pid), file, length(file) + 1);
}

/* What a small file of /proc holds, with a NUL; its length, 0 when it is not there. */
static long read_file(const char *pid, const char *file, char *text, size_t size) {
  char path[64];
  name_file(path, pid, file);
  long fd = call(NR_openat, AT_CWD, path, O_CLOSE_ON_EXEC, 0);
  if (fd < 0) return 0;
  long got = call(NR_read, fd, text, size - 1, 0);
  call(NR_close, fd, 0, 0, 0);
  text[got > 0 ? got : 0] = 0;
  return got > 0 ? got : 0;
}

struct process { long parent, session; char state; };

/* /proc/PID/stat: its fields are counted from the last bracket, for the command may hold any byte. */
static int look(const char *pid, struct process *out) {
  char text[512];
  long got = read_file(pid, "/stat", text, sizeof text), at = got - 1;
  while (at > 0 && text[at] != ')') at--;
  if (at <= 0 || at + 2 >= got) return 0;
  out->state = text[at + 2];
  long fields[4] = {0, 0, 0, 0}, field = 0;
  for (at += 3; at < got && field < 4; at++) {
    if (text[at] == ' ') field++;
    else if (field > 0 && text[at] >= '0' && text[at] <= '9') fields[field - 1] = fields[field - 1] * 10 + (text[at] - '0');
  }
  out->parent = fields[0];
  out->session = fields[2];
  return field == 4;
}

/* Whether /proc speaks of the processes that we know, and not of another namespace's. */
static int knows_us(void) {
  char text[24];
  long got = call(NR_readlinkat, AT_CWD, "/proc/self", text, sizeof text - 1);
  if (got <= 0) return 0;
  text[got] = 0;
  return number(text) == state.self;
}

/* Kills it when it is ours, or of the session that we lead. True when its end must be waited for: that of the first
 * process of a namespace, which bubblewrap leaves to us, comes when the kernel has ended all others of it, and not
 * before nobody of them can write any more. */
static int kill_one(const char *name) {
  struct process other;
  long pid = number(name);
  if (pid <= 0 || pid == state.self || !look(name, &other)) return 0;
  if (other.state == 'Z') return other.parent == state.self;
  if (other.parent != state.self && other.session != state.self) return 0;
  call(NR_kill, pid, KILL, 0, 0);
  return 1;
}

/* Kernels that list a process's children save us from looking at all processes. -1 where they don't. */
static int kill_listed(void) {
  char text[4096], *word = text;
  int found = 0;
  long fd = call(NR_openat, AT_CWD, "/proc/thread-self/children", O_CLOSE_ON_EXEC, 0);
  if (fd < 0) return -1;
  long got = call(NR_read, fd, text, sizeof text - 1, 0);
  call(NR_close, fd, 0, 0, 0);
  for (long at = 0; at < got; at++) {
    if (text[at] != ' ') continue;
    text[at] = 0;
    found += kill_one(word);
    word = text + at + 1;
  }
  return found;
}

static int kill_found(void) {
  static char entries[32768] __attribute__((aligned(8)));
  int found = state.adopts ? kill_listed() : -1;
  if (found >= 0) return found;
  found = 0;
  long fd = call(NR_openat, AT_CWD, "/proc", O_CLOSE_ON_EXEC, 0), got;
  if (fd < 0) return 0;
  while ((got = call(NR_getdents64, fd, entries, sizeof entries, 0)) > 0) {
    for (char *entry = entries; entry < entries + got; entry += *(unsigned short *)(entry + 16)) found += kill_one(entry + 19);
  }
  call(NR_close, fd, 0, 0, 0);
  return found;
}

/* How many have been killed and must be waited for. A list that changes while it is read may leave one out. */
static int kill_children(void) {
  if (state.program) call(NR_kill, state.program, KILL, 0, 0);
  if (!knows_us()) return state.program != 0;
  int found = kill_found();
  return found ? found : kill_found();
}

static void await_child(void) {
  u64 children = 1UL << (CHLD - 1);
  struct { long sec, nsec; } moment = {0, 10000000};
  call(NR_sigtimedwait, &children, 0, &moment, 8);
}

/* Children of those that end become ours, so this goes on until there are none. Where the kernel (gVisor's) does not
 * give them to us, the program is asked first: of PRoot this ends whatever it traces. */
static void end_all(void) {
  if (!state.adopts && state.program) call(NR_kill, state.program, QUIT, 0, 0);
  for (int turn = 0; !state.adopts && state.program && turn < COURTESY; turn++) await_child(), reap();
  for (int turn = 0; turn < PATIENCE; turn++) {
    if (!reap() && state.adopts) return;
    if (!kill_children()) return;
    await_child();
  }
}

/* Removes an entry of a directory with all that is in it; links are removed, not followed. */
static void remove_entry(long directory, const char *name, int levels) {
  char entries[2048] __attribute__((aligned(8)));
  long got;
  if (call(NR_unlinkat, directory, name, 0, 0) == 0 || levels == 0) return;
  long fd = call(NR_openat, directory, name, O_CLOSE_ON_EXEC | O_ONLY_DIRECTORY | O_NO_LINK, 0);
  if (fd < 0) return;
  while ((got = call(NR_getdents64, fd, entries, sizeof entries, 0)) > 0) {
    for (char *entry = entries; entry < entries + got; entry += *(unsigned short *)(entry + 16)) {
      const char *inner = entry + 19;
      if (!(inner[0] == '.' && (!inner[1] || (inner[1] == '.' && !inner[2])))) remove_entry(fd, inner, levels - 1);
    }
  }
  call(NR_close, fd, 0, 0, 0);
  call(NR_unlinkat, directory, name, REMOVE_DIRECTORY, 0);
}

/* Whether a name is `PREFIX PID -…` of a process that was killed under us. */
static int is_of_killed(const char *name, const char *prefix) {
  if (!starts(name, prefix)) return 0;
  long pid = 0;
  for (name += length(prefix); *name >= '0' && *name <= '9'; name++) pid = pid * 10 + (*name - '0');
  for (int at = 0; *name == '-' && at < state.deaths; at++) if (state.killed[at] == pid) return 1;
  return 0;
}

/* PRoot keeps its loader in /tmp, wherever it is told to keep its files, and takes it away at its end, if nobody kills it. */
static void sweep(void) {
  char entries[4096] __attribute__((aligned(8)));
  long fd, got;
  if (state.deaths == 0 || (fd = call(NR_openat, AT_CWD, "/tmp", O_CLOSE_ON_EXEC | O_ONLY_DIRECTORY, 0)) < 0) return;
  while ((got = call(NR_getdents64, fd, entries, sizeof entries, 0)) > 0) {
    for (char *entry = entries; entry < entries + got; entry += *(unsigned short *)(entry + 16)) {
      if (is_of_killed(entry + 19, "prooted-") || is_of_killed(entry + 19, "proot-")) remove_entry(fd, entry + 19, MOST_LEVELS);
    }
  }
  call(NR_close, fd, 0, 0, 0);
}

/* Ends as the program did. */
static void follow(int status) {
  int signal = status & 127;
  if (signal) {
    u64 none[2] = {0, 0};
    call6(NR_prlimit, 0, CORE_SIZE, (long)none, 0, 0, 0);
    call(NR_sigprocmask, 2, none, 0, 8);
    call(NR_kill, state.self, signal, 0, 0);
  }
  leave(signal ? 128 + signal : status >> 8 & 255);
}

/*
 * Standard output and error become named pipes of an empty DIRECTORY of PARENT's, which the program can open again by
 * /proc/self/fd, unlike the sockets that it has from PARENT. Through the first socket goes `y` when they are there to
 * be read, or `n` when none can be made and the sockets must do; then `k` when they are connected. PARENT's end, or a
 * signal to us, is the end of whoever waits here for PARENT.
 */
static void open_pipes(const char *path) {
  static const char *const names[] = {"1", "2"};
  long fds[2], directory = call(NR_openat, AT_CWD, path, O_CLOSE_ON_EXEC | O_ONLY_DIRECTORY | O_NO_LINK, 0);
  int made = 0;
  while (made < 2 && call(NR_mknodat, directory, names[made], FIFO | 0666, 0) == 0 && call(NR_fchmodat, directory, names[made], 0666, 0) == 0) made++;
  call(NR_write, 1, made == 2 ? "y" : "n", 1, 0);
  for (int at = 0; made == 2 && at < 2; at++) {
    fds[at] = call(NR_openat, directory, names[at], O_CLOSE_ON_EXEC | O_WRITE, 0);
    if (fds[at] < 0) leave(126);
  }
  if (made == 2) call(NR_write, 1, "k", 1, 0);
  for (int at = 0; at < 2; at++) {
    if (made == 2) call(NR_dup3, fds[at], at + 1, 0, 0);
    call(NR_unlinkat, directory, names[at], 0, 0);
  }
  call(NR_unlinkat, AT_CWD, path, REMOVE_DIRECTORY, 0);
  call(NR_close, directory, 0, 0, 0);
}

static void start(char **words, char **env, const u64 *mask) {
  call(NR_prctl, PARENT_DEATH_SIGNAL, KILL, 0, 0);
  if (call(NR_getppid, 0, 0, 0, 0) != state.self) leave(128 + KILL);
  if (same(words[0], "-p") && words[1] && words[2]) open_pipes(words[1]), words += 2;
  call(NR_sigprocmask, 2, mask, 0, 8);
  long r = call(NR_execve, words[0], words, env, 0);
  say(words[0]);
  say(r == -NO_ENTRY ? ": not found\n" : ": cannot be executed\n");
  leave(r == -NO_ENTRY ? 127 : 126);
}

__attribute__((noreturn, used)) static void enter(long *stack) {
  long argc = stack[0], parent;
  char **argv = (char **)(stack + 1), **env = argv + argc + 1;
  u64 all = ~0UL, mask = 0;
  if (argc < 3 || (parent = number(argv[1])) <= 0) say("supervisor PARENT PROGRAM ARGUMENT...\n"), leave(2);
  call(NR_sigprocmask, 0, &all, &mask, 8);
  call(NR_prctl, PARENT_DEATH_SIGNAL, TERM, 0, 0);
  if (call(NR_getppid, 0, 0, 0, 0) != parent) leave(128 + KILL);
  state.adopts = call(NR_prctl, CHILD_SUBREAPER, 1, 0, 0) == 0;
  state.self = call(NR_getpid, 0, 0, 0, 0);
  state.program = call6(NR_clone, CHLD, 0, 0, 0, 0, 0);
  if (state.program == 0) start(argv + 2, env, &mask);
  if (state.program == -AGAIN) say("supervisor: no more processes or threads may be started (ulimit -u, or pids.max of the container)\n"), leave(126);
  if (state.program < 0) say("supervisor: cannot fork\n"), leave(126);
  call(NR_setpgid, 0, 0, 0, 0);
  while (state.program) {
    long signal = call(NR_sigtimedwait, &all, 0, 0, 8);
    if (signal == TERM) break;
    reap();
  }
  int killed = state.program != 0;
  end_all();
  sweep();
  follow(killed ? KILL : state.status);
  for (;;);
}
#if defined(__x86_64__)
__asm__(".text\n.globl alproot_supervisor\n.type alproot_supervisor,@function\nalproot_supervisor:\n  xor %ebp,%ebp\n  mov %rsp,%rdi\n  and $-16,%rsp\n  call enter\n");
#else
__asm__(".text\n.globl alproot_supervisor\n.type alproot_supervisor,%function\nalproot_supervisor:\n  mov x29,#0\n  mov x0,sp\n  bl enter\n");
#endif
