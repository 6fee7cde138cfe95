/* faults_test - sessions in every dialect, again and again, each time with
 * another question to the broker that is answered with another failure, or with
 * a client that takes no octet any more: what the client was told is true, and
 * the session ends. The broker is a few functions here. */
#undef _FORTIFY_SOURCE /* which has inline functions of its own for pread */
#include "pop/dialect.h"
#include "priv/client.h"
#include "priv/starttls.h"
#include "store/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the broker ---- */

static struct {
	int box, state;      /* files; the mailbox */
	unsigned calls;      /* so far */
	unsigned fail;       /* the one that fails; 0: none */
	unsigned for_good;   /* and all after it */
	enum rc why;         /* with that */
	unsigned meddle;     /* the mailbox is rewritten after it was scanned */
	unsigned updated;    /* what was marked is gone */
	unsigned waits;      /* until the client is out of time */
	unsigned reads_left; /* until one fails; 0: none does */
	char logged[200];    /* the last line */
} b;

static struct session s;

static enum rc
answer(void)
{
	b.calls++;
	errno = EIO;
	return b.fail != 0 &&
		       (b.for_good ? b.calls >= b.fail : b.calls == b.fail)
		   ? b.why
		   : RC_OK;
}

enum rc
client_authenticate(int broker_fd, const char *user, const char *secret)
{
	(void)broker_fd;
	(void)user;
	(void)secret;
	return answer();
}

enum rc
client_open(int broker_fd, const char *mailbox, struct opened *out)
{
	enum rc rc = answer();

	(void)broker_fd;
	memset(out, 0, sizeof(*out));
	if (rc != RC_OK)
		return rc;
	out->mbox_fd = mailbox[0] == 'e' ? -1 : dup(b.box);
	out->state_fd = dup(b.state);
	return RC_OK;
}

enum rc
client_close(int broker_fd)
{
	(void)broker_fd;
	return answer();
}

enum rc
client_lock(int broker_fd, int *journal_fd)
{
	(void)broker_fd;
	*journal_fd = -1;
	return answer();
}

enum rc
client_update(int broker_fd, const struct order *order)
{
	enum rc rc = answer();

	(void)broker_fd;
	if (rc == RC_OK)
		rc = journal_run(b.state, b.box, order);
	b.updated += rc == RC_OK;
	return rc;
}

enum rc
client_prepare(int broker_fd)
{
	(void)broker_fd;
	return answer();
}

enum rc
client_remove(int broker_fd, const struct order *order, const struct seen *seen)
{
	(void)seen;
	return client_update(broker_fd, order);
}

enum rc
client_unlock(int broker_fd)
{
	(void)broker_fd;
	if (b.meddle)
		assert_int_equal(pwrite(b.box, "xxxx", 4, 60), 4);
	return answer();
}

enum rc
client_wait(int broker_fd, int fd, int64_t deadline_ms)
{
	(void)broker_fd;
	(void)fd;
	(void)deadline_ms;
	return b.waits > 0 && --b.waits == 0 ? RC_TIMEOUT : RC_OK;
}

enum rc
client_tls(int broker_fd)
{
	(void)broker_fd;
	return answer();
}

enum rc
client_apop(int broker_fd, const char *user, const char *digest)
{
	(void)broker_fd;
	(void)user;
	(void)digest;
	return answer();
}

enum rc
client_dialect(int broker_fd, const char *name)
{
	(void)broker_fd;
	(void)name;
	return answer();
}

enum rc
client_plaintext(int broker_fd)
{
	(void)broker_fd;
	return answer();
}

enum rc
client_proxy(int broker_fd, enum rc why, const char *address)
{
	(void)broker_fd;
	(void)why;
	(void)address;
	return answer();
}

void
client_log(int broker_fd, const char *fmt, ...)
{
	va_list ap;

	(void)broker_fd;
	va_start(ap, fmt);
	vsnprintf(b.logged, sizeof(b.logged), fmt, ap);
	va_end(ap);
}

enum rc
starttls_begin(const struct starttls *t, int in_fd, int out_fd)
{
	(void)t;
	(void)in_fd;
	(void)out_fd;
	return answer();
}

/* ---- a session ---- */

#define FROM "From a@b.example Thu Jan  1 00:00:00 2026\n"
#define MAIL FROM "A: 1\n\n1\n\n" FROM "A: 2\n\n2\n\n" FROM "A: 3\n\n3\n\n"
#define LEFT FROM "A: 2\n\n2\n\n" FROM "A: 3\n\n3\n\n"

static int
file(const char *text, size_t n)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, n, 0), (ssize_t)n);
	return fd;
}

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	if (b.reads_left > 0 && --b.reads_left == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, to, n, at);
}

/* A nameless file has no link, which a mailbox has. */
int
fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	st->st_nlink = 1;
	return rc;
}

static const struct session_config any = {.broker_fd = -1,
    .login_s = 60,
    .idle_s = 60,
    .supersede_s = 60,
    .host = "test.example"};

/* short_file - takes the greeting and not an octet more. */
static int
short_file(void)
{
	static const char greeting[] =
	    "+OK POP3 test.example in.popd ready\r\n";
	int fd = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(greeting) - 1), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	return fd;
}

/* serve_n - a session in which that is said; what was answered, to a client
 * that perhaps is gone after the greeting. Static storage. */
static const char *
serve_n(const struct session_config *how, const char *said, size_t n,
    const char *mail, unsigned gone)
{
	static char all[1 << 20];
	struct session_config c = *how;
	unsigned faulty = gone || b.reads_left > 0, left;
	ssize_t got;
	int status;

	b.box = file(mail, strlen(mail));
	b.state = file("", 0);
	b.calls = b.updated = 0;
	c.in_fd = file(said, n);
	c.out_fd = gone ? short_file() : file("", 0);
	status = session_run(&s, &c);
	assert_true(status == EX_OK || (faulty && status == EX_IOERR));
	if (s.drop.ops != NULL)
		maildrop_close(&s.drop);
	left = b.reads_left;
	b.reads_left = 0;
	got = pread(c.out_fd, all, sizeof(all) - 1, 0);
	b.reads_left = left;
	assert_true(got >= 0);
	all[got] = '\0';
	close(c.out_fd);
	close(c.in_fd);
	close(b.state);
	return all;
}

static const char *
serve(const struct session_config *how, const char *said, const char *mail)
{
	return serve_n(how, said, strlen(said), mail, 0);
}

/* box_is - whether the mailbox is that text; it is closed. */
static unsigned
box_is(const char *text)
{
	char got[1000];
	ssize_t n = pread(b.box, got, sizeof(got), 0);

	close(b.box);
	return n == (ssize_t)strlen(text) &&
	       memcmp(got, text, strlen(text)) == 0;
}

/* talk - a dialect's session from login to a deletion, and its last words. */
struct talk {
	const struct dialect *dialect;
	const char *said, *done; /* done is said when the deletion is */
	const char *left;
};

static const struct talk talks[] = {
    {&pop3_dialect,
	"USER a\r\nPASS b\r\nSTAT\r\nUIDL\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n",
	"signing off (2 messages left)", LEFT},
    {&pop2_dialect,
	"HELO a b\r\nREAD 1\r\nRETR\r\nACKD\r\nFOLD e\\x\r\nREAD\r\nFOLD f\\"
	"\r\nFOLD f\r\nREAD 2\r\nQUIT\r\n",
	NULL, LEFT},
    {&pop1_dialect,
	"USER a\r\nPASS b\r\nRETR f\r\nRCEV\r\nRSET\r\nRDEL f\r\nRCEV\r\nRCVD"
	"\r\nRETR e\r\nRSET\r\nQUIT\r\n",
	NULL, ""},
};
enum { TALKS = sizeof(talks) / sizeof(talks[0]) };

/* Whatever the broker answers, and whenever: nothing is removed but what it has
 * removed, and nobody is told otherwise. */
static void
every_answer_of_the_broker(void **state)
{
	(void)state;
	for (size_t t = 0; t < TALKS; t++) {
		struct session_config c = any;
		unsigned all, reached = 0;

		c.dialect = talks[t].dialect;
		b.fail = 0;
		serve(&c, talks[t].said, MAIL);
		all = b.calls;
		assert_true(all > 4 && b.updated == 1);
		assert_true(box_is(talks[t].left));
		for (unsigned n = 0; n < 2 * all * RC_COUNT; n++) {
			const char *said;

			b.fail = 1 + n / 2 / RC_COUNT;
			b.why = n / 2 % RC_COUNT;
			b.for_good = n % 2;
			said = serve(&c, talks[t].said, MAIL);
			assert_true(box_is(b.updated ? talks[t].left : MAIL));
			if (!b.updated && talks[t].done != NULL)
				assert_null(strstr(said, talks[t].done));
			assert_true(strncmp(b.logged, "dialect=", 8) == 0);
			assert_null(strstr(b.logged, "why=\"?\""));
			reached += b.calls >= b.fail;
		}
		assert_true(reached > all * RC_COUNT);
		b.fail = 0;
	}
}

/* The mailbox is none, or is rewritten behind the session's back. */
static void
mailboxes_that_are_none(void **state)
{
	(void)state;
	for (size_t t = 0; t < TALKS; t++) {
		struct session_config c = any;
		char rewritten[sizeof(MAIL)];

		c.dialect = talks[t].dialect;
		serve(&c, talks[t].said, "no mailbox\n");
		assert_true(box_is("no mailbox\n"));
		memcpy(rewritten, MAIL, sizeof(MAIL));
		memcpy(rewritten + 60, "xxxx", 4);
		b.meddle = 1;
		serve(&c, talks[t].said, MAIL);
		b.meddle = 0;
		assert_int_equal(b.updated, 0);
		assert_true(box_is(rewritten));
	}
}

/* A read of the mailbox fails, whichever. */
static void
reads_that_fail(void **state)
{
	(void)state;
	for (size_t t = 0; t < TALKS; t++) {
		struct session_config c = any;
		unsigned left = 0;

		c.dialect = talks[t].dialect;
		for (unsigned n = 1; n < 200 && left == 0; n++) {
			b.reads_left = n;
			serve(&c, talks[t].said, MAIL);
			left = b.reads_left;
			b.reads_left = 0;
			assert_true(box_is(b.updated ? talks[t].left : MAIL));
		}
		assert_true(left > 0);
	}
}

/* The client is gone, which shows at any octet of any reply, when the buffer is
 * full. */
static void
clients_that_take_nothing(void **state)
{
	static const char *const said[] = {"CAPA\r\n", "UIDL\r\n", "LIST\r\n",
	    "TOP 1 9\r\n", "RETR 1\r\n", "STAT\r\n"};
	enum { ROOM = 90000 };
	static char text[ROOM + 100];
	struct session_config c = any;

	(void)state;
	c.dialect = &pop3_dialect;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		for (unsigned shift = 0; shift < 80; shift++) {
			size_t n =
			    (size_t)sprintf(text, "USER a\r\nPASS b\r\n");

			for (unsigned k = 0; k < shift; k++)
				n += (size_t)sprintf(text + n, "NOOP\r\n");
			while (n < ROOM)
				n += (size_t)sprintf(text + n, "%s", said[i]);
			serve_n(&c, text, n, MAIL, 1);
			assert_true(s.out.broken);
			assert_int_equal(b.updated, 0);
			assert_true(box_is(MAIL));
		}
	}
}

/* The same where the reply to one command, pipelined behind others, is what
 * fills the buffer. */
static void
the_reply_that_nobody_takes(void **state)
{
	static const struct {
		const char *before;
		const char *small; /* and the length of its reply */
		size_t octets;
		const char *last;
	} all[] = {{"", "USER a\r\n", 15, "AUTH\r\n"},
	    {"", "USER a\r\n", 15, "AUTH PLAIN\r\nAGEAYg==\r\n"},
	    {"USER a\r\nPASS b\r\n", "NOOP\r\n", 5, "QUIT\r\n"}};
	static char text[200000];
	struct session_config c = any;
	unsigned strangers = 0;

	(void)state;
	c.dialect = &pop3_dialect;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t one, two, n, k;

		/* what a reply to CAPA has, which fills it with few words */
		n = (size_t)sprintf(text, "%sCAPA\r\n", all[i].before);
		one = strlen(serve(&c, text, MAIL));
		close(b.box);
		sprintf(text + n, "CAPA\r\n");
		two = strlen(serve(&c, text, MAIL)) - one;
		close(b.box);
		one -= two + strlen("+OK POP3 test.example in.popd ready\r\n");
		for (size_t room = 1; room < two; room++) {
			size_t full = REPLY_BUFFER_OCTETS - one - room;

			if (full % two % all[i].octets != 0)
				continue;
			n = (size_t)sprintf(text, "%s", all[i].before);
			for (k = full / two; k > 0; k--)
				n += (size_t)sprintf(text + n, "CAPA\r\n");
			for (k = full % two / all[i].octets; k > 0; k--)
				n += (size_t)sprintf(
				    text + n, "%s", all[i].small);
			n += (size_t)sprintf(text + n, "%s", all[i].last);
			serve_n(&c, text, n, MAIL, 1);
			assert_true(s.out.broken);
			assert_int_equal(b.updated, 0);
			assert_true(box_is(MAIL));
			strangers += i == 1 && !s.logged_in;
		}
	}
	/* who does not take the challenge is not asked for more */
	assert_true(strangers > 0);
}

/* The client is gone in the middle of a message. */
static void
clients_that_take_half_a_message(void **state)
{
	static char mail[300000] = FROM "A: 1\n\n";
	static const char *const said[] = {"USER a\r\nPASS b\r\nRETR 1\r\n",
	    "HELO a b\r\nREAD\r\nRETR\r\nACKD\r\nQUIT\r\n",
	    "USER a\r\nPASS b\r\nRDEL f\r\nRCEV\r\nRCVD\r\n"};
	size_t n = strlen(mail);

	(void)state;
	memset(mail + n, 'x', sizeof(mail) - 1 - n);
	for (size_t t = 0; t < TALKS; t++) {
		struct session_config c = any;
		struct stat st;

		c.dialect = talks[t].dialect;
		serve_n(&c, said[t], strlen(said[t]), mail, 1);
		assert_true(s.out.broken);
		assert_true(s.sent == 0 && b.updated == 0);
		assert_int_equal(fstat(b.box, &st), 0);
		assert_int_equal(st.st_size, sizeof(mail) - 1);
		close(b.box);
	}
}

/* STLS by a client that goes on sending without an end, one that is gone, and
 * with a TLS program that is. */
static void
stls_comes_to_nothing(void **state)
{
	static char flood[1 << 22] = "STLS\r\n";
	struct starttls tls = {-1, -1, -1};
	struct session_config c = any;
	const char *said;

	(void)state;
	c.dialect = &pop3_dialect;
	c.starttls = &tls;
	said = serve_n(&c, flood, sizeof(flood), MAIL, 0);
	assert_null(strstr(said, "+OK begin TLS"));
	assert_true(s.out.broken);
	close(b.box);
	serve_n(&c, "STLS\r\n", 6, MAIL, 1);
	assert_string_equal(s.why, "no-tls");
	assert_int_equal(b.calls, 0);
	close(b.box);
	b.fail = 1;
	b.why = RC_EOF;
	serve(&c, "STLS\r\n", MAIL);
	assert_string_equal(s.why, "no-tls");
	close(b.box);
	b.fail = 0;
}

/* The answer to STLS is what fills the buffer, and the client is gone. */
static void
the_answer_to_stls_is_lost(void **state)
{
	static char text[10000];
	const size_t greeting =
	    strlen("+OK POP3 test.example in.popd ready\r\n");
	const size_t refusal = strlen("-ERR unknown command\r\n");
	struct starttls tls = {-1, -1, -1};
	struct session_config c = any;
	unsigned tried = 0;
	size_t capa;

	(void)state;
	c.dialect = &pop3_dialect;
	c.starttls = &tls;
	capa = strlen(serve(&c, "CAPA\r\n", MAIL)) - greeting;
	close(b.box);
	for (size_t m = 0; m < 15; m++) {
		size_t k = (REPLY_BUFFER_OCTETS - m * refusal - 1) / capa;
		size_t left = REPLY_BUFFER_OCTETS - m * refusal - k * capa;
		size_t n = 0;

		if (left > strlen("+OK begin TLS negotiation\r\n"))
			continue;
		while (m * 3 > n)
			n += (size_t)sprintf(text + n, "X\r\n");
		for (size_t i = 0; i < k; i++)
			n += (size_t)sprintf(text + n, "CAPA\r\n");
		n += (size_t)sprintf(text + n, "STLS\r\n");
		serve_n(&c, text, n, MAIL, 1);
		assert_true(s.out.broken);
		assert_int_equal(b.calls, 0);
		close(b.box);
		tried++;
	}
	assert_true(tried > 0);
}

/* Where the dialogue cannot be written, the session goes on; and a reply that
 * has no line is none in it. */
static void
a_dialogue_that_nobody_reads(void **state)
{
	static const char said[] =
	    "HELO a b\r\nREAD 1\r\nRETR\r\nACKS\r\nQUIT\r\n";
	struct session_config c = any;
	int kept = dup(2), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	const char *heard;

	(void)state;
	c.debugging = 1;
	assert_true(kept >= 0 && full >= 0 && dup2(full, 2) == 2);
	heard = serve(&c, said, MAIL);
	assert_int_equal(dup2(kept, 2), 2);
	assert_non_null(strstr(heard, "+ OK test.example signing off\r\n"));
	assert_true(box_is(MAIL));
	full = dup2(file("", 0), 2);
	serve(&c, "PASS\r\nHELO\r\nPASS x\r\n\r\n", MAIL);
	assert_int_equal(dup2(kept, 2), 2);
	close(b.box);
	close(kept);
}

/* A name that no line is long enough for. */
static void
a_name_beyond_any_line(void **state)
{
	char name[SESSION_MAILBOX_OCTETS + 1];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memset(&s, 0, sizeof(s));
	s.config = &any;
	b.calls = 0;
	assert_int_equal(session_open(&s, name), RC_NOSUCH);
	assert_int_equal(b.calls, 0);
}

/* A mailbox that is none, and then the one before cannot be had again. */
static void
neither_the_new_one_nor_the_old(void **state)
{
	(void)state;
	for (unsigned fail = 0; fail <= 6; fail++) {
		int old = file(MAIL, strlen(MAIL));
		int none = file("none\n", 5);
		enum rc rc;

		memset(&s, 0, sizeof(s));
		s.config = &any;
		s.state = ST_LOGGED_IN;
		b.fail = 0;
		b.box = old;
		b.state = file("", 0);
		assert_int_equal(session_open(&s, "old"), RC_OK);
		b.box = none;
		b.calls = 0;
		b.fail = fail;
		b.why = RC_BUSY;
		rc = session_open(&s, "new");
		assert_true(rc != RC_OK);
		if (rc == RC_EOF) {
			assert_int_equal(s.state, ST_CLOSED);
			assert_null(s.drop.ops);
		} else {
			assert_non_null(s.drop.ops);
			assert_string_equal(s.mailbox, "old");
		}
		if (s.drop.ops != NULL)
			maildrop_close(&s.drop);
		b.fail = 0;
		close(old);
		close(none);
		close(b.state);
	}
}

/* Out of time in POP2, which says so. */
static void
out_of_time(void **state)
{
	struct session_config c = any;
	const char *said;

	(void)state;
	c.dialect = &pop2_dialect;
	b.waits = 2;
	said = serve(&c, "HELO a b\r\n", MAIL);
	b.waits = 0;
	assert_non_null(strstr(said, "- you took too long\r\n"));
	assert_string_equal(s.why, "timeout");
	close(b.box);
}

/* A client of a proxy's of whom the broker does not hear, or of whom nobody can
 * say whether it may do without TLS, is not greeted. */
static void
nobody_hears_of_the_client(void **state)
{
	/* version 2, TCP over IPv4, and TLS */
	static const char header[] =
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc6\x33\x64\7\xc0\0\2\1"
	    "\x30\x39\0\x6e\x20\0\5\1\0\0\0\0";
	struct session_config c = any;
	const char *said;

	(void)state;
	c.proxied = 1;
	c.peer = "192.0.2.1";
	b.why = RC_EOF;
	for (unsigned fail = 0; fail <= 2; fail++) {
		b.fail = fail;
		said = serve_n(&c, header, sizeof(header) - 1, MAIL, 0);
		assert_int_equal(b.calls, fail == 0 ? 2 : fail);
		assert_int_equal(said[0] != '\0', fail == 0);
		close(b.box);
	}
	b.fail = 0;
	c.tls = 1; /* which it knows by itself */
	said = serve_n(&c, header, sizeof(header) - 1, MAIL, 0);
	assert_int_equal(b.calls, 1);
	assert_true(said[0] != '\0');
	close(b.box);
	c.plaintext = "perhaps";
	said = serve_n(&c, header, sizeof(header) - 1, MAIL, 0);
	assert_int_equal(b.calls, 0);
	assert_string_equal(said, "");
	close(b.box);
	for (b.fail = 0; b.fail <= 1; b.fail++) {
		said = serve(&c, "CAPA\r\n", MAIL); /* no header */
		assert_int_equal(b.calls, 1);
		assert_string_equal(said, "");
		close(b.box);
	}
	b.fail = 0;
}

/* The broker is gone before it has heard of the dialect, or that a password is
 * refused without TLS: nothing is asked of it any more, and no password. */
static void
questions_before_the_password(void **state)
{
	static const char *const all[] = {"AUTH\r\nUSER a\r\nPASS b\r\n",
	    "AUTH\r\nAPOP a 0123456789abcdef0123456789abcdef\r\n",
	    "USER a\r\n"};
	struct session_config c = any;
	const char *said;

	(void)state;
	c.stamp = "<1@test.example>";
	b.why = RC_EOF;
	b.fail = 1;
	for (size_t i = 0; i < 3; i++) {
		c.needs_tls = i == 2;
		said = serve(&c, all[i], MAIL);
		assert_null(strstr(said, "maildrop"));
		assert_int_equal(b.calls, 1);
		assert_int_equal(s.logged_in, 0);
		close(b.box);
	}
	b.fail = 0;
}

/* A client that leaves in the middle of its authentication. */
static void
gone_between_challenge_and_response(void **state)
{
	struct session_config c = any;
	const char *said;

	(void)state;
	c.dialect = &pop3_dialect;
	said = serve(&c, "AUTH PLAIN\r\n", MAIL);
	assert_non_null(strstr(said, "\r\n+ \r\n"));
	assert_string_equal(s.why, "eof");
	assert_int_equal(b.calls, 0);
	close(b.box);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_answer_of_the_broker),
	    cmocka_unit_test(mailboxes_that_are_none),
	    cmocka_unit_test(reads_that_fail),
	    cmocka_unit_test(clients_that_take_nothing),
	    cmocka_unit_test(the_reply_that_nobody_takes),
	    cmocka_unit_test(clients_that_take_half_a_message),
	    cmocka_unit_test(stls_comes_to_nothing),
	    cmocka_unit_test(the_answer_to_stls_is_lost),
	    cmocka_unit_test(a_dialogue_that_nobody_reads),
	    cmocka_unit_test(a_name_beyond_any_line),
	    cmocka_unit_test(neither_the_new_one_nor_the_old),
	    cmocka_unit_test(out_of_time),
	    cmocka_unit_test(nobody_hears_of_the_client),
	    cmocka_unit_test(questions_before_the_password),
	    cmocka_unit_test(gone_between_challenge_and_response),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
