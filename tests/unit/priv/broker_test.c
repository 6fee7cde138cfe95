/* broker - logins, mailboxes, locks, the log, and a hostile session. UPDATE and
 * what belongs to it is broker_update_test's. */
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

/* RFC 1939 section 13 leaves guessing to the server to slow down. */
static void
refusals_take_one_two_and_three_seconds(void **state)
{
	static const struct {
		const char *user, *secret;
	} tries[] = {{"anna", "falsch"}, {"nobody-of-this-name", "geheim"},
	    {"root", "geheim"}};
	struct run r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < 3; i++) {
		int64_t t = io_now_ms();

		assert_int_equal(
		    client_authenticate(r.fd, tries[i].user, tries[i].secret),
		    RC_DENIED);
		t = io_now_ms() - t;
		print_message("# try %u: %lld ms\n", i + 1, (long long)t);
		assert_true(t >= 1000 * (int64_t)(i + 1));
		assert_true(t < 1000 * (int64_t)(i + 1) + 900);
	}
	assert_int_equal(
	    logged(&r, "event=refused addr=192.0.2.1 tls=no user="), 3);
	assert_int_equal(logged(&r, "user=\"anna\" dialect=undecided "
				    "why=bad-password\n"),
	    1);
	assert_int_equal(logged(&r, "user=- dialect=undecided "
				    "why=unknown-user\n"),
	    1);
	assert_int_equal(logged(&r, "user=\"root\" dialect=undecided "
				    "why=root\n"),
	    1);
	assert_int_equal(logged(&r, "falsch") + logged(&r, "geheim"), 0);
	/* The fourth is not even looked at, right or not. */
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_EOF);
	assert_int_equal(logged(&r, "event=login"), 0);
	assert_int_equal(finish(&r), EX_SOFTWARE);
}

/* with_secrets - a device's secret for anna, and a timestamp. Static storage;
 * the caller closes its descriptor. */
static struct secrets *
with_secrets(void)
{
	static struct secrets secrets = {.stamp = "<1@test.example>"};

	secrets.fd = memfd_create("secrets", MFD_CLOEXEC);
	assert_true(secrets.fd >= 0);
	assert_true(dprintf(secrets.fd, "anna:phone:tanstaaf\n") > 0);
	config.policy.secrets = &secrets;
	return &secrets;
}

static const char good_digest[] = "a8ae36a10c3206e2f94eb9bad14043e9";
static const char bad_digest[] = "a8ae36a10c3206e2f94eb9bad14043e0";

static void
a_digest_is_as_good_as_a_password(void **state)
{
	struct secrets *secrets = with_secrets();
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	start(&r);
	assert_int_equal(client_apop(r.fd, "anna", good_digest), RC_OK);
	assert_int_equal(logged(&r, " tls=no user=\"anna\""), 1);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "tanstaaf"), RC_OK);
	assert_int_equal(logged(&r, "tanstaaf"), 0);
	assert_int_equal(finish(&r), EX_OK);
	close(secrets->fd);
}

/* Once the broker is the user it has no secrets. */
static void
secrets_are_closed_at_the_verdict(void **state)
{
	struct secrets *secrets = with_secrets();
	char path[64], link[256];
	struct run r;

	(void)state;
	start(&r);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)r.pid, secrets->fd);
	memset(link, 0, sizeof(link));
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	assert_non_null(strstr(link, "secrets"));
	assert_int_equal(client_apop(r.fd, "anna", good_digest), RC_OK);
	memset(link, 0, sizeof(link));
	if (readlink(path, link, sizeof(link) - 1) > 0)
		assert_null(strstr(link, "secrets"));
	assert_int_equal(finish(&r), EX_OK);
	close(secrets->fd);
}

/* Whoever it is, and by whatever way: a wrong one takes 1, 2 and 3 seconds, and
 * there are three in all. */
static void
refusals_count_whatever_the_way(void **state)
{
	struct secrets *secrets = with_secrets();
	struct run r;
	int64_t t;

	(void)state;
	start(&r);
	t = io_now_ms();
	assert_int_equal(client_apop(r.fd, "nobody", good_digest), RC_DENIED);
	t = io_now_ms() - t;
	assert_true(t >= 1000 && t < 1900);
	t = io_now_ms();
	assert_int_equal(client_authenticate(r.fd, "anna", "x"), RC_DENIED);
	t = io_now_ms() - t;
	assert_true(t >= 2000 && t < 2900);
	t = io_now_ms();
	assert_int_equal(client_apop(r.fd, "anna", bad_digest), RC_DENIED);
	t = io_now_ms() - t;
	assert_true(t >= 3000 && t < 3900);
	assert_int_equal(logged(&r, "why=unknown-user\n"), 1);
	assert_int_equal(logged(&r, "why=bad-password\n"), 1);
	assert_int_equal(logged(&r, "why=bad-digest\n"), 1);
	assert_int_equal(client_apop(r.fd, "anna", good_digest), RC_EOF);
	assert_int_equal(logged(&r, "event=login"), 0);
	assert_int_equal(finish(&r), EX_SOFTWARE);
	close(secrets->fd);
}

static void
databases_that_cannot_be_read_say_so(void **state)
{
	int64_t t = io_now_ms();
	struct run r;

	(void)state;
	config.policy.passwd_fd = spool_fd;
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_IO);
	assert_true(io_now_ms() - t >= 1000);
	assert_int_equal(logged(&r, "why=databases-unreadable\n"), 1);
	assert_int_equal(finish(&r), EX_OK);
}

/* Not root: only the account that we are already. */
static void
without_root_others_are_refused(void **state)
{
	struct run r;

	(void)state;
	if (geteuid() == 0)
		skip();
	start(&r);
	assert_int_equal(
	    client_authenticate(r.fd, "other", "geheim"), RC_DENIED);
	assert_int_equal(logged(&r, "why=not-the-invoker\n"), 1);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
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
names_and_texts_are_quoted_in_the_log(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	client_log(r.fd, "a\nb\001c\177d\303e");
	/* A name that nobody has is not there at all. */
	assert_int_equal(
	    client_authenticate(r.fd, "a\"b\ns why=x\r", "y"), RC_DENIED);
	assert_int_equal(logged(&r, "why=x"), 0);
	assert_int_equal(
	    logged(&r, "user=- dialect=undecided why=unsafe-name\n"), 1);
	assert_int_equal(client_authenticate(r.fd, "\"\\x", "y"), RC_DENIED);
	assert_int_equal(logged(&r, "user=\"\\x22\\x5cx\" dialect=undecided "
				    "why=bad-password\n"),
	    1);
	assert_int_equal(client_authenticate(r.fd, "\"\\x", "geheim"), RC_OK);
	assert_int_equal(
	    open_named(&r, "x\" addr=192.0.2.9\nevent=y"), RC_NOSUCH);
	assert_int_equal(
	    logged(&r, "user=\"\\x22\\x5cx\" spool=\"spool\" mailbox=\"x\\x22 "
		       "addr=192.0.2.9\\x0aevent=y\" why=\"no-such\"\n"),
	    1);
	assert_int_equal(logged(&r, "event=end addr=192.0.2.1 tls=no user=- "
				    "a?b?c?d?e\n"),
	    1);
	assert_int_equal(logged(&r, "\n"), 5);
	assert_int_equal(finish(&r), EX_OK);
}

/* Whether the connection is TLS: from the start, or from some time on. */
static void
the_log_knows_of_tls(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "no"), RC_DENIED);
	assert_int_equal(client_tls(r.fd), RC_OK);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	assert_int_equal(
	    logged(&r, "event=refused addr=192.0.2.1 tls=no user="), 1);
	assert_int_equal(
	    logged(&r, "event=login addr=192.0.2.1 tls=yes user="), 1);
	assert_int_equal(finish(&r), EX_OK);
	config.tls = 1;
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "no"), RC_DENIED);
	assert_int_equal(
	    logged(&r, "event=refused addr=192.0.2.1 tls=yes user="), 1);
	assert_int_equal(finish(&r), EX_OK);
}

/* The client's address takes the place of the proxy's, which stays behind it.
 */
static void
the_log_knows_of_proxies(void **state)
{
	struct run r;

	(void)state;
	config.proxied = 1;
	start(&r);
	assert_int_equal(
	    client_proxy(r.fd, RC_OK, "::ffff:198.51.100.7"), RC_OK);
	assert_int_equal(client_authenticate(r.fd, "anna", "no"), RC_DENIED);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	client_log(r.fd, "test=1");
	assert_int_equal(open_it(&r), RC_OK);
#define VIA "addr=198.51.100.7 proxy=192.0.2.1 tls=no user=\"anna\" "
	assert_int_equal(logged(&r, "event=refused " VIA "dialect=undecided "
				    "why=bad-password\n"),
	    1);
	assert_int_equal(
	    logged(&r, "event=login " VIA "dialect=undecided\n"), 1);
	assert_int_equal(logged(&r, "event=end " VIA "test=1\n"), 1);
	assert_int_equal(finish(&r), EX_OK);
	start(&r);
	assert_int_equal(client_proxy(r.fd, RC_TIMEOUT, NULL), RC_OK);
	usleep(100000);
	assert_int_equal(logged(&r, "event=no-proxy-header addr=192.0.2.1 "
				    "why=timeout\n"),
	    1);
	assert_int_equal(finish(&r), EX_OK);
	/* a proxy that says nothing of a client is one itself */
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	assert_int_equal(
	    logged(&r, "event=login addr=192.0.2.1 tls=no user=\"anna\" "), 1);
	assert_int_equal(finish(&r), EX_OK);
}

/* -- a hostile session: the broker ends, whatever it is -- */

static void
hostile(uint32_t type, const void *body, size_t n, unsigned nfds)
{
	struct run r;

	start(&r);
	send_raw(&r, type, body, n, nfds);
	broke(&r);
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
}

static void
malformed_logins_end_it(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
	} bodies[] = {
	    {"", 0},
	    {"\1\0\0\0a", 5},             /* one text */
	    {"\1\0\0\0a\1\0\0\0", 9},     /* cut short */
	    {"\1\0\0\0a\1\0\0\0bX", 11},  /* something behind */
	    {"\1\0\0\0a\2\0\0\0b\0", 11}, /* NUL within */
	    {"\2\0\0\0a\0\1\0\0\0b", 11},
	    {"\377\377\377\377a\1\0\0\0b", 10}, /* absurd lengths */
	    {"\0\0\0\200a\1\0\0\0b", 10},
	    {"\1\0\0\0a\377\377\377\177b", 10},
	    {"\1\0\0", 3},
	};
	static char much[16000];

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		hostile(MSG_AUTHENTICATE, bodies[i].octets, bodies[i].n, 0);
		hostile(MSG_APOP, bodies[i].octets, bodies[i].n, 0);
	}
	/* Longer than any name and secret; than any frame. */
	memset(much, 'a', sizeof(much));
	memcpy(much, "\1\2\0\0", 4);
	memcpy(much + 4 + 513, "\1\0\0\0", 4);
	hostile(MSG_AUTHENTICATE, much, 4 + 513 + 5, 0);
	hostile(MSG_AUTHENTICATE, much, 2 * (AUTH_SECRET_OCTETS + 4) + 1, 0);
	hostile(MSG_AUTHENTICATE, much, sizeof(much), 0);
	hostile(MSG_APOP, much, 4 + 513 + 5, 0);
	hostile(MSG_APOP, much, 2 * (AUTH_SECRET_OCTETS + 4) + 1, 0);
	hostile(MSG_LOG, much, sizeof(much), 0);
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

/* CLIENT is an address, once, before any password, and where proxies are. */
static void
a_client_is_named_once_and_first(void **state)
{
	static const char *const texts[] = {"", "x", "local", "192.0.2.256",
	    "192.0.2.7 why=x", "192.0.2.7\n", "::1/128", "fe80::1%lo"};
	static const unsigned char much[PEER_OCTETS + 9];
	unsigned char room[128];
	struct buf b;
	struct run r;

	(void)state;
	hostile(MSG_CLIENT, "\0\0\0\0\3\0\0\0::1", 11, 0);
	hostile(MSG_CLIENT, "\1\0\0\0\0\0\0\0", 8, 0);
	config.proxied = 1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_init(&b, room, sizeof(room));
		assert_int_equal(buf_put_u32(&b, RC_OK), RC_OK);
		assert_int_equal(buf_put_text(&b, texts[i]), RC_OK);
		hostile(MSG_CLIENT, room, b.len, 0);
	}
	hostile(MSG_CLIENT, "", 0, 0);
	hostile(MSG_CLIENT, "\3\0\0\0::1", 7, 0);
	hostile(MSG_CLIENT, "\0\0\0\0\4\0\0\0::1", 11, 0);
	hostile(MSG_CLIENT, "\0\0\0\0\3\0\0\0::1x", 12, 0);
	hostile(MSG_CLIENT, "\377\0\0\0\0\0\0\0", 8, 0);
	hostile(MSG_CLIENT, much, sizeof(much), 0);
	start(&r);
	assert_int_equal(client_authenticate(r.fd, "anna", "no"), RC_DENIED);
	send_raw(&r, MSG_CLIENT, "\0\0\0\0\3\0\0\0::1", 11, 0);
	broke(&r);
	log_in(&r);
	send_raw(&r, MSG_CLIENT, "\0\0\0\0\3\0\0\0::1", 11, 0);
	broke(&r);
	start(&r);
	assert_int_equal(client_proxy(r.fd, RC_OK, "192.0.2.1"), RC_OK);
	assert_int_equal(client_proxy(r.fd, RC_OK, "192.0.2.7"), RC_OK);
	usleep(100000);
	assert_int_equal(
	    logged(&r, "event=end addr=192.0.2.1 proxy=192.0.2.1 tls=no "), 1);
	assert_int_equal(finish(&r), EX_SOFTWARE);
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
	    MSG_LOCK, MSG_UPDATE, MSG_UNLOCK, MSG_CLOSE};
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
	    {MSG_CLOSE, "\0", 1}, {MSG_OPEN_ANS, "", 0},
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

/* Whoever speaks while the answer is due breaks the protocol. */
static void
a_second_request_during_the_delay_ends_it(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	send_raw(&r, MSG_AUTHENTICATE, "\1\0\0\0a\1\0\0\0b", 10, 0);
	send_raw(&r, MSG_AUTHENTICATE, "\1\0\0\0a\1\0\0\0b", 10, 0);
	broke(&r);
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
	    FRESH(refusals_take_one_two_and_three_seconds),
	    FRESH(a_digest_is_as_good_as_a_password),
	    FRESH(secrets_are_closed_at_the_verdict),
	    FRESH(refusals_count_whatever_the_way),
	    FRESH(databases_that_cannot_be_read_say_so),
	    FRESH(without_root_others_are_refused),
	    FRESH(with_root_the_broker_is_the_user_for_good),
	    FRESH(names_and_texts_are_quoted_in_the_log),
	    FRESH(the_log_knows_of_tls),
	    FRESH(the_log_knows_of_proxies),
	    FRESH(unknown_types_end_it),
	    FRESH(requests_before_the_login_end_it),
	    FRESH(malformed_logins_end_it),
	    FRESH(descriptors_from_the_session_end_it),
	    FRESH(a_client_is_named_once_and_first),
	    FRESH(malformed_log_lines_end_it),
	    FRESH(requests_may_come_so_often_and_no_more),
	    FRESH(requests_without_a_mailbox_end_it),
	    FRESH(malformed_requests_after_the_login_end_it),
	    FRESH(a_second_request_during_the_delay_ends_it),
	    FRESH(other_mailboxes_in_the_spool_are_not_known),
	};

	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
