/*
 * The records of owners: a file that every process of a sandbox maps. One slot for an inode, found by its number; a
 * slot counts only for the inode with the birth time that it was made for, so that a number used again is a new file.
 * The layout is read and written by records.ts too: change both.
 */
#ifndef ALPROOT_RECORDS_H
#define ALPROOT_RECORDS_H
#include "system-calls.h"

#define RECORDS_PATH "/.alproot-owners/records"
#define LIBRARY_PATH "/.alproot-owners/owners.so"
#define CAPACITY (1u << 18)
#define MAX_GROUPS 16
#define MAX_PROCESSES 32

enum { USED = 1, HAS_OWNER = 2, HAS_MODE = 4, HAS_CAPABILITY = 8 };

struct identity {
  u32 ruid, euid, suid, rgid, egid, sgid, group_count;
  u32 groups[MAX_GROUPS];
};
struct process {
  u32 pid;
  struct identity identity;
};
struct header {
  char magic[8];
  /* Process that writes, 0 when none does. */
  u32 lock;
  u32 used;
  /* Nobody's files and processes belong to these. */
  u32 uid, gid;
  /* Nanoseconds since 1970: files born since then are uid's and gid's. */
  u64 start;
  char pad[24];
  struct process processes[MAX_PROCESSES];
};
struct slot {
  u64 dev, ino, birth;
  u32 flags, uid, gid, mode;
  u32 capability_size, pad;
  char capability[24];
};
struct records {
  struct header header;
  char pad[4096 - sizeof(struct header)];
  struct slot slots[CAPACITY];
};

static struct records *records;

/* Something of a file that records are kept for. */
struct file {
  int dir;
  const char *path;
  int flags;
};

static u64 birth_of(struct file f) {
  struct kernel_statx x;
  int fd = f.dir, opened = 0;
  if (f.path && *f.path) {
    fd = call(NR_openat, f.dir, f.path, O_NAME_ONLY | O_CLOSE_ON_EXEC | (f.flags & NOFOLLOW ? O_NO_LINK : 0), 0);
    if (fd < 0) return 0;
    opened = 1;
  }
  long r = call6(NR_statx, fd, (long)"", EMPTY_PATH, 0x800, (long)&x, 0);
  if (opened) call(NR_close, fd, 0, 0, 0);
  return r == 0 && (x.mask & 0x800) ? (u64)x.btime.sec * 1000000000ul + x.btime.nsec : 0;
}

static struct slot *find_slot(u64 dev, u64 ino) {
  for (u32 i = 0; i < CAPACITY; i++) {
    struct slot *s = &records->slots[(ino + i) & (CAPACITY - 1)];
    if (!(__atomic_load_n(&s->flags, __ATOMIC_ACQUIRE) & USED)) return 0;
    if (s->dev == dev && s->ino == ino) return s;
  }
  return 0;
}

/* The slot of the file that `st` tells of; none when it is another file's with the same number. */
static struct slot *slot_of(struct file f, const struct kernel_stat *st) {
  struct slot *s = find_slot(st->dev, st->ino);
  if (!s || !s->birth) return s;
  u64 birth = birth_of(f);
  return birth && birth != s->birth ? 0 : s;
}

static void lock(void) {
  u32 self = call(NR_getpid, 0, 0, 0, 0);
  for (u32 tries = 0;; tries++) {
    u32 owner = 0;
    if (__atomic_compare_exchange_n(&records->header.lock, &owner, self, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    /* Its holder may have been killed. */
    if (tries % 64 == 63 && call(NR_kill, owner, 0, 0, 0) == -NO_PROCESS) __atomic_compare_exchange_n(&records->header.lock, &owner, 0, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    call(NR_sched_yield, 0, 0, 0, 0);
  }
}
static void unlock(void) { __atomic_store_n(&records->header.lock, 0, __ATOMIC_RELEASE); }

/* A slot for the file, which keeps what is known already. Under the lock; 0 when all are taken. */
static struct slot *claim_slot(struct file f, const struct kernel_stat *st) {
  struct slot *s = find_slot(st->dev, st->ino);
  u64 birth = birth_of(f);
  if (s) {
    if (s->birth && birth && s->birth != birth) s->flags = USED, s->birth = birth;
    return s;
  }
  if (records->header.used > CAPACITY / 8 * 7) return 0;
  for (u32 i = 0;; i++) {
    s = &records->slots[(st->ino + i) & (CAPACITY - 1)];
    if (s->flags & USED) continue;
    s->dev = st->dev, s->ino = st->ino, s->birth = birth;
    records->header.used++;
    __atomic_store_n(&s->flags, USED, __ATOMIC_RELEASE);
    return s;
  }
}

static void show_owner(struct file f, struct kernel_stat *st) {
  struct slot *s = slot_of(f, st);
  const struct header *h = &records->header;
  if (s && (s->flags & HAS_OWNER)) st->uid = s->uid, st->gid = s->gid;
  else if ((h->uid | h->gid) && birth_of(f) >= h->start) st->uid = h->uid, st->gid = h->gid;
  if (s && (s->flags & HAS_MODE)) st->mode = (st->mode & 0170000) | s->mode;
}

/* What the kernel says, with the owners that are recorded. */
static long stat_file(struct file f, struct kernel_stat *st) {
  long r = f.path ? call(NR_newfstatat, f.dir, f.path, st, f.flags & (NOFOLLOW | EMPTY_PATH | 0x800)) : call(NR_fstat, f.dir, st, 0, 0);
  if (r == 0 && records) show_owner(f, st);
  return r;
}
#endif
