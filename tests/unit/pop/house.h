/* house - for pop1_test, pop2_test and dialect_test: a real session and a real
 * broker over a spool, a state directory and a home of their own, and the test
 * as the client. As root the broker becomes user 12345, otherwise anna is
 * whoever runs this. */
#ifndef TESTS_UNIT_POP_HOUSE_H
#define TESTS_UNIT_POP_HOUSE_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "../priv/fault.h"
#include "pop/dialect.h"
#include "priv/broker.h"
#include "priv/peer.h"
#include "sys/io.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include <crypt.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HOUSE_UID = 12345, HOUSE_GROUP = 54321, HOUSE_ROOM = 1 << 20 };

/* house - what the next session is given; house_fresh sets all of it anew. */
static struct {
	char top[64], spool[80], home[80], anna[96];
	uid_t uid;
	gid_t gid;
	const struct dialect *dialect;
	unsigned port, login_s, idle_s, lock_s, supersede_s;
	unsigned strict_lock, tls, needs_tls;
	long fault_call; /* a system call that fails in the broker; 0: none */
	int fault_why;
	int passwd_fd, spool_fd, state_fd;
	const struct secrets *secrets;
	int log_fd; /* what all of them wrote for the log, and to descriptor 2
		     */
	gid_t spool_gid;
	int doors[8]; /* the guests' ends, which no other's server may keep */
} house;

/* guest - one connection. */
struct guest {
	int fd;
	pid_t broker;
};

/* house_admit - one more account; all are anna under other names. */
static inline void
house_admit(const char *name, const char *secret)
{
	char line[512];
	struct stat st;
	int n = snprintf(line, sizeof(line), "%s:%s:%u:%u::%s:\n", name,
	    crypt(secret, "$5$rounds=1000$abcdefgh"), (unsigned)house.uid,
	    (unsigned)house.gid, house.home);

	assert_true(n > 0 && (size_t)n < sizeof(line));
	assert_int_equal(fstat(house.passwd_fd, &st), 0);
	assert_int_equal(
	    pwrite(house.passwd_fd, line, (size_t)n, st.st_size), n);
}

/* house_own - gives path to anna. */
static inline void
house_own(const char *path)
{
	if (geteuid() == 0)
		assert_int_equal(lchown(path, house.uid, house.gid), 0);
}

/* house_put - makes path, in place if it is there, hold n octets. */
static inline void
house_put(const char *path, const char *octets, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, n), (ssize_t)n);
	close(fd);
	house_own(path);
}

/* house_logged - how often text is in the log so far. */
static inline unsigned
house_logged(const char *text)
{
	static char log[65536];
	ssize_t n = pread(house.log_fd, log, sizeof(log) - 1, 0);
	unsigned found = 0;

	assert_true(n >= 0);
	log[n] = '\0';
	for (const char *p = log; (p = strstr(p, text)) != NULL; p++)
		found++;
	return found;
}

/* in_home - the path of name there. Static storage, two of them in turn. */
static inline const char *
in_home(const char *name)
{
	static char paths[2][512];
	static unsigned turn;

	turn ^= 1;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", house.home, name);
	return paths[turn];
}

/* house_folder - a folder in anna's home. */
static inline void
house_folder(const char *name, const char *text)
{
	house_put(in_home(name), text, strlen(text));
}

static inline void
house_append(const char *text)
{
	int fd = open(house.anna, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* house_read - what path holds, NUL-terminated. Static storage. */
static inline const char *
house_read(const char *path, size_t *n)
{
	static char text[HOUSE_ROOM];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	got = read(fd, text, sizeof(text) - 1);
	assert_true(got >= 0);
	close(fd);
	*n = (size_t)got;
	text[*n] = '\0';
	return text;
}

static inline void
assert_file(const char *path, const char *wanted)
{
	size_t n;

	assert_string_equal(house_read(path, &n), wanted);
}

/* Three messages of 19, 24 and 23 octets; the second has lines that begin with
 * dots, the third lacks its last line's end. */
#define FROM_1 "From a@b.example Thu Jan  1 00:00:00 2026\n"
#define FROM_2 "From b@b.example Thu Jan  1 00:00:01 2026\n"
#define FROM_3 "From c@b.example Thu Jan  1 00:00:02 2026\n"
#define MAIL_1 FROM_1 "Subject: one\n\n1\n\n"
#define MAIL_2 FROM_2 "Subject: two\n\n.\n..x\n\n"
#define MAIL_3 FROM_3 "Subject: three\n\nend"
#define SENT_1 "Subject: one\r\n\r\n1\r\n"
#define SENT_2 "Subject: two\r\n\r\n.\r\n..x\r\n"
#define SENT_3 "Subject: three\r\n\r\nend\r\n"
#define LATE "From d@b.example Thu Jan  1 00:00:09 2026\n\nlate\n\n"

static inline int
house_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static inline int
house_open_up(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)f;
	if (type == FTW_D || type == FTW_DNR)
		return chmod(path, 0700);
	return 0;
}

/* house_fresh - a set-up function: everything new, anna has three messages.
 * Her password is "geheim", that of "back\slash" is "a b\". No user name has a
 * blank in it. */
static inline int
house_fresh(void **state)
{
	char path[96];

	(void)state;
	memset(&house, 0, sizeof(house));
	house.uid = geteuid() == 0 ? HOUSE_UID : geteuid();
	house.gid = geteuid() == 0 ? HOUSE_UID : getegid();
	house.spool_gid = CRED_NO_GROUP;
	house.login_s = house.idle_s = 30;
	house.supersede_s = 120;
	memcpy(house.top, "/tmp/in.popd-house.XXXXXX", 26);
	if (mkdtemp(house.top) == NULL || chmod(house.top, 0755) != 0)
		return -1;
	snprintf(house.spool, sizeof(house.spool), "%s/spool", house.top);
	snprintf(house.home, sizeof(house.home), "%s/home", house.top);
	snprintf(house.anna, sizeof(house.anna), "%s/anna", house.spool);
	snprintf(path, sizeof(path), "%s/state", house.top);
	if (mkdir(house.spool, 0755) != 0 || mkdir(house.home, 0755) != 0 ||
	    mkdir(path, 0711) != 0)
		return -1;
	house_own(house.spool);
	house_own(house.home);
	house.spool_fd = open(house.spool, O_PATH | O_DIRECTORY | O_CLOEXEC);
	house.state_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	house.passwd_fd = memfd_create("accounts", MFD_CLOEXEC);
	house.log_fd = memfd_create("log", MFD_CLOEXEC);
	if (house.spool_fd < 0 || house.state_fd < 0 || house.passwd_fd < 0 ||
	    house.log_fd < 0 || fcntl(house.log_fd, F_SETFL, O_APPEND) != 0)
		return -1;
	house_admit("anna", "geheim");
	house_admit("back\\slash", "a b\\");
	house_put(
	    house.anna, MAIL_1 MAIL_2 MAIL_3, strlen(MAIL_1 MAIL_2 MAIL_3));
	return 0;
}

static inline int
house_remove(void **state)
{
	(void)state;
	close(house.spool_fd);
	close(house.state_fd);
	close(house.passwd_fd);
	close(house.log_fd);
	nftw(house.top, house_open_up, 16, FTW_PHYS);
	return nftw(house.top, house_unlink, 16, FTW_PHYS | FTW_DEPTH);
}

/* house_serve - the two processes of one connection; never returns. */
static inline void __attribute__((noreturn)) house_serve(int client)
{
	static struct session s;
	struct session_config c = {.in_fd = client,
	    .out_fd = client,
	    .dialect = house.dialect,
	    .port = house.port,
	    .login_s = house.login_s,
	    .idle_s = house.idle_s,
	    .supersede_s = house.supersede_s,
	    .tls = house.tls & 1,
	    .needs_tls = house.needs_tls & 1,
	    .stamp = house.secrets != NULL ? house.secrets->stamp : NULL,
	    .host = "test.example"};
	struct broker_config b = {.jail = {.dirfd = -1},
	    .spool_dir = house.spool,
	    .spool_dirfd = house.spool_fd,
	    .spool_gid = house.spool_gid,
	    .state_dir = "state",
	    .state_dirfd = house.state_fd,
	    .policy = {.min_uid = 1,
		.passwd_fd = house.passwd_fd,
		.host = {.passwd_fd = -1, .shadow_fd = -1},
		.secrets = house.secrets},
	    .lock_timeout_s = house.lock_s,
	    .strict_lock = house.strict_lock & 1,
	    .peer = "test"};
	int pair[2];
	pid_t session;

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	if (dup2(house.log_fd, 2) < 0 || peer_pair(pair) != RC_OK)
		_exit(99);
	session = fork();
	if (session == 0) {
		alarm(60);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* as main.c does */
		close(pair[0]);
		c.broker_fd = pair[1];
		_exit(session_run(&s, &c));
	}
	close(pair[1]);
	close(client);
	log_open(1);
	if (sandbox_begin() != RC_OK)
		_exit(99);
	if (house.fault_call != 0)
		fault_at(house.fault_call, house.fault_why);
	_exit(broker_run(&b, pair[0], session));
}

static inline void
guest_come(struct guest *g)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	g->broker = fork();
	assert_true(g->broker >= 0);
	if (g->broker == 0) {
		close(pair[0]);
		for (size_t i = 0; i < 8; i++) {
			if (house.doors[i] != 0)
				close(house.doors[i]);
		}
		house_serve(pair[1]);
	}
	close(pair[1]);
	g->fd = pair[0];
	for (size_t i = 0; i < 8; i++) {
		if (house.doors[i] == 0) {
			house.doors[i] = g->fd;
			return;
		}
	}
	fail_msg("too many guests");
}

static inline void
say_n(const struct guest *g, const char *octets, size_t n)
{
	while (n > 0) {
		ssize_t w = send(g->fd, octets, n, MSG_NOSIGNAL);

		if (w < 0)
			return; /* the session is gone, as the case may be */
		octets += w;
		n -= (size_t)w;
	}
}

static inline void
say(const struct guest *g, const char *text)
{
	say_n(g, text, strlen(text));
}

/* guest_waits - until the session has read what was said. */
static inline void
guest_waits(const struct guest *g)
{
	int left = 1;

	for (unsigned i = 0; i < 20000 && left > 0; i++) {
		if (ioctl(g->fd, SIOCOUTQ, &left) != 0)
			return;
		if (left > 0)
			usleep(50);
	}
}

/* hear_n - the next n octets, fewer at the end. Static storage. */
static inline const char *
hear_n(const struct guest *g, size_t n)
{
	static char data[HOUSE_ROOM];
	size_t have = 0;

	assert_true(n < sizeof(data));
	while (have < n) {
		struct pollfd p = {.fd = g->fd, .events = POLLIN};
		ssize_t got;

		assert_int_equal(poll(&p, 1, 20000), 1);
		got = read(g->fd, data + have, n - have);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	data[have] = '\0';
	return data;
}

/* hear - the next line with its CRLF; "" at the end. Static storage. */
static inline const char *
hear(const struct guest *g)
{
	static char line[1024];
	size_t n = 0;

	while (n < sizeof(line) - 1) {
		line[n] = hear_n(g, 1)[0];
		if (line[n] == '\0')
			break;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return line;
}

/* asks - says a command; the answer must be this. */
static inline void
asks(const struct guest *g, const char *command, const char *answer)
{
	say(g, command);
	say(g, "\r\n");
	assert_string_equal(hear_n(g, strlen(answer)), answer);
}

/* ANOTHERS - why a mailbox is in use, as ageless leaves it. */
#define ANOTHERS "another session has had it for N seconds\r\n"

/* ageless - text, with N for the seconds that a session had the mailbox, which
 * are few. Static storage. */
static inline const char *
ageless(const char *text)
{
	static const char since[] = "another session has had it for ";
	static char out[8192];
	const char *at;
	size_t n = 0;

	while ((at = strstr(text, since)) != NULL) {
		unsigned s;
		int used = 0;

		at += sizeof(since) - 1;
		assert_true((size_t)(at - text) + n < sizeof(out) - 64);
		memcpy(out + n, text, (size_t)(at - text));
		n += (size_t)(at - text);
		assert_int_equal(sscanf(at, "%u%n", &s, &used), 1);
		assert_true(s >= 1 && s < 60);
		text = at + used;
		at = s == 1 ? " second\r\n" : " seconds\r\n";
		assert_int_equal(strncmp(text, at, strlen(at)), 0);
		text += strlen(at);
		memcpy(out + n, "N seconds\r\n", 11);
		n += 11;
	}
	assert_true(strlen(text) + n < sizeof(out));
	memcpy(out + n, text, strlen(text) + 1);
	return out;
}

/* closes - nothing more comes, and the connection is closed. */
static inline void
closes(const struct guest *g)
{
	assert_string_equal(hear_n(g, 1), "");
}

/* house_forget - closes the guest's end. */
static inline void
house_forget(struct guest *g)
{
	for (size_t i = 0; i < 8; i++) {
		if (house.doors[i] == g->fd)
			house.doors[i] = 0;
	}
	close(g->fd);
}

/* house_gone - for a guest whose broker was killed. */
static inline void
house_gone(struct guest *g)
{
	house_forget(g);
	assert_int_equal(waitpid(g->broker, NULL, 0), g->broker);
}

/* house_session - the process of the guest's session, or 0 where the kernel
 * does not tell. */
static inline pid_t
house_session(const struct guest *g)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)g->broker, (int)g->broker);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

/* guest_leave - closes; waits until the broker has ended too. */
static inline void
guest_leave(struct guest *g)
{
	int status;

	house_forget(g);
	assert_int_equal(waitpid(g->broker, &status, 0), g->broker);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 99);
}

/* converse_n - says all, ends the sending side, and returns all that came, its
 * octets in *n. Static storage. */
static inline const char *
converse_n(const char *octets, size_t len, size_t *n)
{
	static char all[HOUSE_ROOM];
	struct guest g;
	ssize_t got;

	guest_come(&g);
	say_n(&g, octets, len);
	shutdown(g.fd, SHUT_WR);
	*n = 0;
	while ((got = read(g.fd, all + *n, sizeof(all) - 1 - *n)) > 0)
		*n += (size_t)got;
	all[*n] = '\0';
	guest_leave(&g);
	return all;
}

static inline const char *
converse(const char *text)
{
	size_t n;

	return converse_n(text, strlen(text), &n);
}

#endif
