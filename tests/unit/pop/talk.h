/* talk - for session_test and pop3_test: a session in a child, a broker that
 * only says what the case wants in another, and the test as the client. That
 * broker keeps no state file: the list of what stays goes into a journal of its
 * own, which nobody sees. */
#ifndef TESTS_UNIT_POP_TALK_H
#define TESTS_UNIT_POP_TALK_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "pop/dialect.h"
#include "priv/msg.h"
#include "priv/peer.h"
#include "store/journal.h"
#include "sys/io.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* script - what the broker answers; fresh() gives a broker that lets anna in
 * with "geheim" and has her mailbox. */
static struct script {
	enum rc open, lock;
	enum rc update;         /* RC_OK: does it */
	enum rc remove;         /* likewise, if nobody was at the mailbox */
	enum rc unlock;         /* the second, behind UPDATE */
	unsigned busy_s;        /* for RC_BUSY of OPEN */
	unsigned no_journal;    /* LOCK comes without one */
	unsigned open_flags;    /* of the mailbox */
	unsigned read_only;     /* it may not be changed */
	enum msg_type dies_at;  /* ends instead of answering that */
	enum msg_type grows_at; /* new mail arrives before that answer */
	enum msg_type leave_at; /* MSG_LEAVE precedes that answer */
	const char *in_path;    /* what the session reads instead */
	unsigned undecided;     /* the dialect is found out */
	unsigned keeps_end;     /* talk.broker_end is the broker's, too */
	unsigned tls_is_gone;   /* nobody is at the control descriptor */
	unsigned tight;         /* the client's socket takes 4 KiB at most */
	unsigned unblocked;     /* and does not block */
	int unlock_after;       /* the second waits for an octet here; 0: no */
	struct session_config config;
} script;

static char talk_dir[64];
static char talk_mbox[80];

/* talk - the client's end, and what must be waited for. */
struct talk {
	int fd;
	int log;   /* what the session logged, and on descriptor 2 */
	int asked; /* one octet for each request, its type */
	int broker_end;
	pid_t session, broker;
	int status; /* what session_run returned */
};

static const char talk_late[] =
    "From late Thu Jan  1 00:00:09 2026\n\nlate\n\n";

static inline void
talk_grow(void)
{
	int fd = open(talk_mbox, O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t n = write(fd, talk_late, sizeof(talk_late) - 1);

	if (n < 0)
		abort();
	close(fd);
}

/* What the broker has open. */
static int talk_fd = -1, talk_journal = -1;

/* talk_update - what UPDATE asks for. */
static inline enum rc
talk_update(struct buf *b)
{
	struct order order;
	enum rc rc = order_get(b, &order);

	if (rc != RC_OK || script.update != RC_OK)
		return rc != RC_OK ? rc : script.update;
	return journal_run(talk_journal, talk_fd, &order);
}

/* talk_remove - what REMOVE asks for. */
static inline enum rc
talk_remove(struct buf *b)
{
	struct order order;
	struct seen seen;
	struct stat st;
	enum rc rc = order_get(b, &order);

	if (rc == RC_OK)
		rc = seen_get(b, &seen);
	if (rc != RC_OK || script.remove != RC_OK)
		return rc != RC_OK ? rc : script.remove;
	if (fstat(talk_fd, &st) != 0 || order.list_len > 0)
		return RC_BUG;
	if (memcmp(&st.st_mtim, &seen.mtime, sizeof(seen.mtime)) != 0 ||
	    memcmp(&st.st_ctim, &seen.ctime, sizeof(seen.ctime)) != 0)
		return RC_CHANGED;
	return journal_run(talk_journal, talk_fd, &order);
}

/* talk_open - the mailbox anew. */
static inline enum rc
talk_open(void)
{
	unsigned finished;

	if (script.open != RC_OK)
		return script.open;
	if (talk_fd >= 0)
		close(talk_fd);
	talk_fd = open(talk_mbox, (int)script.open_flags | O_CLOEXEC);
	if (talk_fd >= 0 && talk_journal < 0 && !script.no_journal) {
		talk_journal = memfd_create("journal", MFD_CLOEXEC);
		return journal_recover(talk_journal, talk_fd, &finished);
	}
	return RC_OK;
}

/* talk_answer - the answer to one request. */
static inline enum rc
talk_answer(uint32_t type, struct buf *b)
{
	static unsigned unlocks;
	char user[600], secret[600], octet;

	switch (type) {
	case MSG_AUTHENTICATE:
		if (buf_get_text(b, user, sizeof(user)) != RC_OK ||
		    buf_get_text(b, secret, sizeof(secret)) != RC_OK)
			return RC_BUG;
		return strcmp(user, "anna") == 0 &&
			       strcmp(secret, "geheim") == 0
			   ? RC_OK
			   : RC_DENIED;
	case MSG_OPEN:
		return talk_open();
	case MSG_LOCK:
		return script.lock;
	case MSG_UPDATE:
		return talk_update(b);
	case MSG_REMOVE:
		return talk_remove(b);
	default:
		if (unlocks++ == 0)
			return RC_OK;
		if (script.unlock_after > 0 &&
		    read(script.unlock_after, &octet, 1) != 1)
			return RC_BUG;
		return script.unlock;
	}
}

/* talk_respond - says so, with what belongs to the answer. */
static inline enum rc
talk_respond(int fd, uint32_t type, struct buf *b, enum rc rc)
{
	int pass = -1;

	b->len = b->pos = 0;
	if (buf_put_u32(b, rc) != RC_OK ||
	    buf_put_u32(b, rc == RC_IO ? EIO : 0) != RC_OK)
		return RC_BUG;
	if (type == MSG_OPEN && rc == RC_OK) {
		pass = talk_fd;
		if (buf_put_u32(b, pass >= 0) != RC_OK ||
		    buf_put_u32(b, 0) != RC_OK ||
		    buf_put_u32(b, script.read_only) != RC_OK)
			return RC_BUG;
	} else if (type == MSG_OPEN && rc == RC_BUSY) {
		if (buf_put_u32(b, script.busy_s) != RC_OK)
			return RC_BUG;
	} else if (type == MSG_LOCK && rc == RC_OK) {
		pass = talk_journal;
		if (buf_put_u32(b, pass >= 0) != RC_OK)
			return RC_BUG;
	}
	return msg_send(fd, (enum msg_type)(type + 1), b, &pass, pass >= 0);
}

static inline void
talk_serve(int fd, int log, int asked)
{
	unsigned char room[MSG_BODY_OCTETS];
	char text[2048];
	int fds[MSG_FDS];
	unsigned nfds;
	struct buf b;
	uint32_t type, why;

	alarm(60);
	buf_init(&b, room, sizeof(room));
	while (msg_receive(fd, &type, &b, fds, &nfds) == RC_OK) {
		char kind = (char)('0' + type);

		if (write(asked, &kind, 1) != 1 || type == script.dies_at)
			return;
		if (type == MSG_LOG) {
			if (buf_get_text(&b, text, sizeof(text)) == RC_OK)
				dprintf(log, "LOG %s\n", text);
			continue;
		}
		if (type == MSG_CLIENT && buf_get_u32(&b, &why) == RC_OK &&
		    buf_get_text(&b, text, sizeof(text)) == RC_OK)
			dprintf(log, "CLIENT %s%s\n",
			    why == RC_OK ? "" : rc_name((enum rc)why), text);
		if (type == MSG_TLS || type == MSG_CLIENT ||
		    type == MSG_DIALECT || type == MSG_PLAINTEXT ||
		    type == MSG_PREPARE)
			continue; /* no answer */
		if (type == script.grows_at)
			talk_grow();
		if (type == script.leave_at &&
		    msg_send(fd, MSG_LEAVE, NULL, NULL, 0) != RC_OK)
			return;
		if (talk_respond(fd, type, &b, talk_answer(type, &b)) != RC_OK)
			return;
	}
}

static struct session talk_session;

/* The secret that sessions here are told, and its base64, each octet plus one,
 * so that it does not lie about as itself. */
static const char *const talk_secrets[] = {"hfifjn", "[3Wp[Xmu"};

/* talk_finds - whether that secret is in n octets of memory. */
static inline unsigned
talk_finds(const char *secret, const char *octets, size_t n)
{
	const size_t len = strlen(secret);

	for (size_t i = 0; i + len <= n; i++) {
		size_t j = 0;

		while (j < len && octets[i + j] + 1 == secret[j])
			j++;
		if (j == len)
			return 1;
	}
	return 0;
}

/* TALK_LEAK - what a session returns that still knows the secret. */
enum { TALK_LEAK = 97 };

/* talk_start - greets nobody yet; read for that. */
static inline void
talk_start(struct talk *t)
{
	const int room = 4096;
	int client[2], pair[2], status;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	if (script.tight)
		assert_int_equal(setsockopt(client[1], SOL_SOCKET, SO_SNDBUF,
				     &room, sizeof(room)),
		    0);
	assert_int_equal(peer_pair(pair), RC_OK);
	t->log = memfd_create("log", MFD_CLOEXEC);
	t->asked = memfd_create("asked", MFD_CLOEXEC);
	assert_true(t->log >= 0 && t->asked >= 0);
	t->broker = fork();
	if (t->broker == 0) {
		close(client[0]);
		close(client[1]);
		close(pair[0]);
		talk_serve(pair[1], t->log, t->asked);
		_exit(0);
	}
	t->session = fork();
	if (t->session == 0) {
		struct session_config config = script.config;

		close(client[0]);
		close(pair[1]);
		alarm(60);
		signal(SIGPIPE, SIG_IGN);
		if (dup2(t->log, 2) < 0)
			_exit(99);
		config.in_fd = config.out_fd = client[1];
		if (script.unblocked &&
		    fcntl(client[1], F_SETFL, O_NONBLOCK) != 0)
			_exit(99);
		config.broker_fd = pair[0];
		config.dialect = script.undecided ? NULL : &pop3_dialect;
		if (script.in_path != NULL)
			config.in_fd = open(script.in_path, O_RDONLY);
		status = session_run(&talk_session, &config);
		for (size_t i = 0; i < 2; i++) {
			if (talk_finds(talk_secrets[i],
				(const char *)&talk_session,
				sizeof(talk_session)))
				status = TALK_LEAK;
		}
		_exit(status);
	}
	assert_true(t->broker > 0 && t->session > 0);
	close(client[1]);
	close(pair[0]);
	t->broker_end = pair[1];
	if (!script.keeps_end)
		close(pair[1]);
	t->fd = client[0];
}

static inline void
say_n(const struct talk *t, const char *octets, size_t n)
{
	while (n > 0) {
		ssize_t w = send(t->fd, octets, n, MSG_NOSIGNAL);

		if (w < 0)
			return; /* the session is gone, as the case may be */
		octets += w;
		n -= (size_t)w;
	}
}

static inline void
say(const struct talk *t, const char *text)
{
	say_n(t, text, strlen(text));
}

/* taken - waits until the session has read everything that was said. */
static inline void
taken(const struct talk *t)
{
	int left = 1;

	for (unsigned i = 0; i < 20000 && left > 0; i++) {
		if (ioctl(t->fd, SIOCOUTQ, &left) != 0)
			return;
		if (left > 0)
			usleep(50);
	}
}

/* hear - the next line with its CRLF; "" at the end. Static storage. */
static inline const char *
hear(const struct talk *t)
{
	static char line[1024];
	size_t n = 0;

	do {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 20000), 1);
		if (read(t->fd, line + n, 1) != 1)
			break;
		n++;
	} while (line[n - 1] != '\n' && n < sizeof(line) - 1);
	line[n] = '\0';
	return line;
}

/* hear_all - everything up to the end. Static storage, size in *n. */
static inline const char *
hear_all(const struct talk *t, size_t *n)
{
	static char all[1 << 20];
	ssize_t got;

	*n = 0;
	while ((got = read(t->fd, all + *n, sizeof(all) - 1 - *n)) > 0)
		*n += (size_t)got;
	all[*n] = '\0';
	return all;
}

/* talk_end - the client is gone; what session_run returned is in status. */
static inline void
talk_end(struct talk *t)
{
	int status;

	close(t->fd);
	assert_int_equal(waitpid(t->session, &status, 0), t->session);
	assert_true(WIFEXITED(status));
	t->status = WEXITSTATUS(status);
	if (script.keeps_end)
		close(t->broker_end);
	assert_int_equal(waitpid(t->broker, NULL, 0), t->broker);
}

/* talk_file - what is in a descriptor's file. Static storage. */
static inline const char *
talk_file(int fd)
{
	static char text[65536];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static inline void
talk_forget(const struct talk *t)
{
	close(t->log);
	close(t->asked);
}

/* converse - says all of text, ends the sending side, returns all answers. */
static inline const char *
converse(const char *text)
{
	struct talk t;
	const char *all;
	size_t n;

	talk_start(&t);
	say(&t, text);
	shutdown(t.fd, SHUT_WR);
	all = hear_all(&t, &n);
	talk_end(&t);
	talk_forget(&t);
	return all;
}

static inline void
put_mbox(const char *text)
{
	int fd =
	    open(talk_mbox, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void
assert_mbox(const char *wanted)
{
	int fd = open(talk_mbox, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_string_equal(talk_file(fd), wanted);
	close(fd);
}

/* Three messages; the second has lines that begin with dots, the third lacks
 * its last line's end. */
#define MSG_1 "From a Thu Jan  1 00:00:00 2026\nSubject: one\n\n1\n2\n3\n\n"
#define MSG_2 "From b Thu Jan  1 00:00:01 2026\nSubject: two\n\n.\n..x\n\n"
#define MSG_3 "From c Thu Jan  1 00:00:02 2026\nSubject: three\n\nend"

static inline int
fresh(void **state)
{
	(void)state;
	script = (struct script){.open_flags = O_RDWR,
	    .config = {.login_s = 30,
		.idle_s = 30,
		.supersede_s = 120,
		.host = "test.example"}};
	put_mbox(MSG_1 MSG_2 MSG_3);
	return 0;
}

static inline int
make_talk_dir(void **state)
{
	(void)state;
	memcpy(talk_dir, "/tmp/in.popd-talk.XXXXXX", 25);
	if (mkdtemp(talk_dir) == NULL)
		return -1;
	snprintf(talk_mbox, sizeof(talk_mbox), "%s/anna", talk_dir);
	return 0;
}

static inline int
remove_talk_dir(void **state)
{
	(void)state;
	unlink(talk_mbox);
	return rmdir(talk_dir);
}

#endif
