/* Calls that change or inspect the machine. Arguments are such that nothing happens when the call is allowed. */
#include "attack.h"
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static void io_uring(void) {
  struct io_uring_params parameters = {0};
  by_result(syscall(SYS_io_uring_setup, 1, &parameters), "io_uring_setup");
}

static void bpf_map(void) {
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  by_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes), "bpf map");
}

static void bpf_program(void) {
  struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}};
  union bpf_attr attributes = {
      .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (unsigned long)code,
      .license = (unsigned long)"GPL",
  };
  by_result(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes), "bpf program");
}

static void perf(void) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_TASK_CLOCK,
      .exclude_kernel = 1, .exclude_hv = 1, .disabled = 1,
  };
  by_result(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0), "perf_event_open");
}

static void perf_machine(void) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1,
  };
  by_result(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0), "perf_event_open of a processor");
}

static void userfaults(void) { by_result(syscall(SYS_userfaultfd, O_CLOEXEC | 1), "userfaultfd"); }

/* Too many segments: turned down before the loaded image is touched. */
static void kexec(void) { by_errno(syscall(SYS_kexec_load, 0, 4096, NULL, 0), "kexec_load"); }
static void kexec_file(void) { by_errno(syscall(SYS_kexec_file_load, -1, -1, 0, "", 0x8000), "kexec_file_load"); }
static void load_module(void) { by_errno(syscall(SYS_init_module, NULL, 0, ""), "init_module"); }
static void load_module_file(void) { by_errno(syscall(SYS_finit_module, -1, "", 0), "finit_module"); }
static void unload_module(void) { by_errno(syscall(SYS_delete_module, "no-such-module", O_NONBLOCK), "delete_module"); }
static void swap_on(void) { by_errno(swapon(scratch("no-swap"), 0), "swapon"); }
static void swap_off(void) { by_errno(swapoff(scratch("no-swap")), "swapoff"); }
/* Not one of the magic numbers. */
static void restart(void) { by_errno(syscall(SYS_reboot, 1, 1, 1, 0), "reboot"); }
static void accounting(void) { by_errno(acct(scratch("no-swap")), "acct"); }
static void quota(void) {
  if (quotactl(QCMD(Q_SYNC, USRQUOTA), "/dev/null", 0, NULL) != 0) by_errno(-1, "quotactl");
  succeeded("quotactl");
}

static void clock_tick(void) {
  struct timex change = {.modes = ADJ_TICK, .tick = 1};
  by_errno(adjtimex(&change), "adjtimex");
}

static void clock_adjust(void) {
  struct timex change = {.modes = ADJ_TICK, .tick = 1};
  by_errno(clock_adjtime(CLOCK_REALTIME, &change), "clock_adjtime");
}

static void time_zone(void) {
  struct timezone zone = {.tz_minuteswest = 100000};
  by_errno(syscall(SYS_settimeofday, NULL, &zone), "settimeofday");
}


/* The kernel can't take a name of length -1; who says that it did pretends. */
static void by_name(long result, const char *what) {
  if (result >= 0) refused("%s is a pretence", what);
  by_errno(result, what);
}

static void host_name(void) { by_name(syscall(SYS_sethostname, "x", -1), "sethostname"); }
static void domain_name(void) { by_name(syscall(SYS_setdomainname, "x", -1), "setdomainname"); }
static void ports(void) { by_result(iopl(3), "iopl"); }
static void port(void) { by_result(ioperm(0x80, 1, 1), "ioperm"); }

static void log_read(void) {
  char text[256];
  by_result(klogctl(3, text, sizeof text), "read the kernel's log");
}

/* In a session without a terminal there is nothing to hang up. */
static void hang_up(void) {
  setsid();
  by_result(vhangup(), "vhangup");
}

static void persona(void) { by_result(personality(ADDR_NO_RANDOMIZE), "personality"); }

static void filter_off(void) {
  const long long mode = status_line("Seccomp", 10);
  if (mode == 2) refused("a filter is set");
  if (mode < 0) unavailable("/proc/self/status does not say");
  succeeded("no seccomp filter");
}

static void may_gain(void) {
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) refused("no_new_privs");
  succeeded("no_new_privs is not set");
}

const struct attempt kernel_attempts[] = {
    {"io-uring", io_uring}, {"bpf-map", bpf_map}, {"bpf-program", bpf_program}, {"perf-event", perf},
    {"perf-machine", perf_machine}, {"userfaultfd", userfaults}, {"kexec", kexec}, {"kexec-file", kexec_file},
    {"init-module", load_module}, {"finit-module", load_module_file}, {"delete-module", unload_module},
    {"swapon", swap_on}, {"swapoff", swap_off}, {"reboot", restart}, {"acct", accounting}, {"quotactl", quota},
    {"adjtimex", clock_tick}, {"clock-adjtime", clock_adjust}, {"settimeofday", time_zone},
    {"sethostname", host_name}, {"setdomainname", domain_name}, {"iopl", ports}, {"ioperm", port},
    {"syslog", log_read}, {"vhangup", hang_up}, {"personality", persona}, {"seccomp-off", filter_off},
    {"new-privileges", may_gain}, {NULL, NULL},
};
