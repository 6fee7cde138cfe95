/* msg - frames as they should be, and everything that a hostile process could
 * put into the socket pair instead. No descriptor may be left over. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/msg.h"
#include "priv/peer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* count_fds - how many descriptors this process has open. */
static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* raw - a packet of n octets with nfds descriptors, as nobody of ours sends
 * it. */
static void
raw(int fd, const void *octets, size_t n, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control;
	union {
		const void *given;
		void *taken;
	} at = {.given = octets};
	struct iovec part = {.iov_base = at.taken, .iov_len = n};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)n);
}

struct ends {
	int fds[2];
	unsigned open_before;
	unsigned char room[64];
	struct buf body;
	int got[MSG_FDS];
	unsigned ngot;
	uint32_t type;
};

static void
set_up(struct ends *e)
{
	assert_int_equal(peer_pair(e->fds), RC_OK);
	e->open_before = count_fds();
	buf_init(&e->body, e->room, sizeof(e->room));
	e->type = 0;
	e->ngot = 99;
}

static void
tear_down(struct ends *e)
{
	assert_int_equal(count_fds(), e->open_before);
	close(e->fds[0]);
	close(e->fds[1]);
}

static enum rc
receive(struct ends *e)
{
	return msg_receive(e->fds[1], &e->type, &e->body, e->got, &e->ngot);
}

static void
a_frame_arrives_as_it_was_sent(void **state)
{
	unsigned char octets[32];
	struct buf out;
	struct ends e;
	char text[8];

	(void)state;
	set_up(&e);
	buf_init(&out, octets, sizeof(octets));
	assert_int_equal(buf_put_text(&out, "anna"), RC_OK);
	assert_int_equal(msg_send(e.fds[0], MSG_OPEN, &out, NULL, 0), RC_OK);
	assert_int_equal(msg_send(e.fds[0], MSG_LOCK, NULL, NULL, 0), RC_OK);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.type, MSG_OPEN);
	assert_int_equal(e.ngot, 0);
	assert_int_equal(buf_get_text(&e.body, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "anna");
	assert_int_equal(buf_get_end(&e.body), RC_OK);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.type, MSG_LOCK);
	assert_int_equal(e.body.len, 0);
	tear_down(&e);
}

static void
descriptors_arrive_in_order_and_closed_on_exec(void **state)
{
	int mine[3] = {0};
	struct stat a, b;
	struct ends e;

	(void)state;
	set_up(&e);
	mine[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	mine[1] = open("/", O_RDONLY | O_CLOEXEC);
	assert_true(mine[0] >= 0 && mine[1] >= 0);
	assert_int_equal(
	    msg_send(e.fds[0], MSG_OPEN_ANS, NULL, mine, 2), RC_OK);
	assert_int_equal(
	    msg_send(e.fds[0], MSG_OPEN_ANS, NULL, mine, 3), RC_BUG);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.ngot, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fstat(mine[i], &a), 0);
		assert_int_equal(fstat(e.got[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		assert_true(fcntl(e.got[i], F_GETFD) & FD_CLOEXEC);
		close(e.got[i]);
		close(mine[i]);
	}
	tear_down(&e);
}

/* hostile - n octets and nfds descriptors are a broken protocol, and close. */
static void
hostile(size_t n, size_t nfds, enum rc wanted)
{
	static const unsigned char octets[128] = {MSG_OPEN};
	const int fds[8] = {0, 1, 2, 0, 1, 2, 0, 1};
	struct ends e;

	set_up(&e);
	raw(e.fds[0], octets, n, fds, nfds);
	assert_int_equal(receive(&e), wanted);
	tear_down(&e);
}

static void
short_frames_are_refused(void **state)
{
	(void)state;
	for (size_t n = 1; n < 4; n++) {
		for (size_t nfds = 0; nfds <= MSG_FDS; nfds++)
			hostile(n, nfds, RC_BUG);
	}
}

/* A packet without octets looks like the end, even when it brings something. */
static void
an_empty_frame_is_the_end(void **state)
{
	(void)state;
	for (size_t nfds = 0; nfds <= 8; nfds++)
		hostile(0, nfds, RC_EOF);
}

static void
overlong_frames_are_refused(void **state)
{
	struct ends e;

	(void)state;
	for (size_t nfds = 0; nfds <= MSG_FDS; nfds++) {
		hostile(4 + sizeof(e.room) + 1, nfds, RC_BUG);
		hostile(128, nfds, RC_BUG);
	}
	set_up(&e);
	raw(e.fds[0], (const unsigned char[128]){MSG_OPEN}, 4 + sizeof(e.room),
	    NULL, 0);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.body.len, sizeof(e.room));
	tear_down(&e);
}

static void
too_many_descriptors_are_refused_and_closed(void **state)
{
	(void)state;
	for (size_t nfds = MSG_FDS + 1; nfds <= 8; nfds++)
		hostile(4, nfds, RC_BUG);
}

/* The type is the receiver's caller's to judge, whatever it is. */
static void
any_type_is_handed_on(void **state)
{
	struct ends e;

	(void)state;
	set_up(&e);
	raw(e.fds[0], "\xff\xff\xff\xff", 4, NULL, 0);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.type, UINT32_MAX);
	tear_down(&e);
}

static void
the_end_is_told(void **state)
{
	struct ends e;

	(void)state;
	set_up(&e);
	close(e.fds[0]);
	assert_int_equal(receive(&e), RC_EOF);
	assert_int_equal(msg_send(e.fds[1], MSG_LOCK, NULL, NULL, 0), RC_EOF);
	e.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	tear_down(&e);
}

static void
what_cannot_be_sent_says_why(void **state)
{
	static unsigned char much[1 << 20];
	struct ends e;
	struct buf out;
	int none = -1;

	(void)state;
	set_up(&e);
	buf_init(&out, much, sizeof(much));
	out.len = sizeof(much);
	assert_int_equal(msg_send(e.fds[0], MSG_LOG, &out, NULL, 0), RC_IO);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(
	    msg_send(e.fds[0], MSG_OPEN_ANS, NULL, &none, 1), RC_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(
	    msg_send(e.fds[0], MSG_OPEN_ANS, NULL, &none, MSG_FDS + 1), RC_BUG);
	tear_down(&e);
	assert_int_equal(msg_send(-1, MSG_LOCK, NULL, NULL, 0), RC_IO);
	assert_int_equal(
	    msg_receive(-1, &e.type, &e.body, e.got, &e.ngot), RC_IO);
}

/* What comes beside the frame and is no descriptor is not taken for one: the
 * credentials of the sender, and, where the socket is another, a packet's TTL.
 */
static void
other_words_beside_the_frame_are_none(void **state)
{
	struct sockaddr_in here = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(here);
	const int on = 1;
	struct ends e;

	(void)state;
	set_up(&e);
	assert_int_equal(
	    setsockopt(e.fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(msg_send(e.fds[0], MSG_LOCK, NULL, NULL, 0), RC_OK);
	assert_int_equal(receive(&e), RC_BUG); /* not all of it was taken */
	assert_int_equal(e.ngot, 0);
	tear_down(&e);
	e.fds[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	e.fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(e.fds[1], (struct sockaddr *)&here, n), 0);
	assert_int_equal(
	    getsockname(e.fds[1], (struct sockaddr *)&here, &n), 0);
	assert_int_equal(connect(e.fds[0], (struct sockaddr *)&here, n), 0);
	assert_int_equal(
	    setsockopt(e.fds[1], IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	assert_int_equal(msg_send(e.fds[0], MSG_LOCK, NULL, NULL, 0), RC_OK);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.type, MSG_LOCK);
	assert_int_equal(e.ngot, 0);
	tear_down(&e);
}

static struct ends *waiting; /* for send_late */

static void
send_late(int number)
{
	(void)number;
	if (msg_send(waiting->fds[0], MSG_LOCK, NULL, NULL, 0) != RC_OK)
		abort();
}

/* A signal while we wait is no error. */
static void
a_signal_ends_no_wait(void **state)
{
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct sigaction action = {.sa_handler = send_late}, was;
	struct ends e;

	(void)state;
	set_up(&e);
	waiting = &e;
	assert_int_equal(sigaction(SIGALRM, &action, &was), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(receive(&e), RC_OK);
	assert_int_equal(e.type, MSG_LOCK);
	assert_int_equal(sigaction(SIGALRM, &was, NULL), 0);
	tear_down(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_frame_arrives_as_it_was_sent),
	    cmocka_unit_test(descriptors_arrive_in_order_and_closed_on_exec),
	    cmocka_unit_test(short_frames_are_refused),
	    cmocka_unit_test(an_empty_frame_is_the_end),
	    cmocka_unit_test(overlong_frames_are_refused),
	    cmocka_unit_test(too_many_descriptors_are_refused_and_closed),
	    cmocka_unit_test(any_type_is_handed_on),
	    cmocka_unit_test(the_end_is_told),
	    cmocka_unit_test(what_cannot_be_sent_says_why),
	    cmocka_unit_test(other_words_beside_the_frame_are_none),
	    cmocka_unit_test(a_signal_ends_no_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
