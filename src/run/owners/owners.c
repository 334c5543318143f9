/*
 * A preloaded library for builds without root: owners, set-id bits, file capabilities and users are kept as records
 * beside the tree and shown to every dynamically linked program, of musl or glibc. It needs no C library itself.
 * Executed instead of loaded, it starts the program named by its arguments with itself preloaded.
 */
#include "execution.h"
#include <stdarg.h>

#define API __attribute__((visibility("default")))
#define WEAK __attribute__((weak))

extern int *__errno_location(void) WEAK;
extern void *dlsym(void *, const char *) WEAK;
extern int putenv(char *) WEAK;
extern char **environ WEAK;

static long answer(long r) {
  if (r >= 0 || r < -4095) return r;
  *__errno_location() = -r;
  return -1;
}
#define NEXT(name) dlsym((void *)-1L, name)

__attribute__((constructor)) static void begin(void) { open_records(); }

/* --- files: owners and modes ------------------------------------------------------------------------------- */

static struct file named(int dir, const char *path, int flags) {
  if ((flags & EMPTY_PATH) && (!path || !*path)) return (struct file){dir, 0, 0};
  return (struct file){dir, path, flags};
}

static int may_change(const struct kernel_stat *st) { return me.euid == 0 || me.euid == st->uid; }

static long set_owner(struct file f, u32 uid, u32 gid) {
  struct kernel_stat st;
  long r = stat_file(f, &st);
  if (r < 0) return r;
  if (me.euid != 0 && (!may_change(&st) || (uid != (u32)KEEP && uid != st.uid))) return -NO_PERMISSION;
  lock();
  struct slot *s = claim_slot(f, &st);
  if (s) {
    s->uid = uid == (u32)KEEP ? st.uid : uid;
    s->gid = gid == (u32)KEEP ? st.gid : gid;
    s->flags = (s->flags & ~HAS_CAPABILITY) | HAS_OWNER;
    /* As the kernel does: what is given away is no longer set-id. */
    if ((s->flags & HAS_MODE) && (st.mode & 0170000) == 0100000) s->flags &= ~HAS_MODE;
  }
  unlock();
  return s ? 0 : -NO_SPACE;
}

static long set_mode(struct file f, u32 mode) {
  struct kernel_stat st;
  long r = stat_file(f, &st);
  if (r < 0) return r;
  if (!may_change(&st)) return -NO_PERMISSION;
  if ((st.mode & 0170000) == 0120000) return -NOT_SUPPORTED;
  r = f.path ? call(NR_fchmodat, f.dir, f.path, mode & ~06000u, 0) : call(NR_fchmod, f.dir, mode & ~06000u, 0, 0);
  if (r < 0) return r;
  struct slot *s = slot_of(f, &st);
  if (!s && !(mode & 06000)) return 0;
  lock();
  s = claim_slot(f, &st);
  if (s) {
    s->mode = mode & 07777;
    s->flags = mode & 06000 ? s->flags | HAS_MODE : s->flags & ~HAS_MODE;
  }
  unlock();
  return s ? 0 : -NO_SPACE;
}

#define UNHOOKED_OWNER(f, u, g) (records ? set_owner(f, u, g) : -NO_PERMISSION)
API int chown(const char *path, u32 u, u32 g) { return answer(UNHOOKED_OWNER(named(AT_CWD, path, 0), u, g)); }
API int lchown(const char *path, u32 u, u32 g) { return answer(UNHOOKED_OWNER(named(AT_CWD, path, NOFOLLOW), u, g)); }
API int fchown(int fd, u32 u, u32 g) { return answer(UNHOOKED_OWNER(named(fd, 0, EMPTY_PATH), u, g)); }
API int fchownat(int dir, const char *path, u32 u, u32 g, int flags) { return answer(UNHOOKED_OWNER(named(dir, path, flags), u, g)); }

#define CHANGE_MODE(f, mode) (records ? set_mode(f, mode) : f.path ? call(NR_fchmodat, f.dir, f.path, mode, 0) : call(NR_fchmod, f.dir, mode, 0, 0))
static long change_mode(struct file f, u32 mode) { return CHANGE_MODE(f, mode); }
API int chmod(const char *path, u32 mode) { return answer(change_mode(named(AT_CWD, path, 0), mode)); }
API int lchmod(const char *path, u32 mode) { return answer(change_mode(named(AT_CWD, path, NOFOLLOW), mode)); }
API int fchmod(int fd, u32 mode) { return answer(change_mode(named(fd, 0, EMPTY_PATH), mode)); }
API int fchmodat(int dir, const char *path, u32 mode, int flags) { return answer(change_mode(named(dir, path, flags), mode)); }

/* --- files: what is told of them ---------------------------------------------------------------------------- */

API int stat(const char *path, struct kernel_stat *st) { return answer(stat_file(named(AT_CWD, path, 0), st)); }
API int lstat(const char *path, struct kernel_stat *st) { return answer(stat_file(named(AT_CWD, path, NOFOLLOW), st)); }
API int fstat(int fd, struct kernel_stat *st) { return answer(stat_file(named(fd, 0, EMPTY_PATH), st)); }
API int fstatat(int dir, const char *path, struct kernel_stat *st, int flags) { return answer(stat_file(named(dir, path, flags), st)); }
#define ALIAS(name, of) API __typeof__(of) name __attribute__((alias(#of)));
ALIAS(stat64, stat) ALIAS(lstat64, lstat) ALIAS(fstat64, fstat) ALIAS(fstatat64, fstatat)
/* glibc before 2.33 */
API int __xstat(int v, const char *path, struct kernel_stat *st) { return (void)v, stat(path, st); }
API int __lxstat(int v, const char *path, struct kernel_stat *st) { return (void)v, lstat(path, st); }
API int __fxstat(int v, int fd, struct kernel_stat *st) { return (void)v, fstat(fd, st); }
API int __fxstatat(int v, int dir, const char *path, struct kernel_stat *st, int flags) { return (void)v, fstatat(dir, path, st, flags); }
ALIAS(__xstat64, __xstat) ALIAS(__lxstat64, __lxstat) ALIAS(__fxstat64, __fxstat) ALIAS(__fxstatat64, __fxstatat)

/* By descriptor: PRoot 5.1 doesn't translate the paths of statx. */
API int statx(int dir, const char *path, int flags, u32 mask, struct kernel_statx *x) {
  if (!records) return answer(call6(NR_statx, dir, (long)path, flags, mask, (long)x, 0));
  struct file f = named(dir, path, flags);
  struct kernel_stat st;
  int fd = dir;
  if (f.path) fd = call(NR_openat, dir, path, O_NAME_ONLY | O_CLOSE_ON_EXEC | (flags & NOFOLLOW ? O_NO_LINK : 0), 0);
  if (f.path && fd < 0) return answer(fd);
  long r = call6(NR_statx, fd, (long)"", EMPTY_PATH | (flags & 0x6000), mask, (long)x, 0);
  if (f.path) call(NR_close, fd, 0, 0, 0);
  if (r == 0 && stat_file(f, &st) == 0) x->uid = st.uid, x->gid = st.gid, x->mode = st.mode;
  return answer(r);
}

/* --- files that are made: theirs who makes them --------------------------------------------------------------- */

static void own_new(struct file f) {
  struct kernel_stat st;
  u32 uid = me.euid, gid = me.egid;
  if (stat_file(f, &st) != 0 || (st.uid == uid && st.gid == gid)) return;
  lock();
  struct slot *s = claim_slot(f, &st);
  if (s) s->uid = uid, s->gid = gid, s->flags |= HAS_OWNER;
  unlock();
}
static int is_missing(struct file f) {
  struct kernel_stat st;
  return records && call(NR_newfstatat, f.dir, f.path, &st, f.flags & NOFOLLOW) == -NO_ENTRY;
}
static int differs(void) { return records && (me.euid | me.egid | records->header.uid | records->header.gid); }

static long open_file(int dir, const char *path, int flags, u32 mode) {
  int made = (flags & O_CREATE) && differs() && is_missing(named(dir, path, 0));
  long fd = call(NR_openat, dir, path, flags, records ? mode & ~06000u : mode);
  if (made && fd >= 0) own_new(named(fd, 0, EMPTY_PATH));
  return fd;
}
#define MODE_ARGUMENT(last) u32 mode = 0; va_list list; va_start(list, last); if (last & (O_CREATE | 020000000)) mode = va_arg(list, u32); va_end(list)
API int open(const char *path, int flags, ...) { MODE_ARGUMENT(flags); return answer(open_file(AT_CWD, path, flags, mode)); }
API int openat(int dir, const char *path, int flags, ...) { MODE_ARGUMENT(flags); return answer(open_file(dir, path, flags, mode)); }
API int creat(const char *path, u32 mode) { return answer(open_file(AT_CWD, path, O_CREATE | 01001, mode)); }
ALIAS(open64, open) ALIAS(openat64, openat) ALIAS(creat64, creat)

API int mkdirat(int dir, const char *path, u32 mode) {
  long r = call(NR_mkdirat, dir, path, mode, 0);
  if (r == 0 && differs()) own_new(named(dir, path, NOFOLLOW));
  return answer(r);
}
API int mkdir(const char *path, u32 mode) { return mkdirat(AT_CWD, path, mode); }
API int symlinkat(const char *target, int dir, const char *path) {
  long r = call(NR_symlinkat, target, dir, path, 0);
  if (r == 0 && differs()) own_new(named(dir, path, NOFOLLOW));
  return answer(r);
}
API int symlink(const char *target, const char *path) { return symlinkat(target, AT_CWD, path); }

static void *open_stream(const char *name, const char *path, const char *how) {
  int made = differs() && is_missing(named(AT_CWD, path, 0));
  void *stream = ((void *(*)(const char *, const char *))NEXT(name))(path, how);
  if (made && stream) own_new(named(AT_CWD, path, 0));
  return stream;
}
API void *fopen(const char *path, const char *how) { return open_stream("fopen", path, how); }
API void *fopen64(const char *path, const char *how) { return open_stream("fopen64", path, how); }
API int mkstemp(char *pattern) {
  int fd = ((int (*)(char *))NEXT("mkstemp"))(pattern);
  if (fd >= 0 && differs()) own_new(named(fd, 0, EMPTY_PATH));
  return fd;
}
API char *mkdtemp(char *pattern) {
  char *made = ((char *(*)(char *))NEXT("mkdtemp"))(pattern);
  if (made && differs()) own_new(named(AT_CWD, made, NOFOLLOW));
  return made;
}

#include "capabilities.h"
#include "users.h"
#include "programs.h"
