/* Objects that the kernel knows by number or name: shared memory, semaphores, queues, keys. */
#include "attack.h"
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void shared_memory(void) {
  const char *bytes = shmat((int)number_fact("SHM"), NULL, SHM_RDONLY);
  if (bytes == (void *)-1) refused("shmat: %s", strerror(errno));
  if (has_token(bytes, 64)) succeeded("read the host's shared memory");
}

static void semaphore(void) {
  const int value = semctl((int)number_fact("SEM"), 0, GETVAL);
  if (value < 0) refused("semctl: %s", strerror(errno));
  if (value == 4711) succeeded("read the host's semaphore");
}

static void queue(void) {
  struct msqid_ds seen;
  if (msgctl((int)number_fact("MSG"), IPC_STAT, &seen) != 0) refused("msgctl: %s", strerror(errno));
  if (seen.msg_qnum == 1) succeeded("found the host's message queue");
}

static void posix_memory(void) {
  char path[256];
  snprintf(path, sizeof path, "/dev/shm/%s", fact("POSIX_SHM"));
  if (holds_secret(path)) succeeded("read %s", path);
  refused("%s: %s", path, strerror(errno));
}

static void posix_queue(void) {
  char name[256];
  snprintf(name, sizeof name, "/%s", fact("MQUEUE"));
  by_result(mq_open(name, O_RDONLY), "mq_open");
}

static void add_key(void) {
  by_result(syscall(SYS_add_key, "user", "alproot-escape", "x", 1, KEY_SPEC_PROCESS_KEYRING), "add_key");
}

static void read_key(void) {
  char bytes[256];
  const long size = syscall(SYS_keyctl, KEYCTL_READ, number_fact("KEY"), bytes, sizeof bytes);
  if (size < 0) refused("keyctl read: %s", strerror(errno));
  if (has_token(bytes, (size_t)size < sizeof bytes ? (size_t)size : sizeof bytes)) succeeded("read the host's key");
}

static void session_keys(void) {
  by_result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), "the session's keyring");
}

static void user_keys(void) {
  by_result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0), "the user's keyring");
}

static void request_key(void) {
  by_errno(syscall(SYS_request_key, "user", "alproot-escape-none", NULL, 0), "request_key");
}

const struct attempt ipc_attempts[] = {
    {"sysv-shm", shared_memory}, {"sysv-sem", semaphore}, {"sysv-msg", queue}, {"dev-shm", posix_memory},
    {"mqueue", posix_queue}, {"add-key", add_key}, {"key-read", read_key}, {"key-session", session_keys},
    {"key-user", user_keys}, {"request-key", request_key}, {NULL, NULL},
};
