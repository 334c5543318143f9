/* Part of owners.c: the attribute security.capability, as setcap sets it and getcap reads it. */

#define CAPABILITY "security.capability"

static long set_capability(struct file f, const void *value, size_t size) {
  struct kernel_stat st;
  long r = stat_file(f, &st);
  if (r < 0) return r;
  if (me.euid != 0) return -NO_PERMISSION;
  if (size > sizeof((struct slot *)0)->capability) return -OUT_OF_RANGE;
  lock();
  struct slot *s = claim_slot(f, &st);
  if (s) {
    copy(s->capability, value, size);
    s->capability_size = size;
    s->flags |= HAS_CAPABILITY;
  }
  unlock();
  return s ? 0 : -NO_SPACE;
}

static long get_capability(struct file f, void *value, size_t size) {
  struct kernel_stat st;
  long r = stat_file(f, &st);
  if (r < 0) return r;
  struct slot *s = slot_of(f, &st);
  if (!s || !(s->flags & HAS_CAPABILITY)) return -NO_DATA;
  if (size == 0) return s->capability_size;
  if (size < s->capability_size) return -OUT_OF_RANGE;
  copy(value, s->capability, s->capability_size);
  return s->capability_size;
}

static long remove_capability(struct file f) {
  struct kernel_stat st;
  long r = stat_file(f, &st);
  if (r < 0) return r;
  struct slot *s = slot_of(f, &st);
  if (!s || !(s->flags & HAS_CAPABILITY)) return -NO_DATA;
  if (me.euid != 0) return -NO_PERMISSION;
  lock();
  s->flags &= ~HAS_CAPABILITY;
  unlock();
  return 0;
}

/* Adds our attribute's name to the kernel's list. */
static long list_with_capability(struct file f, long listed, char *list, size_t size) {
  if (!records || (listed < 0 && listed != -NOT_SUPPORTED) || get_capability(f, 0, 0) < 0) return listed;
  if (listed < 0) listed = 0;
  if (size == 0) return listed + sizeof CAPABILITY;
  if (size < listed + sizeof CAPABILITY) return -OUT_OF_RANGE;
  copy(list + listed, CAPABILITY, sizeof CAPABILITY);
  return listed + sizeof CAPABILITY;
}

#define OURS (records && same(name, CAPABILITY))
#define ATTRIBUTE_CALLS(prefix, TARGET, target, file) \
  API int prefix##setxattr(TARGET, const char *name, const void *value, size_t size, int flags) { \
    return answer(OURS ? set_capability(file, value, size) : call6(NR_##prefix##setxattr, (long)target, (long)name, (long)value, size, flags, 0)); } \
  API long prefix##getxattr(TARGET, const char *name, void *value, size_t size) { \
    return answer(OURS ? get_capability(file, value, size) : call(NR_##prefix##getxattr, target, name, value, size)); } \
  API int prefix##removexattr(TARGET, const char *name) { \
    return answer(OURS ? remove_capability(file) : call(NR_##prefix##removexattr, target, name, 0, 0)); } \
  API long prefix##listxattr(TARGET, char *list, size_t size) { \
    return answer(list_with_capability(file, call(NR_##prefix##listxattr, target, list, size, 0), list, size)); }
ATTRIBUTE_CALLS(, const char *path, path, named(AT_CWD, path, 0))
ATTRIBUTE_CALLS(l, const char *path, path, named(AT_CWD, path, NOFOLLOW))
ATTRIBUTE_CALLS(f, int fd, fd, named(fd, 0, EMPTY_PATH))
