/* Part of owners.c: the calls that ask and change who the process is. */

API u32 getuid(void) { return records ? me.ruid : (u32)call(NR_getuid, 0, 0, 0, 0); }
API u32 geteuid(void) { return records ? me.euid : (u32)call(NR_geteuid, 0, 0, 0, 0); }
API u32 getgid(void) { return records ? me.rgid : (u32)call(NR_getgid, 0, 0, 0, 0); }
API u32 getegid(void) { return records ? me.egid : (u32)call(NR_getegid, 0, 0, 0, 0); }
API int getresuid(u32 *r, u32 *e, u32 *s) { return *r = getuid(), *e = geteuid(), *s = records ? me.suid : *e, 0; }
API int getresgid(u32 *r, u32 *e, u32 *s) { return *r = getgid(), *e = getegid(), *s = records ? me.sgid : *e, 0; }

API int setresuid(u32 r, u32 e, u32 s) { return answer(records ? change_users(r, e, s) : -NO_PERMISSION); }
API int setresgid(u32 r, u32 e, u32 s) { return answer(records ? change_groups(r, e, s) : -NO_PERMISSION); }
API int setuid(u32 id) { return geteuid() == 0 ? setresuid(id, id, id) : setresuid(KEEP, id, KEEP); }
API int setgid(u32 id) { return geteuid() == 0 ? setresgid(id, id, id) : setresgid(KEEP, id, KEEP); }
API int seteuid(u32 id) { return setresuid(KEEP, id, KEEP); }
API int setegid(u32 id) { return setresgid(KEEP, id, KEEP); }
/* POSIX: the saved id follows the effective one when the real one changes. */
API int setreuid(u32 r, u32 e) { return setresuid(r, e, r != (u32)KEEP || (e != (u32)KEEP && e != me.ruid) ? (e != (u32)KEEP ? e : me.euid) : (u32)KEEP); }
API int setregid(u32 r, u32 e) { return setresgid(r, e, r != (u32)KEEP || (e != (u32)KEEP && e != me.rgid) ? (e != (u32)KEEP ? e : me.egid) : (u32)KEEP); }

API int setgroups(size_t n, const u32 *groups) {
  if (!records || me.euid != 0) return answer(-NO_PERMISSION);
  me.group_count = n < MAX_GROUPS ? n : MAX_GROUPS;
  copy(me.groups, groups, me.group_count * sizeof *groups);
  note_me();
  return 0;
}
API int getgroups(int n, u32 *groups) {
  u32 have = me.group_count ? me.group_count : 1;
  if (n == 0) return have;
  if ((u32)n < have) return answer(-INVALID);
  if (me.group_count) copy(groups, me.groups, have * sizeof *groups);
  else *groups = getegid();
  return have;
}
API int initgroups(const char *user, u32 group) {
  int (*find)(const char *, u32, u32 *, int *) = NEXT("getgrouplist");
  u32 groups[MAX_GROUPS];
  int n = MAX_GROUPS;
  if (!find || find(user, group, groups, &n) < 0) n = MAX_GROUPS;
  return setgroups(n, groups);
}
