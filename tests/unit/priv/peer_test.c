/* peer - who is at the other end: sockets of every family, launchers' words. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int
set_up(void **state)
{
	(void)state;
	unsetenv("TCPREMOTEIP");
	unsetenv("REMOTE_HOST");
	unsetenv("REMOTE_ADDR");
	unsetenv("TCPLOCALPORT");
	return 0;
}

/* connect_v4, connect_v6 - fds[0] is the server's end of a loopback
 * connection; v6 listens with IPv4 addresses mapped. -1: no such network. */
static int
listen_at(int s, const struct sockaddr *a, socklen_t n)
{
	if (s < 0 || bind(s, a, n) != 0 || listen(s, 1) != 0) {
		close(s);
		return -1;
	}
	return s;
}

static unsigned
port_of(int s)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	uint16_t port;

	memset(&a, 0, sizeof(a));
	assert_int_equal(getsockname(s, (struct sockaddr *)&a, &n), 0);
	/* The port stands at the same place in both families. */
	memcpy(&port, (const char *)&a + 2, sizeof(port));
	return ntohs(port);
}

/* connect_to - from 127.0.0.1 or ::1 to the port; the accepted end. */
static int
connect_to(int listener, int family, int *client)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int failed;

	*client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_addr = in6addr_loopback;
	v4.sin_port = v6.sin6_port = htons((uint16_t)port_of(listener));
	if (family == AF_INET)
		failed =
		    connect(*client, (const struct sockaddr *)&v4, sizeof(v4));
	else
		failed =
		    connect(*client, (const struct sockaddr *)&v6, sizeof(v6));
	assert_int_equal(failed, 0);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int
listener_v6(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	const int off = 0;
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s >= 0 &&
	    setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return -1;
	return listen_at(s, (const struct sockaddr *)&any, sizeof(any));
}

static int
listener_v4(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return listen_at(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    (const struct sockaddr *)&any, sizeof(any));
}

static void
a_tcp_client_is_named_by_its_address(void **state)
{
	int l = listener_v4(), client, server;
	char name[PEER_OCTETS];

	(void)state;
	assert_true(l >= 0);
	server = connect_to(l, AF_INET, &client);
	/* The socket knows better than the environment. */
	setenv("TCPREMOTEIP", "192.0.2.9", 1);
	peer_name(server, name);
	assert_string_equal(name, "127.0.0.1");
	assert_int_equal(peer_port(server), port_of(l));
	close(client);
	close(server);
	close(l);
}

static void
ipv6_and_ipv4_in_its_clothes(void **state)
{
	int l = listener_v6(), client, server;
	char name[PEER_OCTETS];

	(void)state;
	if (l < 0)
		skip();
	server = connect_to(l, AF_INET, &client);
	peer_name(server, name);
	assert_string_equal(name, "127.0.0.1");
	assert_int_equal(peer_port(server), port_of(l));
	close(client);
	close(server);
	server = connect_to(l, AF_INET6, &client);
	peer_name(server, name);
	assert_string_equal(name, "::1");
	close(client);
	close(server);
	close(l);
}

/* Pipes, files, UNIX sockets: nobody is known, and nothing fails. */
static void
others_are_local(void **state)
{
	int pair[2], pipes[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[] = {-1, file};
	char name[PEER_OCTETS];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		peer_name(fds[i], name);
		assert_string_equal(name, "local");
		assert_int_equal(peer_port(fds[i]), 0);
		peer_tune(fds[i]);
	}
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	peer_name(pipes[0], name);
	assert_string_equal(name, "local");
	peer_name(pair[0], name);
	assert_string_equal(name, "local");
	peer_tune(pair[0]);
	assert_int_equal(peer_port(pair[0]), 0);
	close(pipes[0]);
	close(pipes[1]);
	close(pair[0]);
	close(pair[1]);
	close(file);
}

static void
the_launchers_word_counts_without_a_socket(void **state)
{
	static const char *const names[] = {
	    "TCPREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR"};
	char name[PEER_OCTETS];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		setenv(names[i], "192.0.2.7", 1);
		peer_name(-1, name);
		assert_string_equal(name, "192.0.2.7");
		setenv(names[i], "::ffff:192.0.2.8", 1);
		peer_name(-1, name);
		assert_string_equal(name, "192.0.2.8");
		setenv(names[i], "2001:DB8:0:0::1", 1);
		peer_name(-1, name);
		assert_string_equal(name, "2001:db8::1");
		unsetenv(names[i]);
	}
	/* The first of them that is an address. */
	setenv("REMOTE_ADDR", "192.0.2.3", 1);
	setenv("REMOTE_HOST", "192.0.2.2", 1);
	peer_name(-1, name);
	assert_string_equal(name, "192.0.2.2");
	setenv("TCPREMOTEIP", "192.0.2.1", 1);
	peer_name(-1, name);
	assert_string_equal(name, "192.0.2.1");
	setenv("TCPREMOTEIP", "none", 1);
	peer_name(-1, name);
	assert_string_equal(name, "192.0.2.2");
	for (size_t i = 0; i < 3; i++)
		unsetenv(names[i]);
}

static void
words_that_are_no_address_are_not_believed(void **state)
{
	static const char *const words[] = {"", "0", "unknown", "1.2.3",
	    "1.2.3.4.5", "1.2.3.4 why=forged", "1.2.3.4\nevent=login",
	    "client.example.org", "%s%n", "::g", " 1.2.3.4", "[::1]",
	    "1.2.3.256"};
	char name[PEER_OCTETS], much[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		setenv("TCPREMOTEIP", words[i], 1);
		peer_name(-1, name);
		assert_string_equal(name, "local");
	}
	memset(much, '1', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	setenv("TCPREMOTEIP", much, 1);
	peer_name(-1, name);
	assert_string_equal(name, "local");
	setenv("REMOTE_HOST", "192.0.2.1", 1); /* the next one may know */
	peer_name(-1, name);
	assert_string_equal(name, "192.0.2.1");
}

static void
so_it_does_for_the_port(void **state)
{
	static const char *const bad[] = {
	    "", "x", "-1", "110 ", "65536", "pop3", "99999999999999999999"};
	int l = listener_v4(), client, server;

	(void)state;
	assert_int_equal(peer_port(-1), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("TCPLOCALPORT", bad[i], 1);
		assert_int_equal(peer_port(-1), 0);
	}
	setenv("TCPLOCALPORT", "995", 1);
	assert_int_equal(peer_port(-1), 995);
	assert_true(l >= 0);
	server = connect_to(l, AF_INET, &client);
	assert_int_equal(peer_port(server), port_of(l)); /* it knows better */
	close(client);
	close(server);
	close(l);
}

static int
option(int fd, int level, int which)
{
	int value = -1;
	socklen_t n = sizeof(value);

	assert_int_equal(getsockopt(fd, level, which, &value, &n), 0);
	return value;
}

static void
addresses_are_printed_in_one_way(void **state)
{
	static const char *const good[][2] = {{"192.0.2.7", "192.0.2.7"},
	    {"2001:DB8:0::7", "2001:db8::7"}, {"::ffff:192.0.2.7", "192.0.2.7"},
	    {"::", "::"}, {"0:0:1::", "0:0:1::"}, {"0:1::", "0:1::"},
	    {"::ffff:0:192.0.2.7", "::ffff:0:c000:207"}};
	static const char *const bad[] = {"", "local", "192.0.2", "192.0.2.07",
	    "192.0.2.7 ", " ::1", "::1%lo", "::1/128", "1:2:3"};
	char out[PEER_OCTETS];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(peer_parse(good[i][0], out));
		assert_string_equal(out, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(peer_parse(bad[i], out));
}

/* Who resets the connection has left, and has no name any more; who only has
 * no more to say is still there. */
static void
a_client_may_be_gone_before_it_is_named(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	int l = listener_v4(), client, server, pipes[2];

	(void)state;
	assert_true(l >= 0);
	server = connect_to(l, AF_INET, &client);
	assert_false(peer_is_gone(server));
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	usleep(10000);
	assert_false(peer_is_gone(server));
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once,
			     sizeof(at_once)),
	    0);
	close(client);
	usleep(10000);
	assert_true(peer_is_gone(server));
	close(server);
	close(l);
	assert_int_equal(pipe(pipes), 0);
	assert_false(peer_is_gone(pipes[0]));
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes), 0);
	assert_false(peer_is_gone(pipes[0]));
	close(pipes[0]);
	close(pipes[1]);
}

static void
tcp_is_tuned(void **state)
{
	int l = listener_v4(), client, server;
	struct timeval t = {0};
	socklen_t n = sizeof(t);

	(void)state;
	assert_true(l >= 0);
	server = connect_to(l, AF_INET, &client);
	peer_tune(server);
	assert_true(option(server, IPPROTO_TCP, TCP_NODELAY) != 0);
	assert_true(option(server, SOL_SOCKET, SO_KEEPALIVE) != 0);
	assert_int_equal(option(server, IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
	/* a probe and its answer within the time; then TCP_USER_TIMEOUT, not
	 * TCP_KEEPCNT, says that it is over (tcp(7)) */
	assert_true(option(server, IPPROTO_TCP, TCP_KEEPIDLE) +
			option(server, IPPROTO_TCP, TCP_KEEPINTVL) <
		    60);
	assert_int_equal(
	    getsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &t, &n), 0);
	assert_true(t.tv_sec > 0);
	close(client);
	close(server);
	close(l);
}

/* A read ends by itself, and without harm to what comes later. */
static void
a_read_that_hurries_ends(void **state)
{
	struct timespec from, to;
	int fds[2], ends[2];
	char octet;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(peer_hurry(fds[0], 70));
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(read(fds[0], &octet, 1), -1);
	assert_int_equal(errno, EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range((to.tv_sec - from.tv_sec) * 1000 +
			    (to.tv_nsec - from.tv_nsec) / 1000000,
	    60, 2000);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], &octet, 1), 1);
	assert_int_equal(pipe(ends), 0);
	assert_false(peer_hurry(ends[0], 70));
	for (unsigned i = 0; i < 2; i++) {
		close(fds[i]);
		close(ends[i]);
	}
}

/* The pair keeps frames apart, and no program that is run inherits it. */
static void
the_pair_keeps_frames_apart(void **state)
{
	char octets[8];
	int fds[2];

	(void)state;
	assert_int_equal(peer_pair(fds), RC_OK);
	assert_int_equal(send(fds[0], "ab", 2, 0), 2);
	assert_int_equal(send(fds[0], "c", 1, 0), 1);
	assert_int_equal(recv(fds[1], octets, sizeof(octets), 0), 2);
	assert_int_equal(recv(fds[1], octets, sizeof(octets), 0), 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(
		a_tcp_client_is_named_by_its_address, set_up),
	    cmocka_unit_test_setup(ipv6_and_ipv4_in_its_clothes, set_up),
	    cmocka_unit_test_setup(others_are_local, set_up),
	    cmocka_unit_test_setup(
		the_launchers_word_counts_without_a_socket, set_up),
	    cmocka_unit_test_setup(so_it_does_for_the_port, set_up),
	    cmocka_unit_test_setup(
		words_that_are_no_address_are_not_believed, set_up),
	    cmocka_unit_test(addresses_are_printed_in_one_way),
	    cmocka_unit_test(a_client_may_be_gone_before_it_is_named),
	    cmocka_unit_test(tcp_is_tuned),
	    cmocka_unit_test(a_read_that_hurries_ends),
	    cmocka_unit_test(the_pair_keeps_frames_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
