/*
 * Who a process believes to be. A process that changes it notes so under its number, which exec keeps; a child that
 * executes finds its own note or its parent's. Without a note everybody is the user that the run began as.
 */
#ifndef ALPROOT_IDENTITY_H
#define ALPROOT_IDENTITY_H
#include "ownership-database.h"

static struct identity me;

/* The parent of the first process of a namespace is 0, and so is the number in a free place: it is nobody's. */
static struct process *find_process(u32 pid) {
  if (pid == 0) return 0;
  for (u32 i = 0; i < MAX_PROCESSES; i++) if (records->header.processes[i].pid == pid) return &records->header.processes[i];
  return 0;
}

static void note_identity(u32 pid, const struct identity *identity) {
  lock();
  struct process *p = find_process(pid);
  for (u32 i = 0; !p && i < MAX_PROCESSES; i++) {
    struct process *old = &records->header.processes[i];
    if (old->pid == 0 || call(NR_kill, old->pid, 0, 0, 0) == -NO_PROCESS) p = old;
  }
  if (p) {
    copy(&p->identity, identity, sizeof *identity);
    p->pid = pid;
  }
  unlock();
}

static int is_default(const struct identity *i) {
  const struct header *h = &records->header;
  return i->ruid == h->uid && i->euid == h->uid && i->suid == h->uid && i->rgid == h->gid && i->egid == h->gid && i->sgid == h->gid && i->group_count == 0;
}

/* A note is also made for the default identity where a note of another one could be found. */
static void note_me(void) {
  u32 pid = call(NR_getpid, 0, 0, 0, 0);
  if (!is_default(&me) || find_process(pid) || find_process(call(NR_getppid, 0, 0, 0, 0))) note_identity(pid, &me);
}

static void find_identity(void) {
  const struct header *h = &records->header;
  struct process *p = find_process(call(NR_getpid, 0, 0, 0, 0));
  if (!p) p = find_process(call(NR_getppid, 0, 0, 0, 0));
  if (p) copy(&me, &p->identity, sizeof me);
  else me.ruid = me.euid = me.suid = h->uid, me.rgid = me.egid = me.sgid = h->gid;
}

static void open_records(void) {
  long fd = call(NR_openat, AT_CWD, RECORDS_PATH, 2 | O_CLOSE_ON_EXEC, 0);
  if (fd < 0) return;
  long at = call6(NR_mmap, 0, sizeof(struct records), 3, 1, fd, 0);
  call(NR_close, fd, 0, 0, 0);
  if (at < 0 && at > -4096) return;
  records = (struct records *)at;
  find_identity();
}

enum { KEEP = -1 };

/* setresuid(2) and setresgid(2), on what the process believes to be. */
static long change_ids(u32 *real, u32 *effective, u32 *saved, const long wanted[3]) {
  for (int i = 0; i < 3; i++) {
    u32 id = wanted[i];
    if (me.euid == 0 || id == (u32)KEEP || id == *real || id == *effective || id == *saved) continue;
    return -NO_PERMISSION;
  }
  if ((u32)wanted[0] != (u32)KEEP) *real = wanted[0];
  if ((u32)wanted[1] != (u32)KEEP) *effective = wanted[1];
  if ((u32)wanted[2] != (u32)KEEP) *saved = wanted[2];
  note_me();
  return 0;
}
static long change_users(long r, long e, long s) { return change_ids(&me.ruid, &me.euid, &me.suid, (long[]){r, e, s}); }
static long change_groups(long r, long e, long s) { return change_ids(&me.rgid, &me.egid, &me.sgid, (long[]){r, e, s}); }
#endif
