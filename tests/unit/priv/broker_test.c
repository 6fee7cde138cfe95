/* broker - mailboxes, locks, the log, and a hostile session. Logins are
 * judge_test's, UPDATE and what belongs to it broker_update_test's. */
#include "office.h"

static void
a_session_from_login_to_end(void **state)
{
	char text[sizeof(mail)], owner[32] = "";
	int dot;
	struct opened o;
	struct stat st;
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_int_equal(
	    read(o.mbox_fd, text, sizeof(text)), (ssize_t)sizeof(mail) - 1);
	assert_memory_equal(text, mail, sizeof(mail) - 1);
	/* the session cannot write to the mailbox */
	assert_int_equal(fcntl(o.mbox_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fstat(o.state_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(stat("state/anna", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, uid);
	/* The dotlock is the broker's. */
	dot = open("spool/anna.lock", O_RDONLY | O_CLOEXEC);
	assert_true(dot >= 0);
	assert_true(read(dot, owner, sizeof(owner) - 1) > 0);
	assert_int_equal(strtol(owner, NULL, 10), r.pid);
	close(dot);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(lock(r.fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	client_log(r.fd, "dialect=pop3 why=\"quit\"");
	close(o.mbox_fd);
	close(o.state_fd);
	shutdown(r.fd, SHUT_RDWR);
	usleep(100000);
	assert_int_equal(logged(&r, "event=login addr=192.0.2.1 tls=no "
				    "user=\"anna\" dialect=undecided\n"),
	    1);
	assert_int_equal(
	    logged(&r, "event=end addr=192.0.2.1 tls=no "
		       "user=\"anna\" dialect=pop3 why=\"quit\"\n"),
	    1);
	assert_int_equal(logged(&r, "geheim"), 0);
	assert_int_equal(logged(&r, "\n"), 2);
	assert_int_equal(finish(&r), EX_OK);
}

static void
an_absent_mailbox_is_an_empty_one(void **state)
{
	struct opened o;
	struct run r;

	(void)state;
	log_in(&r);
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_int_equal(o.mbox_fd, -1);
	assert_true(o.state_fd >= 0);
	close(o.state_fd);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(lock(r.fd), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna"));
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
}

static void
without_state_there_is_none(void **state)
{
	struct opened o;
	struct run r;

	(void)state;
	config.state_dirfd = -1;
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_true(o.mbox_fd >= 0);
	assert_int_equal(o.state_fd, -1);
	close(o.mbox_fd);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna.lock"));
}

/* One that is there may hold a journal: without it the mailbox may be one that
 * was left in the middle of a move. */
static void
a_state_directory_that_cannot_be_read_costs_the_mailbox(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	config.state_dirfd = 1000; /* EBADF, as well as EIO */
	log_in(&r);
	errno = 0;
	assert_int_equal(open_it(&r), RC_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(open_it(&r), RC_IO);
	assert_int_equal(logged(&r, "event=no-state user=\"anna\""), 1);
	assert_int_equal(
	    logged(&r, "event=no-maildrop user=\"anna\" spool=\"spool\" "
		       "mailbox=\"\" why=\"Bad file descriptor\"\n"),
	    2);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
}

/* A state file that is not what we made is not used, and no mail is lost. */
static void
a_foreign_state_file_is_left_alone(void **state)
{
	struct opened o;
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(unlink("state/anna/maildrop"), 0);
	assert_int_equal(symlink("/etc/passwd", "state/anna/maildrop"), 0);
	log_in(&r);
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_true(o.mbox_fd >= 0);
	assert_int_equal(o.state_fd, -1);
	close(o.mbox_fd);
	assert_int_equal(
	    logged(&r,
		"event=no-state user=\"anna\" dir=\"state\" why=\"denied\"\n"),
	    1);
	assert_int_equal(finish(&r), EX_OK);
}

static void
refused_open(void)
{
	struct run r;

	log_in(&r);
	assert_int_equal(open_it(&r), RC_DENIED);
	assert_int_equal(
	    logged(&r, "event=no-maildrop user=\"anna\" spool=\"spool\" "
		       "mailbox=\"\" why="),
	    1);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna.lock"));
}

static void
what_is_no_plain_file_is_refused(void **state)
{
	(void)state;
	write_file("spool/mail", mail);
	assert_int_equal(symlink("mail", "spool/anna"), 0);
	refused_open();
	assert_int_equal(unlink("spool/anna"), 0);
	assert_int_equal(symlink("nowhere", "spool/anna"), 0);
	refused_open();
	assert_int_equal(unlink("spool/anna"), 0);
	assert_int_equal(mkfifo("spool/anna", 0600), 0);
	refused_open();
	assert_int_equal(unlink("spool/anna"), 0);
	assert_int_equal(mkdir("spool/anna", 0700), 0);
	refused_open();
	assert_int_equal(rmdir("spool/anna"), 0);
	assert_int_equal(link("spool/mail", "spool/anna"), 0);
	refused_open();
}

static void
anothers_file_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	write_file("spool/anna", mail);
	assert_int_equal(chown("spool/anna", 54321, gid), 0);
	assert_int_equal(chmod("spool/anna", 0666), 0);
	refused_open();
}

static void
a_fresh_dotlock_is_waited_for_and_respected(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	write_file("spool/anna", mail);
	write_file("spool/anna.lock", "1\nsome.other.host\n");
	log_in(&r);
	t = io_now_ms();
	assert_int_equal(open_it(&r), RC_BUSY);
	t = io_now_ms() - t;
	assert_true(t >= 1000 && t < 5000);
	assert_int_equal(logged(&r, "why=\"busy\""), 1);
	assert_int_equal(finish(&r), EX_OK);
	assert_true(exists("spool/anna.lock"));
}

static void
an_fcntl_lock_is_waited_for_and_respected(void **state)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct run r;
	int fd;

	(void)state;
	write_file("spool/anna", mail);
	fd = open("spool/anna", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETLK, &whole), 0);
	config.lock_timeout_s = 0;
	log_in(&r);
	assert_int_equal(open_it(&r), RC_BUSY);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
	close(fd);
}

/* later - does something to the spool 300 ms from now, in a child. */
static pid_t
later(const char *unlink_this)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(300000);
		unlink(unlink_this);
		_exit(0);
	}
	return pid;
}

static void
a_lock_that_goes_away_is_taken(void **state)
{
	struct run r;
	pid_t pid;

	(void)state;
	write_file("spool/anna", mail);
	write_file("spool/anna.lock", "");
	config.lock_timeout_s = 10;
	log_in(&r);
	pid = later("spool/anna.lock");
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna.lock"));
}

static void
a_second_session_is_busy_until_the_first_ends(void **state)
{
	struct run a, b;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&a);
	assert_int_equal(open_it(&a), RC_OK);
	assert_int_equal(client_unlock(a.fd), RC_OK);
	log_in(&b);
	assert_int_equal(open_it(&b), RC_BUSY);
	assert_int_equal(finish(&b), EX_OK);
	assert_int_equal(lock(a.fd), RC_OK);
	assert_int_equal(finish(&a), EX_OK);
	assert_false(exists("spool/anna.lock"));
	log_in(&b);
	assert_int_equal(open_it(&b), RC_OK);
	assert_int_equal(finish(&b), EX_OK);
}

static void
a_dead_session_leaves_no_lock(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	session_status = SIGKILL; /* as waitpid puts it */
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_SOFTWARE);
	assert_false(exists("spool/anna.lock"));
}

static void
the_sessions_status_is_the_programs(void **state)
{
	struct run r;

	(void)state;
	session_status = EX_IOERR << 8;
	start(&r);
	assert_int_equal(finish(&r), EX_IOERR);
}

/* The session's own line, or the broker's in its place, or both when there is
 * more to say. */
static void
every_end_has_its_line(void **state)
{
	static const struct {
		int status; /* as waitpid puts it */
		unsigned says, stop, lines;
		const char *text;
	} cases[] = {
	    {0, 1, 0, 1, "tls=no user=- why=said\n"},
	    {0, 0, 0, 1, "left=- why=\"session-died, status 0\"\n"},
	    {EX_OSERR << 8, 0, 0, 1, "why=\"session-died, status 71\"\n"},
	    {SIGKILL, 0, 0, 1,
		"user=- dialect=undecided sent=- octets=- deleted=- left=- "
		"why=\"session-died, signal 9\"\n"},
	    {SIGKILL, 1, 0, 2, "why=\"session-died, signal 9\"\n"},
	    {0, 0, 1, 1, "left=- why=\"signal\"\n"},
	    {0, 1, 1, 1, "why=said\n"},
	};
	struct run r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int log;

		session_status = cases[i].status;
		start(&r);
		log = dup(r.log);
		if (cases[i].says)
			client_log(r.fd, "why=said");
		usleep(100000);
		if (cases[i].stop)
			assert_int_equal(kill(r.pid, SIGTERM), 0);
		usleep(cases[i].stop ? 100000 : 0);
		(void)finish(&r);
		r.log = log;
		assert_int_equal(
		    logged(&r, "event=end addr=192.0.2.1 tls=no user=- "),
		    cases[i].lines);
		assert_int_equal(logged(&r, cases[i].text), 1);
		close(log);
	}
}

/* A mailbox that another program has replaced is not locked again. */
static void
a_replaced_mailbox_has_changed(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	write_file("spool/new", mail);
	assert_int_equal(rename("spool/new", "spool/anna"), 0);
	assert_int_equal(lock(r.fd), RC_CHANGED);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
}

static void
sigterm_ends_it_at_once(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	usleep(100000);
	kill(r.pid, SIGTERM);
	assert_true(stopped(&r));
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	kill(r.pid, SIGTERM);
	assert_true(stopped(&r));
}

static void
sigterm_ends_the_wait_for_a_lock(void **state)
{
	unsigned char room[8];
	struct buf b;
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	write_file("spool/anna.lock", "");
	config.lock_timeout_s = 30;
	log_in(&r);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put_text(&b, ""), RC_OK);
	assert_int_equal(msg_send(r.fd, MSG_OPEN, &b, NULL, 0), RC_OK);
	usleep(200000);
	kill(r.pid, SIGTERM);
	assert_true(stopped(&r));
	assert_true(exists("spool/anna.lock")); /* which is not ours */
}

static void
a_session_that_leaves_ends_the_wait_for_a_lock(void **state)
{
	unsigned char room[8];
	struct buf b;
	struct run r;
	int64_t t;

	(void)state;
	write_file("spool/anna", mail);
	write_file("spool/anna.lock", "");
	config.lock_timeout_s = 30;
	log_in(&r);
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put_text(&b, ""), RC_OK);
	assert_int_equal(msg_send(r.fd, MSG_OPEN, &b, NULL, 0), RC_OK);
	usleep(200000);
	t = io_now_ms();
	assert_int_equal(finish(&r), EX_OK);
	assert_true(io_now_ms() - t < 2000);
}

/* With the locks held, too: it is the broker that updates, and an update is
 * never waiting for anything. Every signal that asks to stop does. */
static void
signals_end_it_with_the_locks(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct run r;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		write_file("spool/anna", mail);
		log_in(&r);
		assert_int_equal(open_it(&r), RC_OK);
		assert_true(exists("spool/anna.lock"));
		kill(r.pid, numbers[i]);
		assert_true(stopped(&r));
		assert_false(exists("spool/anna.lock"));
	}
}

static void
with_root_the_broker_is_the_user_for_good(void **state)
{
	char path[64], text[4096] = "", wanted[128];
	struct run r;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown("spool", 0, 8), 0);
	assert_int_equal(chmod("spool", 02775), 0);
	config.spool_gid = 8;
	write_file("spool/anna", mail);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_true(exists("spool/anna.lock"));
	snprintf(path, sizeof(path), "/proc/%d/status", (int)r.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	snprintf(wanted, sizeof(wanted), "\nUid:\t%d\t%d\t%d\t%d\n", SOMEBODY,
	    SOMEBODY, SOMEBODY, SOMEBODY);
	assert_non_null(strstr(text, wanted));
	snprintf(wanted, sizeof(wanted), "\nGid:\t%d\t%d\t%d\t%d\n", SOMEBODY,
	    SOMEBODY, 8, SOMEBODY);
	assert_non_null(strstr(text, wanted));
	assert_non_null(strstr(text, "\nCapEff:\t0000000000000000\n"));
	assert_non_null(strstr(text, "\nCapPrm:\t0000000000000000\n"));
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(chmod("spool", 0755), 0);
	assert_int_equal(chown("spool", uid, gid), 0);
}

static void
unknown_types_end_it(void **state)
{
	static const uint32_t types[] = {0, 1, 3, 5, 7, 9, 11, 13, 15,
	    MSG_LEAVE, MSG_END, 100, 0x10002, 0x80000002, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		hostile(types[i], "", 0, 0);
}

static void
requests_before_the_login_end_it(void **state)
{
	(void)state;
	hostile(MSG_OPEN, "\0\0\0\0", 4, 0);
	hostile(MSG_CLOSE, "", 0, 0);
	hostile(MSG_LOCK, "", 0, 0);
	hostile(MSG_UPDATE, "", 0, 0);
	hostile(MSG_UNLOCK, "", 0, 0);
	hostile(MSG_PREPARE, "", 0, 0);
}

static void
descriptors_from_the_session_end_it(void **state)
{
	(void)state;
	hostile(MSG_AUTHENTICATE, "\1\0\0\0a\1\0\0\0b", 10, 1);
	hostile(MSG_LOG, "\1\0\0\0a", 5, 2);
	hostile(MSG_TLS, "", 0, 1);
	config.proxied = 1;
	hostile(MSG_CLIENT, "\0\0\0\0\3\0\0\0::1", 11, 1);
}

static void
malformed_log_lines_end_it(void **state)
{
	(void)state;
	hostile(MSG_LOG, "", 0, 0);
	hostile(MSG_LOG, "\2\0\0\0a", 5, 0);
	hostile(MSG_LOG, "\1\0\0\0ab", 6, 0);
	hostile(MSG_LOG, "\2\0\0\0a\0", 6, 0);
	hostile(MSG_PLAINTEXT, "x", 1, 0);
	hostile(MSG_DIALECT, "", 0, 0);
	hostile(MSG_DIALECT, "\4\0\0\0pop ", 8, 0);
	hostile(MSG_DIALECT, "\4\0\0\0pop1x", 9, 0);
	hostile(MSG_DIALECT, "\4\0\0\0x\x3d\"\n", 8, 0);
	hostile(MSG_DIALECT, "\10\0\0\0pop1pop2", 12, 0);
}

/* -- how often each request may come: the broker's table -- */

enum { OPENS = 10000 };

static void
often(const struct run *r, enum rc (*ask)(int broker_fd), unsigned times)
{
	while (times-- > 0)
		assert_int_equal(ask(r->fd), RC_OK);
}

static const struct order nothing;

static void
requests_may_come_so_often_and_no_more(void **state)
{
	struct run r;

	(void)state;
	config.state_dirfd = -1;
	start(&r);
	client_log(r.fd, "line");
	send_raw(&r, MSG_LOG, "\1\0\0\0a", 5, 0);
	{
		int status;

		assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
		assert_int_equal(WEXITSTATUS(status), EX_SOFTWARE);
		assert_int_equal(logged(&r, "event=end addr="), 2);
		close(r.fd);
		close(r.log);
	}
	start(&r);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(client_dialect(r.fd, "pop2"), RC_OK);
	send_raw(&r, MSG_DIALECT, "\4\0\0\0pop2", 8, 0);
	broke(&r);
	log_in(&r); /* and before the login, as TLS */
	send_raw(&r, MSG_DIALECT, "\4\0\0\0pop2", 8, 0);
	broke(&r);
	start(&r);
	assert_int_equal(client_tls(r.fd), RC_OK);
	send_raw(&r, MSG_TLS, "", 0, 0);
	broke(&r);
	start(&r);
	send_raw(&r, MSG_TLS, "a", 1, 0);
	broke(&r);
	log_in(&r);
	send_raw(&r, MSG_APOP, "\1\0\0\0a\1\0\0\0b", 10, 0);
	broke(&r);
	log_in(&r); /* TLS comes before a login, or never */
	send_raw(&r, MSG_TLS, "", 0, 0);
	broke(&r);
	log_in(&r);
	send_raw(&r, MSG_AUTHENTICATE, "\1\0\0\0a\1\0\0\0b", 10, 0);
	broke(&r);
	log_in(&r);
	for (unsigned i = 0; i < OPENS; i++)
		assert_int_equal(open_it(&r), RC_OK);
	send_raw(&r, MSG_OPEN, "\0\0\0\0", 4, 0);
	broke(&r);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	often(&r, lock, OPENS);
	send_raw(&r, MSG_LOCK, "", 0, 0);
	broke(&r);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	often(&r, client_unlock, 2 * OPENS);
	send_raw(&r, MSG_UNLOCK, "", 0, 0);
	broke(&r);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	often(&r, client_prepare, OPENS);
	send_raw(&r, MSG_PREPARE, "", 0, 0);
	broke(&r);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	for (unsigned i = 0; i < OPENS; i++)
		assert_int_equal(client_update(r.fd, &nothing), RC_STATE);
	send_raw(&r, MSG_UPDATE, zeroes, ORDER_OCTETS, 0);
	broke(&r);
}

/* Before a mailbox is open, and after CLOSE, nothing can be done with one. */
static void
requests_without_a_mailbox_end_it(void **state)
{
	static const enum msg_type types[] = {
	    MSG_LOCK, MSG_UPDATE, MSG_UNLOCK, MSG_CLOSE, MSG_PREPARE};
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = types[i] == MSG_UPDATE ? ORDER_OCTETS : 0;

		log_in(&r);
		send_raw(&r, types[i], zeroes, n, 0);
		broke(&r);
		log_in(&r);
		assert_int_equal(open_it(&r), RC_OK);
		assert_int_equal(client_close(r.fd), RC_OK);
		assert_false(exists("spool/anna.lock"));
		send_raw(&r, types[i], zeroes, n, 0);
		broke(&r);
	}
}

/* With the locks held: they are given up all the same. */
static void
malformed_requests_after_the_login_end_it(void **state)
{
	static const struct {
		uint32_t type;
		const char *octets;
		size_t n;
	} opened[] = {{MSG_UPDATE, "", 0},
	    {MSG_UPDATE, (const char *)zeroes, ORDER_OCTETS - 1},
	    {MSG_UPDATE, (const char *)zeroes, ORDER_OCTETS + 1},
	    {MSG_LOCK, "x", 1}, {MSG_UNLOCK, "\0\0\0\0", 4},
	    {MSG_CLOSE, "\0", 1}, {MSG_PREPARE, "x", 1}, {MSG_OPEN_ANS, "", 0},
	    {MSG_LOCK_ANS, "\0\0\0\0\0\0\0\0", 8}, {MSG_OPEN, "\0\0\0\0\0", 5}};
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&r);
	send_raw(&r, MSG_OPEN, "\0\0\0\0\0", 5, 0);
	broke(&r);
	log_in(&r);
	send_raw(&r, MSG_OPEN, "\1\0\0\0\0", 5, 0);
	broke(&r);
	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
		log_in(&r);
		assert_int_equal(open_it(&r), RC_OK);
		assert_true(exists("spool/anna.lock"));
		send_raw(&r, opened[i].type, opened[i].octets, opened[i].n, 0);
		broke(&r);
	}
}

static void
other_mailboxes_in_the_spool_are_not_known(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/other", mail);
	log_in(&r);
	assert_int_equal(open_named(&r, "../spool/other"), RC_NOSUCH);
	assert_int_equal(open_named(&r, "/var/mail/other"), RC_NOSUCH);
	assert_int_equal(finish(&r), EX_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, set_up)
	    FRESH(a_session_from_login_to_end),
	    FRESH(an_absent_mailbox_is_an_empty_one),
	    FRESH(without_state_there_is_none),
	    FRESH(a_state_directory_that_cannot_be_read_costs_the_mailbox),
	    FRESH(a_foreign_state_file_is_left_alone),
	    FRESH(what_is_no_plain_file_is_refused),
	    FRESH(anothers_file_is_refused),
	    FRESH(a_fresh_dotlock_is_waited_for_and_respected),
	    FRESH(an_fcntl_lock_is_waited_for_and_respected),
	    FRESH(a_lock_that_goes_away_is_taken),
	    FRESH(a_second_session_is_busy_until_the_first_ends),
	    FRESH(a_dead_session_leaves_no_lock),
	    FRESH(the_sessions_status_is_the_programs),
	    FRESH(every_end_has_its_line),
	    FRESH(a_replaced_mailbox_has_changed),
	    FRESH(sigterm_ends_it_at_once),
	    FRESH(sigterm_ends_the_wait_for_a_lock),
	    FRESH(a_session_that_leaves_ends_the_wait_for_a_lock),
	    FRESH(signals_end_it_with_the_locks),
	    FRESH(with_root_the_broker_is_the_user_for_good),
	    FRESH(unknown_types_end_it),
	    FRESH(requests_before_the_login_end_it),
	    FRESH(descriptors_from_the_session_end_it),
	    FRESH(malformed_log_lines_end_it),
	    FRESH(requests_may_come_so_often_and_no_more),
	    FRESH(requests_without_a_mailbox_end_it),
	    FRESH(malformed_requests_after_the_login_end_it),
	    FRESH(other_mailboxes_in_the_spool_are_not_known),
	};

	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
