/* peer - socket matters of the connection. Knows no protocol above TCP. */
#include "priv/peer.h"
#include "sys/num.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { DEAD_MS = 60000, WRITE_S = 5 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

/* print - the address as text; 0 when it is none of the internet's. */
static unsigned
print(const union address *a, char out[PEER_OCTETS])
{
	const struct in6_addr *v6 = &a->v6.sin6_addr;

	if (a->any.sa_family == AF_INET)
		return inet_ntop(AF_INET, &a->v4.sin_addr, out, PEER_OCTETS) !=
		       NULL;
	if (a->any.sa_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(v6))
		return inet_ntop(AF_INET, &v6->s6_addr[12], out, PEER_OCTETS) !=
		       NULL;
	return inet_ntop(AF_INET6, v6, out, PEER_OCTETS) != NULL;
}

unsigned
peer_parse(const char *text, char out[PEER_OCTETS])
{
	union address a;

	memset(&a, 0, sizeof(a));
	a.any.sa_family = AF_INET;
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
		return print(&a, out);
	a.any.sa_family = AF_INET6;
	return inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1 &&
	       print(&a, out);
}

void
peer_name(int fd, char out[PEER_OCTETS])
{
	static const char *const names[] = {
	    "TCPREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR"};
	union address a;
	socklen_t n = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (getpeername(fd, &a.any, &n) == 0 && print(&a, out))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = getenv(names[i]);

		if (text != NULL && peer_parse(text, out))
			return;
	}
	memcpy(out, "local", sizeof("local"));
}

unsigned
peer_is_gone(int fd)
{
	union address a;
	socklen_t n = sizeof(a);

	return getpeername(fd, &a.any, &n) != 0 && errno == ENOTCONN;
}

unsigned
peer_port(int fd)
{
	union address a;
	socklen_t n = sizeof(a);
	const char *text;
	uint64_t port;

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &n) == 0) {
		if (a.any.sa_family == AF_INET)
			return ntohs(a.v4.sin_port);
		if (a.any.sa_family == AF_INET6)
			return ntohs(a.v6.sin6_port);
	}
	text = getenv("TCPLOCALPORT");
	return text != NULL && num_parse(text, UINT16_MAX, &port) == RC_OK
		   ? (unsigned)port
		   : 0;
}

void
peer_tune(int fd)
{
	const struct timeval write_time = {.tv_sec = WRITE_S};
	const int on = 1, idle = 30, every = 10;
	const unsigned dead_ms = DEAD_MS;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &write_time,
		sizeof(write_time)) != 0)
		return; /* no socket */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		return; /* not TCP */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

unsigned
peer_hurry(int fd, unsigned ms)
{
	const struct timeval wait_time = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait_time,
		   sizeof(wait_time)) == 0;
}

enum rc
peer_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0
		   ? RC_OK
		   : RC_IO;
}
