/* office - for the tests of the broker: one of its own for each case, in a
 * child, over a spool and a state directory of their own; the test plays the
 * session, well-behaved and not. As root the broker becomes a user without a
 * name of the system's. */
#ifndef TESTS_UNIT_PRIV_OFFICE_H
#define TESTS_UNIT_PRIV_OFFICE_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "fault.h"
#include "priv/broker.h"
#include "priv/client.h"
#include "priv/msg.h"
#include "priv/peer.h"
#include "store/journal.h"
#include "sys/io.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include <crypt.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { SOMEBODY = 12345 };

static char top[64]; /* our directory */
static int spool_fd, state_fd, passwd_fd, empty_fd = -1;
static uid_t uid;
static gid_t gid;

/* run - one broker. */
struct run {
	pid_t pid;
	int fd;  /* the session's end */
	int log; /* what it wrote to descriptor 2 */
};

/* options of the next broker; set_up gives the defaults. */
static struct broker_config config;
static int session_status; /* of the session process, as waitpid says */
static long fault_call;    /* a system call that fails in the broker; 0: none */
static int fault_why;      /* as fault_at says */

static inline void
write_passwd(void)
{
	const char *hash = crypt("geheim", "$5$rounds=1000$abcdefgh");

	passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(passwd_fd >= 0 && hash != NULL);
	assert_true(dprintf(passwd_fd,
			"anna:%s:%u:%u::/:\nroot:%s:0:0::/:\n"
			"other:%s:54321:54321::/:\n\"\\x:%s:%u:%u::/:\n",
			hash, (unsigned)uid, (unsigned)gid, hash, hash, hash,
			(unsigned)uid, (unsigned)gid) > 0);
}

static inline int
make_dirs(void **state)
{
	(void)state;
	uid = geteuid() == 0 ? SOMEBODY : geteuid();
	gid = geteuid() == 0 ? SOMEBODY : getegid();
	memcpy(top, "/tmp/in.popd-broker.XXXXXX", 27);
	if (mkdtemp(top) == NULL || chmod(top, 0755) != 0 || chdir(top) != 0 ||
	    mkdir("spool", 0755) != 0 || mkdir("state", 0711) != 0)
		return -1;
	if (geteuid() == 0 &&
	    (chown("spool", uid, gid) != 0 || mkdir("empty", 0555) != 0))
		return -1;
	if (geteuid() == 0)
		empty_fd = open("empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spool_fd = open("spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	state_fd = open("state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_passwd();
	return spool_fd >= 0 && state_fd >= 0 ? 0 : -1;
}

/* empty - removes what is in the directory path. */
static inline void
empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			if (unlinkat(dirfd(d), e->d_name, 0) != 0)
				unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static inline int
remove_dirs(void **state)
{
	(void)state;
	empty("spool");
	empty("state/anna");
	empty("state");
	rmdir("spool");
	rmdir("state");
	rmdir("empty");
	close(empty_fd);
	close(spool_fd);
	close(state_fd);
	close(passwd_fd);
	return chdir("/") == 0 && rmdir(top) == 0 ? 0 : -1;
}

static inline int
set_up(void **state)
{
	(void)state;
	empty("spool");
	empty("state/anna");
	session_status = 0;
	fault_call = 0;
	config = (struct broker_config){.jail = {54322, 54322, empty_fd},
	    .spool_dir = "spool",
	    .spool_dirfd = spool_fd,
	    .spool_gid = CRED_NO_GROUP,
	    .state_dir = "state",
	    .state_dirfd = state_fd,
	    .policy = {.min_uid = 1,
		.passwd_fd = passwd_fd,
		.host = {.passwd_fd = -1, .shadow_fd = -1}},
	    .lock_timeout_s = 1,
	    .peer = "192.0.2.1"};
	return 0;
}

/* be_broker - the child. Its own child is the session process, which only
 * ends, as session_status says. */
static inline int
be_broker(int fd, int log)
{
	pid_t session;

	alarm(60);
	if (dup2(log, 2) < 0)
		return EX_OSERR;
	log_open(1);
	if (sandbox_begin() != RC_OK)
		return 99;
	session = fork();
	if (session == 0) {
		if (WIFSIGNALED(session_status))
			raise(WTERMSIG(session_status));
		_exit(WEXITSTATUS(session_status));
	}
	if (fault_call != 0)
		fault_at(fault_call, fault_why);
	return broker_run(&config, fd, session);
}

static inline void
start(struct run *r)
{
	int pair[2];

	assert_int_equal(peer_pair(pair), RC_OK);
	r->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(r->log >= 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		close(pair[0]);
		_exit(be_broker(pair[1], r->log));
	}
	close(pair[1]);
	r->fd = pair[0];
}

/* finish - the session is gone; what the program would exit with. */
static inline int
finish(struct run *r)
{
	int status = -1;

	shutdown(r->fd, SHUT_RDWR); /* another broker may have it open */
	close(r->fd);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	if (WIFSIGNALED(status))
		fail_msg("the broker died of signal %d", WTERMSIG(status));
	close(r->log);
	return WEXITSTATUS(status);
}

/* logged - how many log lines hold text. */
static inline unsigned
logged(const struct run *r, const char *text)
{
	static char all[4 << 20];
	ssize_t n = pread(r->log, all, sizeof(all) - 1, 0);
	unsigned found = 0;

	assert_true(n >= 0);
	all[n] = '\0';
	for (const char *p = all; (p = strstr(p, text)) != NULL; p++)
		found++;
	return found;
}

static inline void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (geteuid() == 0)
		assert_int_equal(fchown(fd, uid, gid), 0);
	close(fd);
}

static inline unsigned
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static const char mail[] = "From a Thu Jan  1 00:00:00 2026\n\nx\n\n";

static inline void
log_in(struct run *r)
{
	start(r);
	assert_int_equal(client_authenticate(r->fd, "anna", "geheim"), RC_OK);
}

/* open_named - OPEN, with what came closed again. */
static inline enum rc
open_named(const struct run *r, const char *mailbox)
{
	struct opened o = {.mbox_fd = -1, .state_fd = -1};
	enum rc rc = client_open(r->fd, mailbox, &o);

	if (o.mbox_fd >= 0)
		close(o.mbox_fd);
	if (o.state_fd >= 0)
		close(o.state_fd);
	return rc;
}

/* lock - LOCK, with the journal that may come closed again. */
static inline enum rc
lock(int broker_fd)
{
	int journal_fd;
	enum rc rc = client_lock(broker_fd, &journal_fd);

	if (journal_fd >= 0)
		close(journal_fd);
	return rc;
}

static inline enum rc
open_it(const struct run *r)
{
	return open_named(r, "");
}

/* stopped - whether the broker ends within a second, with EX_OK. */
static inline unsigned
stopped(struct run *r)
{
	int status;

	for (unsigned i = 0; i < 100; i++) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
			close(r->fd);
			close(r->log);
			return WIFEXITED(status) &&
			       WEXITSTATUS(status) == EX_OK;
		}
		usleep(10000);
	}
	return 0;
}

static const int no_fds[MSG_FDS] = {0, 0};

/* send_raw - one packet: the type, then n octets of body. */
static inline void
send_raw(const struct run *r, uint32_t type, const void *body, size_t n,
    unsigned nfds)
{
	static unsigned char room[16384];
	struct buf b;

	assert_true(n <= sizeof(room));
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put(&b, body, n), RC_OK);
	assert_int_equal(
	    msg_send(r->fd, (enum msg_type)type, &b, no_fds, nfds), RC_OK);
}

/* broke - the broker has ended without an answer, and says whose fault. */
static inline void
broke(struct run *r)
{
	unsigned char room[64];
	int fds[MSG_FDS];
	struct buf b;
	unsigned nfds;
	uint32_t type;

	buf_init(&b, room, sizeof(room));
	assert_int_equal(msg_receive(r->fd, &type, &b, fds, &nfds), RC_EOF);
	assert_int_equal(logged(r, "event=end addr=192.0.2.1 tls="), 1);
	assert_int_equal(logged(r, " left=- why=\"bug\"\n"), 1);
	assert_int_equal(logged(r, " dialect=undecided sent=-") +
			     logged(r, " dialect=pop2 sent=-"),
	    1);
	assert_int_equal(finish(r), EX_SOFTWARE);
	assert_false(exists("spool/anna.lock"));
}

/* hostile - a request that ends the session. */
static inline void
hostile(uint32_t type, const void *body, size_t n, unsigned nfds)
{
	struct run r;

	start(&r);
	send_raw(&r, type, body, n, nfds);
	broke(&r);
}

static const unsigned char zeroes[ORDER_OCTETS + 1];

#endif
