/* The network: whether servers and interfaces of the host can be reached, and which families a socket may have. */
#include "attack.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void reach(int family, const struct sockaddr *address, socklen_t size) {
  char bytes[64];
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refused("socket: %s", strerror(errno));
  if (connect(fd, address, size) != 0) refused("connect: %s", strerror(errno));
  const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  if (got > 0 && has_token(bytes, (size_t)got)) succeeded("spoke with the host's server");
  refused("connected to something else");
}

static void reach_inet(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)number_fact("PORT"))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  reach(AF_INET, (struct sockaddr *)&address, sizeof address);
}

static void reach_inet6(void) {
  struct sockaddr_in6 address = {
      .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)number_fact("PORT6")), .sin6_addr = IN6ADDR_LOOPBACK_INIT,
  };
  reach(AF_INET6, (struct sockaddr *)&address, sizeof address);
}

/* The kernel's own list, which no /proc or /sys can hide. */
static void interfaces(void) {
  struct { struct nlmsghdr head; struct ifinfomsg body; } ask = {
      .head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
  };
  static char bytes[65536] __attribute__((aligned(8)));
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) refused("netlink: %s", strerror(errno));
  if (send(fd, &ask, sizeof ask, 0) < 0) refused("netlink: %s", strerror(errno));
  for (int size, done = 0; !done && (size = (int)recv(fd, bytes, sizeof bytes, 0)) > 0;)
    for (struct nlmsghdr *one = (struct nlmsghdr *)bytes; NLMSG_OK(one, size); one = NLMSG_NEXT(one, size)) {
      done |= one->nlmsg_type == NLMSG_DONE || one->nlmsg_type == NLMSG_ERROR;
      const struct ifinfomsg *link = NLMSG_DATA(one);
      if (one->nlmsg_type == RTM_NEWLINK && !(link->ifi_flags & IFF_LOOPBACK) && (link->ifi_flags & IFF_UP))
        succeeded("interface %d is up", link->ifi_index);
    }
  refused("nothing but a loopback is up");
}

static void create(int family, int kind, int protocol, const char *what) {
  by_result(socket(family, kind | SOCK_CLOEXEC, protocol), what);
}

static void inet(void) { create(AF_INET, SOCK_STREAM, 0, "inet socket"); }
static void inet6(void) { create(AF_INET6, SOCK_STREAM, 0, "inet6 socket"); }
static void datagram(void) { create(AF_INET, SOCK_DGRAM, 0, "datagram socket"); }
static void raw(void) { create(AF_INET, SOCK_RAW, IPPROTO_ICMP, "raw socket"); }
static void packet(void) { create(AF_PACKET, SOCK_RAW, htons(3), "packet socket"); }
static void netlink(void) { create(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, "netlink socket"); }
static void audit(void) { create(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, "audit socket"); }
static void machine(void) { create(40, SOCK_STREAM, 0, "vsock socket"); }
static void crypto(void) { create(38, SOCK_SEQPACKET, 0, "alg socket"); }

static void pair(void) {
  int ends[2];
  by_result(socketpair(AF_INET, SOCK_STREAM, 0, ends), "inet socket pair");
}

const struct attempt network_attempts[] = {
    {"reach-inet", reach_inet}, {"reach-inet6", reach_inet6}, {"interfaces", interfaces}, {"socket-inet", inet},
    {"socket-inet6", inet6}, {"socket-datagram", datagram}, {"socket-raw", raw}, {"socket-packet", packet},
    {"socket-netlink", netlink}, {"socket-audit", audit}, {"socket-vsock", machine}, {"socket-alg", crypto},
    {"socket-pair-inet", pair}, {NULL, NULL},
};
