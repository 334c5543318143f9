/* The host of the escape attempts: what it sets up for them to find, and what it looks at when they are over. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct host {
  /* A directory of mode 0700 that no sandbox is shown, and the working directory that is. */
  const char *base, *work, *store;
  char token[64], marker[64];
  FILE *facts;
  int terminal, master;
  pid_t victim, server, command;
  int shm, sem, msg;
  char posix_shm[96], queue[96], temporary[96];
};

/* Writes NAME=VALUE for the attempts. */
__attribute__((format(printf, 3, 4))) void fact(struct host *host, const char *name, const char *format, ...);
/* Creates a file that holds the secret. */
void secret_file(const struct host *host, const char *path);

void start_victim(struct host *host, const char *self);
void start_servers(struct host *host);
void make_objects(struct host *host);
void remove_objects(struct host *host);
void open_terminal(struct host *host);

void remember_files(const struct host *host);

/* Prints what only the host can see, a line for each in the form of the attempts. */
void look_at_terminal(const struct host *host);
void look_at_processes(const struct host *host);
void look_at_files(const struct host *host);
