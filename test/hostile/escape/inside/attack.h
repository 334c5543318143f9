/* What the attempts share: facts about the host, and the three ways in which an attempt ends. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define NORETURN __attribute__((noreturn, format(printf, 1, 2)))

/* Each ends the process of its attempt. */
NORETURN void succeeded(const char *format, ...);
NORETURN void refused(const char *format, ...);
NORETURN void unavailable(const char *format, ...);

/* `what` worked when `result` is not negative; errno says why it did not. */
__attribute__((noreturn)) void by_result(long result, const char *what);
/* Called with arguments that can't have an effect: any error but a refusal shows that the caller had the right. */
__attribute__((noreturn)) void by_errno(long result, const char *what);

/* A fact of the host by its name; the attempt is unavailable without it. */
const char *fact(const char *name);
long number_fact(const char *name);

struct attempt {
  const char *name;
  void (*run)(void);
};
extern const struct attempt filesystem_attempts[], mount_attempts[], proc_attempts[], kernel_attempts[],
    namespace_attempts[], privilege_attempts[], device_attempts[], process_attempts[], ipc_attempts[],
    network_attempts[], socket_attempts[], terminal_attempts[], call_attempts[];

/* Whether the file holds the host's secret. */
int holds_secret(const char *path);
int descriptor_holds_secret(int fd);
/* The secret's own path below another name of the host's root: "/proc/7/root", "." */
int secret_below(const char *root);
/* Whether bytes hold it. */
int has_token(const char *bytes, size_t size);

/* Processes that aren't of this program: calls `see` with each pid and ends when it returns true. */
int each_other_process(int (*see)(int pid));

/* The line of /proc/self/status, asked of the kernel and not of a library; -1 without it. */
long long status_line(const char *key, int base);

/* Descriptors above 2 that were open before the first line of main. */
extern char inherited[4096];
/* This program, to be copied and executed again. */
extern const char *self_path;
/* A directory of the attempts' own in the working directory, made on demand. */
const char *scratch(const char *name);
