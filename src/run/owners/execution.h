/* Starting programs so that they are hooked too, whatever has become of the environment, and the search along PATH. */
#ifndef ALPROOT_EXECUTION_H
#define ALPROOT_EXECUTION_H
#include "identity.h"

#define PRELOAD "LD_PRELOAD=" LIBRARY_PATH

static int has_preload(char *const env[]) {
  for (; env && *env; env++) if (starts(*env, "LD_PRELOAD=")) return 1;
  return 0;
}
static size_t count(char *const list[]) {
  size_t n = 0;
  while (list && list[n]) n++;
  return n;
}
static void with_preload(char *const env[], char **out) {
  size_t n = count(env);
  copy(out, env, n * sizeof *out);
  out[n] = (char *)PRELOAD;
  out[n + 1] = 0;
}
#define HOOKED_ENV(name, env) \
  char *name##_room[has_preload(env) ? 1 : count(env) + 2]; \
  if (!has_preload(env)) with_preload(env, name##_room); \
  char *const *name = has_preload(env) ? env : name##_room;

/* A program with recorded set-id bits makes its user its owner. */
static void take_set_id(const char *path) {
  struct kernel_stat st;
  struct identity before = me;
  if (stat_file((struct file){AT_CWD, path, 0}, &st) != 0) return;
  if (st.mode & 04000) me.euid = me.suid = st.uid;
  if ((st.mode & 02010) == 02010) me.egid = me.sgid = st.gid;
  if (me.euid != before.euid || me.egid != before.egid) note_identity(call(NR_getpid, 0, 0, 0, 0), &me);
}

static long run_program(const char *path, char *const argv[], char *const env[]) {
  if (records) {
    struct identity before = me;
    note_me();
    take_set_id(path);
    HOOKED_ENV(hooked, env)
    long r = call(NR_execve, path, argv, hooked, 0);
    if (me.euid != before.euid || me.egid != before.egid) {
      me = before;
      note_identity(call(NR_getpid, 0, 0, 0, 0), &me);
    }
    return r;
  }
  return call(NR_execve, path, argv, env, 0);
}

/* A text without `#!` is a script of the shell. */
static long run_script(const char *path, char *const argv[], char *const env[]) {
  size_t n = count(argv);
  char *words[n + 2];
  words[0] = (char *)"/bin/sh";
  words[1] = (char *)path;
  for (size_t i = 1; i <= n; i++) words[i + 1] = argv[i];
  return run_program("/bin/sh", words, env);
}

static const char *variable(char *const env[], const char *name) {
  for (; env && *env; env++) if (starts(*env, name) && (*env)[length(name)] == '=') return *env + length(name) + 1;
  return 0;
}

/* execvpe(3) */
static long search_program(const char *file, char *const argv[], char *const env[], const char *path) {
  if (!*file) return -NO_ENTRY;
  for (const char *c = file; *c; c++) {
    if (*c != '/') continue;
    long r = run_program(file, argv, env);
    return r == -NOT_EXECUTABLE ? run_script(file, argv, env) : r;
  }
  if (!path) path = "/usr/local/bin:/bin:/usr/bin";
  long result = -NO_ENTRY;
  for (size_t n; ; path += n + 1) {
    for (n = 0; path[n] && path[n] != ':'; n++);
    char place[n + length(file) + 2];
    copy(place, path, n);
    place[n] = '/';
    copy(place + n + (n ? 1 : 0), file, length(file) + 1);
    long r = run_program(place, argv, env);
    if (r == -NOT_EXECUTABLE) return run_script(place, argv, env);
    if (r == -NO_ACCESS) result = r;
    else if (r != -NO_ENTRY && r != -NOT_DIRECTORY) return r;
    if (!path[n]) return result;
  }
}
#endif
