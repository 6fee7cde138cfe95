/* judge - logins and what else comes before them; and who he is. */
#include "office.h"
#include "priv/judge.h"

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
malformed_dialects_end_it(void **state)
{
	(void)state;
	hostile(MSG_DIALECT, "", 0, 0);
	hostile(MSG_DIALECT, "\4\0\0\0pop4", 8, 0);
	hostile(MSG_DIALECT, "\3\0\0\0pop3", 8, 0);
	hostile(MSG_DIALECT, "\5\0\0\0pop33", 9, 0);
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

/* status - the line of /proc/PID/status that begins with key. */
static const char *
status(pid_t pid, const char *key)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL &&
	       strncmp(line, key, strlen(key)) != 0)
		line[0] = '\0';
	fclose(f);
	return line + strlen(key);
}

/* judge_of - the process that judges, once it has given up what it can. */
static pid_t
judge_of(const struct run *r)
{
	char path[64], text[64] = "";
	int first = 0, second = 0, seccomp = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)r->pid,
	    (int)r->pid);
	for (unsigned i = 0; i < 500 && seccomp != 2; i++) {
		usleep(10000);
		f = fopen(path, "re");
		assert_non_null(f);
		if (fgets(text, sizeof(text), f) == NULL)
			text[0] = '\0';
		fclose(f);
		if (sscanf(text, "%d %d", &first, &second) < 1)
			continue;
		/* the session process of these tests ends at once */
		if (second == 0)
			second = first;
		if (sscanf(status(second, "Seccomp:"), "%d", &seccomp) != 1 ||
		    sandbox_has_filter() != RC_OK)
			break;
	}
	assert_true(second > 0);
	return second;
}

/* The judge has the secrets; whoever serves the user has none. */
static void
secrets_are_closed_at_the_verdict(void **state)
{
	struct secrets *secrets = with_secrets();
	char path[64], link[256] = "";
	struct run r;

	(void)state;
	start(&r);
	/* Only root can look at him. */
	for (unsigned i = 0;
	     i < 500 && geteuid() == 0 && strstr(link, "secrets") == NULL;
	     i++) {
		memset(link, 0, sizeof(link));
		snprintf(path, sizeof(path), "/proc/%d/fd/%d",
		    (int)judge_of(&r), secrets->fd);
		if (readlink(path, link, sizeof(link) - 1) < 0)
			continue; /* he is not there yet */
	}
	assert_true(geteuid() != 0 || strstr(link, "secrets") != NULL);
	assert_int_equal(client_apop(r.fd, "anna", good_digest), RC_OK);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)r.pid, secrets->fd);
	memset(link, 0, sizeof(link));
	if (readlink(path, link, sizeof(link) - 1) > 0)
		assert_null(strstr(link, "secrets"));
	assert_int_equal(finish(&r), EX_OK);
	close(secrets->fd);
}

/* What docs/trust.md says of him. */
static void
the_judge_has_nothing_but_the_accounts(void **state)
{
	char path[64], target[256];
	unsigned files = 0, ids[4];
	struct run r;
	pid_t judge;
	DIR *d;
	const struct dirent *e;

	(void)state;
	start(&r);
	judge = judge_of(&r);
	assert_int_equal(sscanf(status(judge, "Uid:"), "%u %u %u %u", &ids[0],
			     &ids[1], &ids[2], &ids[3]),
	    4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ids[i], geteuid() == 0 ? 54322 : geteuid());
	assert_int_equal(strtoull(status(judge, "CapEff:"), NULL, 16), 0);
	assert_int_equal(strtoull(status(judge, "CapPrm:"), NULL, 16), 0);
	if (geteuid() == 0) {
		struct stat his, ours;

		snprintf(path, sizeof(path), "/proc/%d/root", (int)judge);
		assert_int_equal(stat(path, &his), 0);
		assert_int_equal(fstat(empty_fd, &ours), 0);
		assert_int_equal(his.st_ino, ours.st_ino);
		snprintf(path, sizeof(path), "/proc/%d/fd", (int)judge);
		d = opendir(path);
		assert_non_null(d);
		while ((e = readdir(d)) != NULL) {
			ssize_t n = readlinkat(
			    dirfd(d), e->d_name, target, sizeof(target) - 1);

			target[n > 0 ? n : 0] = '\0';
			assert_null(strstr(target, top)); /* no directory */
			files += strncmp(target, "/memfd:passwd", 13) == 0;
		}
		closedir(d);
		assert_int_equal(files, 1);
	}
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
}

/* Without him there are no logins, and nobody waits for one. */
static void
a_judge_that_dies_ends_the_session(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	assert_int_equal(kill(judge_of(&r), SIGKILL), 0);
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_EOF);
	assert_int_equal(logged(&r, "event=end addr=192.0.2.1 tls=no user=- "
				    "dialect=undecided sent=- octets=- "
				    "deleted=- left=- why=\"bug\"\n"),
	    1);
	assert_int_equal(finish(&r), EX_SOFTWARE);
}

/* A signal to the program, which is root then, ends him too. */
static void
sigterm_ends_the_judge(void **state)
{
	struct run r;
	pid_t judge;

	(void)state;
	start(&r);
	judge = judge_of(&r);
	assert_int_equal(client_dialect(r.fd, "pop2"), RC_OK);
	usleep(50000);
	assert_int_equal(kill(r.pid, SIGTERM), 0);
	usleep(100000);
	assert_int_equal(logged(&r, "event=end addr=192.0.2.1 tls=no user=- "
				    "dialect=pop2 sent=- octets=- deleted=- "
				    "left=- why=\"signal\"\n"),
	    1);
	assert_true(stopped(&r));
	assert_int_equal(kill(judge, 0), -1);
}

/* played - a judge whose root is the test. */
struct played {
	struct run r; /* the session's end */
	int root;     /* root's */
};

static void
play_root(struct played *p)
{
	int pair[2], root[2];

	assert_int_equal(peer_pair(pair), RC_OK);
	assert_int_equal(peer_pair(root), RC_OK);
	p->r.log = memfd_create("log", MFD_CLOEXEC);
	p->r.pid = fork();
	assert_true(p->r.pid >= 0 && p->r.log >= 0);
	if (p->r.pid == 0) {
		struct broker b = {.config = &config,
		    .fd = pair[1],
		    .root_fd = root[1],
		    .phase = PHASE_STRANGER,
		    .user = "-",
		    .invoker = geteuid(),
		    .state_dirfd = -1};

		alarm(30);
		close(pair[0]);
		close(root[0]);
		if (dup2(p->r.log, 2) < 0)
			_exit(EX_OSERR);
		log_open(1);
		desk_catch_signals(&b);
		_exit(sandbox_begin() == RC_OK ? judge_run(&b) : 99);
	}
	close(pair[1]);
	close(root[1]);
	p->r.fd = pair[0];
	p->root = root[0];
	send_raw(&p->r, MSG_AUTHENTICATE, "\5\0\0\0berta\6\0\0\0geheim", 19, 0);
}

/* asks - the judge asks root for that. */
static void
asks(const struct played *p, uint32_t kind)
{
	struct word w;

	assert_int_equal(recv(p->root, &w, sizeof(w), 0), sizeof(w));
	assert_int_equal(w.kind, kind);
	assert_string_equal(w.who.name, "berta");
}

static void
tell(const struct played *p, const char *text)
{
	assert_int_equal(send(p->root, text, strlen(text), MSG_NOSIGNAL),
	    (ssize_t)strlen(text));
}

/* over - getent(1) has ended so. */
static void
over(const struct played *p, unsigned char status)
{
	assert_int_equal(send(p->root, &status, 1, MSG_NOSIGNAL), 1);
}

/* refused - the answer to the session, and the log's word. */
static void
refused(const struct played *p, enum rc rc, const char *why)
{
	unsigned char room[64];
	int fds[MSG_FDS];
	struct buf b;
	unsigned nfds;
	uint32_t type, said;

	buf_init(&b, room, sizeof(room));
	assert_int_equal(msg_receive(p->r.fd, &type, &b, fds, &nfds), RC_OK);
	assert_int_equal(type, MSG_AUTHENTICATE_ANS);
	assert_int_equal(buf_get_u32(&b, &said), RC_OK);
	assert_int_equal(said, rc);
	assert_int_equal(logged(&p->r, why), 1);
}

/* What name services say comes in pieces, is of any length, or does not come.
 */
static void
name_services_are_heard(void **state)
{
	const char *hash = crypt("geheim", "$5$rounds=1000$abcdefgh");
	char line[256], much[4000];
	struct played p;
	struct word w;

	(void)state;
	config.policy.passwd_fd = -1;
	play_root(&p);
	asks(&p, WORD_PASSWD);
	tell(&p, "berta:x:");
	snprintf(line, sizeof(line), "%u:%u::/home/berta:\nmore\n",
	    (unsigned)uid, (unsigned)gid);
	tell(&p, line);
	over(&p, 0);
	asks(&p, WORD_SHADOW);
	snprintf(line, sizeof(line), "berta:%s:19000:0:99999:7:::\n", hash);
	tell(&p, line);
	over(&p, 0);
	assert_int_equal(recv(p.root, &w, sizeof(w), 0), sizeof(w));
	assert_int_equal(w.kind, WORD_LOGIN);
	assert_int_equal(w.who.uid, uid);
	assert_string_equal(w.who.home, "/home/berta");
	assert_int_equal(w.request, MSG_AUTHENTICATE);
	assert_int_equal(finish(&p.r), EX_OK);
	close(p.root);
	/* longer than any line: no account, and no more room is taken */
	snprintf(much, sizeof(much), "berta:x:%u:%u:%03000d", (unsigned)uid,
	    (unsigned)gid, 0);
	play_root(&p);
	asks(&p, WORD_PASSWD);
	tell(&p, much);
	tell(&p, much);
	tell(&p, much);
	over(&p, NO_SUCH_KEY);
	refused(&p, RC_DENIED, " user=- dialect=undecided why=unknown-user\n");
	shutdown(p.r.fd, SHUT_RDWR);
	assert_int_equal(recv(p.root, &w, sizeof(w), 0), sizeof(w));
	assert_int_equal(w.kind, WORD_END);
	assert_int_equal(w.rc, RC_EOF);
	assert_int_equal(finish(&p.r), EX_OK);
	close(p.root);
	/* a line, and then it died */
	play_root(&p);
	asks(&p, WORD_PASSWD);
	tell(&p, "berta:x:31999:31999::/:\n");
	over(&p, EX_OSERR);
	refused(&p, RC_IO, " why=databases-unreadable\n");
	shutdown(p.r.fd, SHUT_RDWR);
	assert_int_equal(recv(p.root, &w, sizeof(w), 0), sizeof(w));
	assert_int_equal(finish(&p.r), EX_OK);
	close(p.root);
	/* root is gone: before it answers, and before it is asked */
	for (unsigned i = 0; i < 2; i++) {
		play_root(&p);
		if (i == 0)
			asks(&p, WORD_PASSWD);
		shutdown(p.root, SHUT_RDWR);
		refused(&p, RC_IO, "why=databases-unreadable\n");
		close(p.root);
		assert_int_equal(finish(&p.r), EX_SOFTWARE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, set_up)
	    FRESH(refusals_take_one_two_and_three_seconds),
	    FRESH(a_digest_is_as_good_as_a_password),
	    FRESH(secrets_are_closed_at_the_verdict),
	    FRESH(refusals_count_whatever_the_way),
	    FRESH(databases_that_cannot_be_read_say_so),
	    FRESH(without_root_others_are_refused),
	    FRESH(names_and_texts_are_quoted_in_the_log),
	    FRESH(the_log_knows_of_tls),
	    FRESH(the_log_knows_of_proxies),
	    FRESH(malformed_logins_end_it),
	    FRESH(malformed_dialects_end_it),
	    FRESH(name_services_are_heard),
	    FRESH(a_client_is_named_once_and_first),
	    FRESH(a_second_request_during_the_delay_ends_it),
	    FRESH(the_judge_has_nothing_but_the_accounts),
	    FRESH(a_judge_that_dies_ends_the_session),
	    FRESH(sigterm_ends_the_judge),
	};

	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
