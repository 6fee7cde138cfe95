/* session - whole sessions: a client that says anything, over a spool that is
 * anything, in every dialect. Each command gets one reply; each reply is of its
 * dialect's form, its octets as many as were announced; and where nothing was
 * removed the spool is as it was. The broker is a few functions here. */
#include "pop/session.h"
#include "fuzz.h"
#include "pop/dialect.h"
#include "priv/client.h"
#include "store/journal.h"
#include "sys/file.h"
#include <strings.h>

FUZZ_FILES

/* ---- the broker, in the place of priv/client.c and priv/starttls.c ---- */

static struct {
	int spool, state; /* files, and the mailbox that is open */
	int folder;
	int open;
	unsigned mood; /* what goes wrong */
	int tls;       /* what the client says in TLS */
	unsigned secured;
} b;

enum { NO_STATE = 1, READ_ONLY = 2, BUSY = 4, NO_LOCK = 8, NO_UPDATE = 16 };

static struct session s;

enum rc
client_authenticate(int broker_fd, const char *user, const char *secret)
{
	(void)broker_fd;
	must(strlen(user) < SESSION_USER_OCTETS);
	return strcmp(secret, "geheim") == 0 ? RC_OK : RC_DENIED;
}

enum rc
client_apop(int broker_fd, const char *user, const char *digest)
{
	(void)digest;
	return client_authenticate(broker_fd, user, "geheim");
}

enum rc
client_dialect(int broker_fd, const char *name)
{
	(void)broker_fd;
	must(strncmp(name, "pop", 3) == 0);
	return RC_OK;
}

enum rc
client_proxy(int broker_fd, enum rc why, const char *address)
{
	(void)broker_fd;
	(void)why;
	(void)address;
	return RC_OK;
}

enum rc
client_plaintext(int broker_fd)
{
	(void)broker_fd;
	return RC_OK;
}

enum rc
client_open(int broker_fd, const char *mailbox, struct opened *out)
{
	int fd = b.spool;

	(void)broker_fd;
	memset(out, 0, sizeof(*out));
	if (mailbox[0] == 'f')
		fd = b.folder;
	else if (mailbox[0] == 'e')
		fd = -1;
	else if (mailbox[0] != '\0')
		return mailbox[0] == 'd' ? RC_DENIED : RC_NOSUCH;
	if ((b.mood & BUSY) != 0 && s.logged_in && fd != b.spool) {
		out->busy_s = b.mood;
		return RC_BUSY;
	}
	b.open = fd;
	out->mbox_fd = fd < 0 ? -1 : dup(fd);
	out->state_fd =
	    (b.mood & NO_STATE) != 0 || fd != b.spool ? -1 : dup(b.state);
	out->read_only = (b.mood & READ_ONLY) != 0;
	return RC_OK;
}

enum rc
client_close(int broker_fd)
{
	(void)broker_fd;
	b.open = -1;
	return RC_OK;
}

enum rc
client_lock(int broker_fd, int *journal_fd)
{
	(void)broker_fd;
	*journal_fd = b.open == b.spool ? dup(b.state) : -1;
	if ((b.mood & NO_LOCK) == 0)
		return RC_OK;
	file_close(journal_fd);
	return RC_BUSY;
}

enum rc
client_update(int broker_fd, const struct order *order)
{
	(void)broker_fd;
	must((b.mood & READ_ONLY) == 0 && b.open >= 0);
	if ((b.mood & NO_UPDATE) != 0)
		return RC_IO;
	return journal_run(b.open == b.spool ? b.state : -1, b.open, order);
}

enum rc
client_prepare(int broker_fd)
{
	(void)broker_fd;
	must((b.mood & READ_ONLY) == 0 && b.open >= 0);
	return RC_OK;
}

enum rc
client_remove(int broker_fd, const struct order *order, const struct seen *seen)
{
	(void)seen;
	must(order->list_len == 0);
	if ((b.mood & NO_LOCK) != 0)
		return RC_BUSY;
	return client_update(broker_fd, order);
}

enum rc
client_unlock(int broker_fd)
{
	(void)broker_fd;
	return RC_OK;
}

enum rc
client_wait(int broker_fd, int fd, int64_t deadline_ms)
{
	(void)broker_fd;
	(void)fd;
	(void)deadline_ms;
	return RC_OK;
}

enum rc
client_tls(int broker_fd)
{
	(void)broker_fd;
	return RC_OK;
}

void
client_log(int broker_fd, const char *fmt, ...)
{
	(void)broker_fd;
	must(strncmp(fmt, "dialect=", 8) == 0);
}

enum rc
starttls_begin(const struct starttls *t, int in_fd, int out_fd)
{
	(void)t;
	must(in_fd != b.tls && out_fd >= 0);
	b.secured++;
	return RC_OK;
}

/* ---- what the client gets to read ---- */

/* text - what is left of what was said, or answered. */
struct text {
	const char *at;
	size_t left;
};

/* next_line - up to a LF; 0 where there is none. */
static unsigned
next_line(struct text *t, struct text *line)
{
	const char *lf = memchr(t->at, '\n', t->left);

	if (lf == NULL)
		return 0;
	line->at = t->at;
	line->left = (size_t)(lf - t->at) + 1;
	t->at += line->left;
	t->left -= line->left;
	return 1;
}

/* reply - a line of an answer: with CRLF, within 512 octets, and nothing in it
 * that would make two of it. */
static struct text
reply(struct text *out)
{
	struct text line;

	must(next_line(out, &line));
	must(line.left >= 2 && line.left <= REPLY_LINE_OCTETS);
	must(line.at[line.left - 2] == '\r');
	must(memchr(line.at, '\r', line.left) == line.at + line.left - 2);
	must(memchr(line.at, '\0', line.left) == NULL);
	return line;
}

/* body - lines up to ".", unstuffed; returns their octets. */
static uint64_t
body(struct text *out)
{
	uint64_t octets = 0;

	for (;;) {
		struct text line;

		must(next_line(out, &line));
		must(line.left >= 2 && line.at[line.left - 2] == '\r');
		if (line.at[0] == '.') {
			if (line.left == 3)
				return octets;
			must(line.at[1] == '.');
			octets--;
		}
		octets += line.left;
	}
}

/* chopped - a line without its end. */
static struct text
chopped(const struct text *line)
{
	struct text t = {line->at, line->left - 1};

	if (t.left > 0 && t.at[t.left - 1] == '\r')
		t.left--;
	return t;
}

static unsigned
is_verb(const struct text *line, const char *verb)
{
	struct text t = chopped(line);
	size_t n = strlen(verb);

	return t.left >= n && strncasecmp(t.at, verb, n) == 0 &&
	       (t.left == n || t.at[n] == ' ');
}

/* has_argument - whether something other than blanks is behind the verb. */
static unsigned
has_argument(const struct text *line)
{
	struct text t = chopped(line);
	const char *p = memchr(t.at, ' ', t.left);

	while (p != NULL && p < t.at + t.left && *p == ' ')
		p++;
	return p != NULL && p < t.at + t.left;
}

static uint64_t
number(const struct text *line)
{
	uint64_t n = 0;

	for (size_t i = 1; line->at[i] >= '0' && line->at[i] <= '9'; i++)
		n = 10 * n + (uint64_t)(line->at[i] - '0');
	return n;
}

static void
skip(struct text *out, uint64_t n)
{
	must(out->left >= n);
	out->at += n;
	out->left -= n;
}

/* follow - one command's answer; announced: the octets that the last one spoke
 * of. Returns 0 when there is none, since the session has ended. */
static unsigned
follow(const struct text *said, struct text *out, uint64_t *announced)
{
	const struct dialect *d = s.decided ? s.dialect : NULL;
	struct text line;

	if (out->left == 0 && *announced != 0)
		return 0;
	if (*announced != UINT64_MAX && !has_argument(said) &&
	    (d == &pop2_dialect
		    ? is_verb(said, "RETR") && *announced > 0
		    : is_verb(said, "RCEV") || is_verb(said, "RECV"))) {
		must(d == &pop2_dialect || d == &pop1_dialect);
		skip(out, *announced);
		*announced = UINT64_MAX;
		return 1;
	}
	if (out->left == 0)
		return 0;
	line = reply(out);
	if (line.at[0] == '=' || line.at[0] == '#') {
		must(d == &pop2_dialect || d == &pop1_dialect);
		*announced = line.at[0] == '=' || d == &pop1_dialect
				 ? number(&line)
				 : UINT64_MAX;
		return 1;
	}
	must(line.at[0] == '+' || line.at[0] == '-');
	if (is_verb(said, "RSET") && line.at[0] == '+')
		*announced = UINT64_MAX;
	if (strncmp(line.at, "+OK", 3) != 0)
		return 1;
	if (is_verb(said, "RETR")) {
		struct text digits = {line.at + 3, line.left - 3};

		must(number(&digits) == body(out));
	} else if (is_verb(said, "CAPA") || is_verb(said, "TOP") ||
		   (is_verb(said, "AUTH") && !has_argument(said)) ||
		   ((is_verb(said, "LIST") || is_verb(said, "UIDL")) &&
		       !has_argument(said))) {
		body(out);
	}
	return 1;
}

/* contents - all of a file. */
static char *
contents(int fd, size_t *n)
{
	struct stat st;
	char *octets;

	must(fstat(fd, &st) == 0);
	*n = (size_t)st.st_size;
	octets = malloc(*n + 1);
	must(octets != NULL && pread(fd, octets, *n, 0) == (ssize_t)*n);
	return octets;
}

static void
check(struct text said, int out_fd)
{
	size_t n;
	char *octets = contents(out_fd, &n);
	struct text out = {octets, n}, line;
	uint64_t announced = UINT64_MAX;
	unsigned all = 1;

	reply(&out); /* the greeting */
	/* a client that goes in the middle of AUTH hears nothing more */
	must(!s.out.broken ||
	     (s.out.broken == RC_EOF && strcasestr(said.at, "AUTH") != NULL));
	if (b.secured == 0 && !s.out.broken) {
		while (all && next_line(&said, &line))
			all = follow(&line, &out, &announced);
		/* a client that spoke no more does not hide a reply */
		if (s.state != ST_CLOSED)
			must(all);
		must(out.left == 0);
	}
	free(octets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static const struct dialect *const dialects[] = {
	    NULL, &pop1_dialect, &pop2_dialect, &pop3_dialect};
	struct input in = {octets, n};
	unsigned mode = input_octet(&in);
	size_t len, spool_len, now_len;
	char *said, *now;
	struct starttls t;
	struct session_config config = {.broker_fd = -1,
	    .dialect = dialects[mode % 4],
	    .port = mode / 4 % 2 != 0 ? PORT_POP2 : 110,
	    .login_s = 60,
	    .idle_s = 60,
	    .supersede_s = 60,
	    .host = "test.example"};
	int out_fd = fuzz_file("", 0), next;

	b.mood = input_octet(&in);
	len = input_octet(&in);
	len |= input_octet(&in) << 8;
	said = input_text(&in, len, &len);
	b.state = fuzz_file("", 0);
	b.spool = fuzz_file(in.at, in.left);
	b.folder = fuzz_file(in.at, in.left);
	b.tls = fuzz_file(said, len);
	b.open = -1;
	b.secured = 0;
	spool_len = in.left;
	t = (struct starttls){-1, b.tls, out_fd};
	if (mode / 8 % 2 != 0)
		config.starttls = &t;
	config.in_fd = fuzz_file(said, len);
	config.out_fd = out_fd;

	/* The journal of a session before is none. */
	must(journal_recover(b.state, b.spool, &mode) == RC_OK);
	session_run(&s, &config);
	must(b.secured <= 1 && (b.secured == 0) == !s.tls);
	check((struct text){said, len}, out_fd);
	now = contents(b.spool, &now_len);
	if (s.removed == 0) {
		must(now_len == spool_len);
		must(memcmp(now, in.at, now_len) == 0);
	}
	must(now_len <= spool_len);

	free(now);
	free(said);
	if (s.drop.ops != NULL)
		maildrop_close(&s.drop);
	close(config.in_fd);
	close(b.tls);
	close(b.folder);
	close(b.spool);
	close(b.state);
	close(out_fd);
	next = fuzz_file("", 0);
	must(next == out_fd); /* the lowest: nothing else is open */
	close(next);
	return 0;
}
