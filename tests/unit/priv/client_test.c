/* client - what the session makes of the broker's answers, above all of those
 * that no broker of ours would give. The answer lies in the socket before the
 * question is asked, so one process plays both. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/auth.h"
#include "priv/client.h"
#include "priv/msg.h"
#include "priv/peer.h"
#include "sys/io.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SESSION, BROKER };

static int pair[2];
static unsigned open_before;

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

static int
set_up(void **state)
{
	(void)state;
	if (peer_pair(pair) != RC_OK)
		return -1;
	open_before = count_fds();
	return 0;
}

static int
tear_down(void **state)
{
	unsigned now = count_fds();

	(void)state;
	close(pair[SESSION]);
	close(pair[BROKER]);
	return now == open_before ? 0 : -1;
}

/* put - an answer of n numbers and nfds descriptors. */
static void
put(enum msg_type type, const uint32_t *numbers, size_t n, unsigned nfds)
{
	const int fds[MSG_FDS] = {pair[BROKER], pair[BROKER]};
	unsigned char room[64];
	struct buf b;

	buf_init(&b, room, sizeof(room));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_put_u32(&b, numbers[i]), RC_OK);
	assert_int_equal(msg_send(pair[BROKER], type, &b, fds, nfds), RC_OK);
}

/* asked - takes the question that was asked: its type, its body in b. */
static uint32_t
asked(struct buf *b)
{
	int fds[MSG_FDS];
	unsigned nfds;
	uint32_t type;

	assert_int_equal(
	    msg_receive(pair[BROKER], &type, b, fds, &nfds), RC_OK);
	assert_int_equal(nfds, 0);
	return type;
}

static enum rc
open_it(struct opened *o)
{
	o->mbox_fd = o->state_fd = -77;
	o->read_only = 77;
	return client_open(pair[SESSION], "", o);
}

/* lock - LOCK; a journal that comes is closed again. */
static enum rc
lock(int broker_fd)
{
	int journal_fd = -77;
	enum rc rc = client_lock(broker_fd, &journal_fd);

	assert_int_not_equal(journal_fd, -77);
	if (rc != RC_OK)
		assert_int_equal(journal_fd, -1);
	if (journal_fd >= 0)
		close(journal_fd);
	return rc;
}

static void
authenticate_asks_with_both_texts(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	char text[32];
	struct buf b;

	(void)state;
	put(MSG_AUTHENTICATE_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
	assert_int_equal(
	    client_authenticate(pair[SESSION], "anna", "a b"), RC_OK);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(asked(&b), MSG_AUTHENTICATE);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "anna");
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "a b");
	assert_int_equal(buf_get_end(&b), RC_OK);
}

static const struct order some = {.from = 10,
    .size = 300,
    .gap = 20,
    .list_at = 12288,
    .list_len = 3,
    .list_sum = 0x8877665544332211};

static void
update_says_what_is_to_go(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct order order;
	struct buf b;

	(void)state;
	put(MSG_UPDATE_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
	assert_int_equal(client_update(pair[SESSION], &some), RC_OK);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(asked(&b), MSG_UPDATE);
	assert_int_equal(b.len, ORDER_OCTETS);
	assert_int_equal(order_get(&b, &order), RC_OK);
	assert_memory_equal(&order, &some, sizeof(some));
}

static void
prepare_is_a_word_without_an_answer(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;

	(void)state;
	assert_int_equal(client_prepare(pair[SESSION]), RC_OK);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(asked(&b), MSG_PREPARE);
	assert_int_equal(b.len, 0);
}

static void
remove_says_of_what_mailbox_too(void **state)
{
	static const struct seen seen = {{1, 2}, {3, 4}};
	unsigned char room[MSG_BODY_OCTETS];
	struct order order;
	struct seen back;
	struct buf b;

	(void)state;
	put(MSG_REMOVE_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
	assert_int_equal(client_remove(pair[SESSION], &some, &seen), RC_OK);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(asked(&b), MSG_REMOVE);
	assert_int_equal(b.len, ORDER_OCTETS + SEEN_OCTETS);
	assert_int_equal(order_get(&b, &order), RC_OK);
	assert_memory_equal(&order, &some, sizeof(some));
	assert_int_equal(seen_get(&b, &back), RC_OK);
	assert_int_equal(back.mtime.tv_sec, 1);
	assert_int_equal(back.mtime.tv_nsec, 2);
	assert_int_equal(back.ctime.tv_sec, 3);
	assert_int_equal(back.ctime.tv_nsec, 4);
}

static void
every_answer_comes_through(void **state)
{
	(void)state;
	for (uint32_t rc = 0; rc < RC_COUNT; rc++) {
		put(MSG_AUTHENTICATE_ANS, (const uint32_t[]){rc, 0}, 2, 0);
		assert_int_equal(
		    client_authenticate(pair[SESSION], "a", "b"), rc);
		put(MSG_LOCK_ANS, (const uint32_t[]){rc, ENOSPC, 0},
		    rc == RC_OK ? 3 : 2, 0);
		errno = 0;
		assert_int_equal(lock(pair[SESSION]), rc);
		assert_int_equal(errno, ENOSPC);
		put(MSG_UPDATE_ANS, (const uint32_t[]){rc, EDQUOT}, 2, 0);
		errno = 0;
		assert_int_equal(client_update(pair[SESSION], &some), rc);
		assert_int_equal(errno, EDQUOT);
		put(MSG_REMOVE_ANS, (const uint32_t[]){rc, EDQUOT}, 2, 0);
		errno = 0;
		assert_int_equal(client_remove(pair[SESSION], &some,
				     &(const struct seen){{0}, {0}}),
		    rc);
		assert_int_equal(errno, EDQUOT);
		put(MSG_UNLOCK_ANS, (const uint32_t[]){rc, 0}, 2, 0);
		assert_int_equal(client_unlock(pair[SESSION]), rc);
		put(MSG_CLOSE_ANS, (const uint32_t[]){rc, 0}, 2, 0);
		assert_int_equal(client_close(pair[SESSION]), rc);
	}
}

#if defined(__SANITIZE_ADDRESS__)
#define CANNOT_LOOK 1 /* that is what it is there to forbid */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CANNOT_LOOK 1
#endif
#endif
#ifndef CANNOT_LOOK
#define CANNOT_LOOK 0
#endif

static const char secret[] = "Tt-this-is-not-anywhere-else";

/* left_on_the_stack - how often all but the first octet of secret are where
 * calls that have returned had their variables. */
static __attribute__((noinline)) unsigned
left_on_the_stack(void)
{
	const size_t len = sizeof(secret) - 2, below = 32768;
	const volatile char *stack = __builtin_frame_address(0);
	unsigned found = 0;

	for (size_t i = len; i < below; i++) {
		size_t j = 0;

		while (j < len && *(stack - i + j) == secret[1 + j])
			j++;
		found += j == len;
	}
	return found;
}

static __attribute__((noinline)) void
leave_it_there(void)
{
	volatile char copy[4096];

	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = secret[i % sizeof(secret)];
}

/* What was sent to the broker does not stay here. */
static void
the_secret_is_wiped(void **state)
{
	(void)state;
	if (CANNOT_LOOK)
		skip();
	put(MSG_AUTHENTICATE_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
	assert_int_equal(
	    client_authenticate(pair[SESSION], "anna", secret), RC_OK);
	assert_int_equal(left_on_the_stack(), 0);
	leave_it_there(); /* this can fail */
	assert_true(left_on_the_stack() > 0);
}

static void
texts_that_are_too_long_are_not_even_sent(void **state)
{
	static char much[MSG_BODY_OCTETS + 1];
	char text[AUTH_SECRET_OCTETS + 2];

	(void)state;
	memset(much, 'a', sizeof(much) - 1);
	assert_int_equal(client_proxy(pair[SESSION], RC_OK, much), RC_TOOLONG);
	assert_int_equal(
	    client_dialect(pair[SESSION], "as long as nobody's"), RC_TOOLONG);
	assert_int_equal(
	    recv(pair[BROKER], much, 1, MSG_DONTWAIT | MSG_TRUNC), -1);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(
	    client_authenticate(pair[SESSION], text, "b"), RC_TOOLONG);
	assert_int_equal(
	    client_authenticate(pair[SESSION], "a", text), RC_TOOLONG);
	text[AUTH_SECRET_OCTETS] = '\0';
	put(MSG_AUTHENTICATE_ANS, (const uint32_t[]){RC_DENIED, 0}, 2, 0);
	assert_int_equal(
	    client_authenticate(pair[SESSION], text, text), RC_DENIED);
}

/* Answers that are none: RC_BUG, and no descriptor stays. */
static void
wrong_answers_are_refused(void **state)
{
	static const struct {
		enum msg_type type;
		uint32_t numbers[5];
		size_t n;
		unsigned nfds;
	} cases[] = {
	    {MSG_CLOSE_ANS, {RC_OK, 0}, 2, 0},     /* to another question */
	    {MSG_UNLOCK, {RC_OK, 0}, 2, 0},        /* a question */
	    {0, {RC_OK, 0}, 2, 0},                 /* no type */
	    {MSG_END, {RC_OK, 0}, 2, 0},           /* no type either */
	    {MSG_UNLOCK_ANS, {RC_COUNT, 0}, 2, 0}, /* no rc */
	    {MSG_UNLOCK_ANS, {0xffffffff, 0}, 2, 0},
	    {MSG_UNLOCK_ANS, {0x80000000, 0}, 2, 0},
	    {MSG_UNLOCK_ANS, {RC_OK}, 1, 0}, /* cut short */
	    {MSG_UNLOCK_ANS, {RC_OK}, 0, 0},
	    {MSG_UNLOCK_ANS, {RC_OK, 0, 0}, 3, 0}, /* something behind it */
	    {MSG_UNLOCK_ANS, {RC_OK, 0}, 2, 1},    /* with descriptors */
	    {MSG_UNLOCK_ANS, {RC_OK, 0}, 2, 2},
	    {MSG_UNLOCK_ANS, {RC_BUSY, 0}, 2, 2},
	    {MSG_LEAVE, {0}, 1, 0}, /* a word with something behind it */
	    {MSG_LEAVE, {0}, 0, 1},
	    {MSG_OPEN_ANS, {RC_OK, 0, 1, 1, 0}, 5, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].type, cases[i].numbers, cases[i].n, cases[i].nfds);
		assert_int_equal(client_unlock(pair[SESSION]), RC_BUG);
		assert_int_equal(count_fds(), open_before);
	}
}

/* A journal's descriptor comes exactly when it is said to. */
static void
lock_brings_a_journal_or_none(void **state)
{
	static const struct {
		enum msg_type type;
		uint32_t numbers[4];
		size_t n;
		unsigned nfds;
		enum rc rc;
	} cases[] = {
	    {MSG_LOCK_ANS, {RC_OK, 0, 0}, 3, 0, RC_OK},
	    {MSG_LOCK_ANS, {RC_OK, 0, 1}, 3, 0, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 1}, 3, 2, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 0}, 3, 1, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 2}, 3, 2, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 2}, 3, 1, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 0xffffffff}, 3, 1, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0, 1, 0}, 4, 1, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0}, 2, 0, RC_BUG},
	    {MSG_LOCK_ANS, {RC_OK, 0}, 2, 1, RC_BUG},
	    {MSG_LOCK_ANS, {RC_BUSY, 0}, 2, 1, RC_BUSY},
	    {MSG_LOCK_ANS, {RC_COUNT, 0, 1}, 3, 1, RC_BUG},
	    {MSG_UPDATE_ANS, {RC_OK, 0, 1}, 3, 1, RC_BUG},
	};
	int fd;

	(void)state;
	put(MSG_LOCK_ANS, (const uint32_t[]){RC_OK, 0, 1}, 3, 1);
	assert_int_equal(client_lock(pair[SESSION], &fd), RC_OK);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].type, cases[i].numbers, cases[i].n, cases[i].nfds);
		assert_int_equal(lock(pair[SESSION]), cases[i].rc);
		assert_int_equal(count_fds(), open_before);
	}
}

/* The broker may have asked us to leave just before it was asked something: we
 * are at work, so its answer counts and the word does not. */
static void
leave_before_an_answer_is_not_heard(void **state)
{
	struct opened o;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put(MSG_LEAVE, NULL, 0, 0);
	put(MSG_UNLOCK_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
	assert_int_equal(client_unlock(pair[SESSION]), RC_OK);
	put(MSG_LEAVE, NULL, 0, 0);
	put(MSG_LOCK_ANS, (const uint32_t[]){RC_OK, 0, 1}, 3, 1);
	assert_int_equal(lock(pair[SESSION]), RC_OK);
	put(MSG_LEAVE, NULL, 0, 0);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_OK, 0, 0, 0, 0}, 5, 0);
	assert_int_equal(open_it(&o), RC_OK);
	assert_int_equal(count_fds(), open_before);
}

/* Since when another session has it. */
static void
busy_says_for_how_long(void **state)
{
	struct opened o;

	(void)state;
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_BUSY, 0, 4711}, 3, 0);
	assert_int_equal(open_it(&o), RC_BUSY);
	assert_int_equal(o.busy_s, 4711);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_BUSY, 0}, 2, 0);
	assert_int_equal(open_it(&o), RC_BUSY);
	assert_int_equal(o.busy_s, 0);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_DENIED, 0, 4711}, 3, 0);
	assert_int_equal(open_it(&o), RC_DENIED);
	assert_int_equal(o.busy_s, 0);
}

static void
open_gives_the_descriptors_that_were_said(void **state)
{
	struct opened o;

	(void)state;
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_OK, 0, 0, 0, 0}, 5, 0);
	assert_int_equal(open_it(&o), RC_OK);
	assert_int_equal(o.mbox_fd, -1);
	assert_int_equal(o.state_fd, -1);
	assert_int_equal(o.read_only, 0);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_OK, 0, 1, 0, 1}, 5, 1);
	assert_int_equal(open_it(&o), RC_OK);
	assert_true(o.mbox_fd >= 0);
	assert_int_equal(o.state_fd, -1);
	assert_int_equal(o.read_only, 1);
	close(o.mbox_fd);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_OK, 0, 0, 1, 0}, 5, 1);
	assert_int_equal(open_it(&o), RC_OK);
	assert_int_equal(o.mbox_fd, -1);
	assert_true(o.state_fd >= 0);
	close(o.state_fd);
	put(MSG_OPEN_ANS, (const uint32_t[]){RC_OK, 0, 1, 1, 0}, 5, 2);
	assert_int_equal(open_it(&o), RC_OK);
	assert_true(
	    o.mbox_fd >= 0 && o.state_fd >= 0 && o.mbox_fd != o.state_fd);
	close(o.mbox_fd);
	close(o.state_fd);
}

static void
open_refuses_descriptors_that_do_not_fit(void **state)
{
	static const struct {
		uint32_t numbers[6];
		size_t n;
		unsigned nfds;
		enum rc rc;
	} cases[] = {
	    {{RC_OK, 0, 1, 1, 0}, 5, 1, RC_BUG},
	    {{RC_OK, 0, 1, 1, 0}, 5, 0, RC_BUG},
	    {{RC_OK, 0, 1, 0, 0}, 5, 2, RC_BUG},
	    {{RC_OK, 0, 0, 0, 0}, 5, 1, RC_BUG},
	    {{RC_OK, 0, 2, 0, 0}, 5, 2, RC_BUG},
	    {{RC_OK, 0, 0, 2, 0}, 5, 2, RC_BUG},
	    {{RC_OK, 0, 0xffffffff, 2, 0}, 5, 1, RC_BUG},
	    {{RC_OK, 0, 1, 0, 2}, 5, 1, RC_BUG},
	    {{RC_OK, 0, 1, 0, 0xffffffff}, 5, 1, RC_BUG},
	    {{RC_OK, 0, 1, 0}, 4, 1, RC_BUG},
	    {{RC_OK, 0, 1}, 3, 1, RC_BUG},
	    {{RC_OK, 0}, 2, 2, RC_BUG},
	    {{RC_OK, 0, 1, 0, 0, 0}, 6, 1, RC_BUG},
	    {{RC_BUSY, 0, 1, 1, 0}, 5, 2, RC_BUSY},
	    {{RC_COUNT, 0, 1, 1, 0}, 5, 2, RC_BUG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opened o;

		put(MSG_OPEN_ANS, cases[i].numbers, cases[i].n, cases[i].nfds);
		assert_int_equal(open_it(&o), cases[i].rc);
		assert_int_equal(o.mbox_fd, -77);
		assert_int_equal(o.state_fd, -77);
		assert_int_equal(o.read_only, 77);
		assert_int_equal(count_fds(), open_before);
	}
}

static void
a_mailbox_name_that_does_not_fit_is_too_long(void **state)
{
	static char name[MSG_BODY_OCTETS];
	struct opened o;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	assert_int_equal(client_open(pair[SESSION], name, &o), RC_TOOLONG);
}

static void
an_overlong_answer_is_refused(void **state)
{
	static unsigned char much[2 * MSG_BODY_OCTETS] = {MSG_LOCK_ANS};

	(void)state;
	assert_int_equal(
	    send(pair[BROKER], much, sizeof(much), 0), (ssize_t)sizeof(much));
	assert_int_equal(lock(pair[SESSION]), RC_BUG);
	assert_int_equal(send(pair[BROKER], much, 3, 0), 3);
	assert_int_equal(lock(pair[SESSION]), RC_BUG);
}

static void
a_broker_that_is_gone_is_the_end(void **state)
{
	struct opened o;
	int client[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	close(pair[BROKER]);
	assert_int_equal(client_authenticate(pair[SESSION], "a", "b"), RC_EOF);
	assert_int_equal(open_it(&o), RC_EOF);
	assert_int_equal(lock(pair[SESSION]), RC_EOF);
	assert_int_equal(client_update(pair[SESSION], &some), RC_EOF);
	assert_int_equal(
	    client_remove(pair[SESSION], &some, &(const struct seen){{0}, {0}}),
	    RC_EOF);
	assert_int_equal(client_unlock(pair[SESSION]), RC_EOF);
	assert_int_equal(client_close(pair[SESSION]), RC_EOF);
	assert_int_equal(client_prepare(pair[SESSION]), RC_EOF);
	client_log(pair[SESSION], "%s", "nobody hears this");
	assert_int_equal(
	    client_wait(pair[SESSION], client[0], io_now_ms() + 5000), RC_EOF);
	close(client[0]);
	close(client[1]);
	pair[BROKER] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
the_wait_ends_for_octets_and_for_time(void **state)
{
	int64_t start = io_now_ms();
	int client[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	assert_int_equal(
	    client_wait(pair[SESSION], client[0], start + 60), RC_TIMEOUT);
	assert_true(io_now_ms() >= start + 60);
	assert_int_equal(write(client[1], "x", 1), 1);
	assert_int_equal(
	    client_wait(pair[SESSION], client[0], io_now_ms() + 5000), RC_OK);
	/* No octet moves a deadline. */
	assert_int_equal(
	    client_wait(pair[SESSION], client[0], io_now_ms()), RC_TIMEOUT);
	close(client[0]);
	close(client[1]);
}

/* One word the broker says unasked; one that says others is none of ours. */
static void
the_wait_ends_when_another_session_wants_the_mailbox(void **state)
{
	static const unsigned char none[3] = {0};
	int client[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	for (unsigned i = 0; i < 6; i++) {
		if (i == 0)
			put(MSG_LEAVE, NULL, 0, 0);
		else if (i == 1)
			put(MSG_LEAVE, NULL, 0, 1);
		else if (i == 2)
			put(MSG_LEAVE, (const uint32_t[]){0}, 1, 0);
		else if (i == 3)
			put(MSG_UNLOCK_ANS, (const uint32_t[]){RC_OK, 0}, 2, 0);
		else if (i == 4)
			put(MSG_LOCK_ANS, (const uint32_t[]){RC_OK, 0, 1}, 3,
			    2);
		else
			assert_int_equal(send(pair[BROKER], none, 3, 0), 3);
		assert_int_equal(
		    client_wait(pair[SESSION], client[0], io_now_ms() + 5000),
		    i == 0 ? RC_BUSY : RC_BUG);
		assert_int_equal(count_fds(), open_before + 2);
	}
	close(client[0]);
	close(client[1]);
}

static void
log_lines_are_sent_without_an_answer(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	char text[2048], much[3000];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	client_log(pair[SESSION], "sent=%s n=%d", "test", 7);
	assert_int_equal(asked(&b), MSG_LOG);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "sent=test n=7");
	memset(much, 'a', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	client_log(pair[SESSION], "%s", much);
	assert_int_equal(asked(&b), MSG_LOG);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_true(strlen(text) > 1000 && strlen(text) < 1024);
}

static void
tls_is_told_without_an_answer(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(client_tls(pair[SESSION]), RC_OK);
	assert_int_equal(asked(&b), MSG_TLS);
	assert_int_equal(b.len, 0);
	assert_int_equal(client_plaintext(pair[SESSION]), RC_OK);
	assert_int_equal(asked(&b), MSG_PLAINTEXT);
	assert_int_equal(b.len, 0);
	shutdown(pair[BROKER], SHUT_RDWR);
	assert_int_equal(client_tls(pair[SESSION]), RC_EOF);
}

static void
a_proxys_client_is_told_without_an_answer(void **state)
{
	unsigned char room[MSG_BODY_OCTETS];
	char text[64];
	uint32_t why;
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(
	    client_proxy(pair[SESSION], RC_OK, "2001:db8::7"), RC_OK);
	assert_int_equal(asked(&b), MSG_CLIENT);
	assert_int_equal(buf_get_u32(&b, &why), RC_OK);
	assert_int_equal(why, RC_OK);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_int_equal(buf_get_end(&b), RC_OK);
	assert_string_equal(text, "2001:db8::7");
	assert_int_equal(client_proxy(pair[SESSION], RC_SYNTAX, NULL), RC_OK);
	assert_int_equal(asked(&b), MSG_CLIENT);
	assert_int_equal(buf_get_u32(&b, &why), RC_OK);
	assert_int_equal(why, RC_SYNTAX);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "");
	shutdown(pair[BROKER], SHUT_RDWR);
	assert_int_equal(
	    client_proxy(pair[SESSION], RC_OK, "192.0.2.7"), RC_EOF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_A_PAIR(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    IN_A_PAIR(authenticate_asks_with_both_texts),
	    IN_A_PAIR(update_says_what_is_to_go),
	    IN_A_PAIR(prepare_is_a_word_without_an_answer),
	    IN_A_PAIR(remove_says_of_what_mailbox_too),
	    IN_A_PAIR(every_answer_comes_through),
	    IN_A_PAIR(the_secret_is_wiped),
	    IN_A_PAIR(texts_that_are_too_long_are_not_even_sent),
	    IN_A_PAIR(wrong_answers_are_refused),
	    IN_A_PAIR(lock_brings_a_journal_or_none),
	    IN_A_PAIR(leave_before_an_answer_is_not_heard),
	    IN_A_PAIR(busy_says_for_how_long),
	    IN_A_PAIR(open_gives_the_descriptors_that_were_said),
	    IN_A_PAIR(open_refuses_descriptors_that_do_not_fit),
	    IN_A_PAIR(a_mailbox_name_that_does_not_fit_is_too_long),
	    IN_A_PAIR(an_overlong_answer_is_refused),
	    IN_A_PAIR(a_broker_that_is_gone_is_the_end),
	    IN_A_PAIR(the_wait_ends_for_octets_and_for_time),
	    IN_A_PAIR(the_wait_ends_when_another_session_wants_the_mailbox),
	    IN_A_PAIR(log_lines_are_sent_without_an_answer),
	    IN_A_PAIR(tls_is_told_without_an_answer),
	    IN_A_PAIR(a_proxys_client_is_told_without_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
