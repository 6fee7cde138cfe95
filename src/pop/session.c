/* session - the loop from line to reply, and what all dialects do alike with
 * the broker and the mailbox. Knows no verb. */
#include "pop/session.h"
#include "pop/dialect.h"
#include "pop/preface.h"
#include "priv/client.h"
#include "priv/peer.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/log.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

/* hear_verdict - what follows from the broker's. */
static enum rc
hear_verdict(struct session *s, enum rc rc)
{
	if (rc == RC_OK) {
		s->logged_in = 1;
		s->out.deadline_ms = INT64_MAX;
		s->refused = 0; /* what is denied from now on is no login */
		return rc;
	}
	if (rc != RC_DENIED || ++s->refused == SESSION_TRIES) {
		s->state = ST_CLOSED;
		s->why = rc == RC_DENIED ? "refused" : rc_name(rc);
	}
	return rc;
}

/* tell_dialect - the broker, for its line about the login. */
static enum rc
tell_dialect(const struct session *s)
{
	if (!s->decided || s->config->dialect != NULL)
		return RC_OK;
	return client_dialect(s->config->broker_fd, s->dialect->name);
}

enum rc
session_login(struct session *s, const char *user, char *secret)
{
	enum rc rc = tell_dialect(s);

	if (rc == RC_OK)
		rc = client_authenticate(s->config->broker_fd, user, secret);
	explicit_bzero(secret, strlen(secret));
	return hear_verdict(s, rc);
}

enum rc
session_apop(struct session *s, const char *user, const char *digest)
{
	enum rc rc = tell_dialect(s);

	if (rc == RC_OK)
		rc = client_apop(s->config->broker_fd, user, digest);
	return hear_verdict(s, rc);
}

unsigned
session_takes_passwords(const struct session *s)
{
	return s->tls || !s->needs_tls;
}

enum rc
session_wants_tls(struct session *s)
{
	if (session_takes_passwords(s))
		return RC_OK;
	if (!s->warned && client_plaintext(s->config->broker_fd) != RC_OK)
		return RC_EOF;
	s->warned = 1;
	return RC_PLAINTEXT;
}

unsigned
session_can_tls(const struct session *s)
{
	return s->config->starttls != NULL && !s->tls;
}

enum rc
session_secure(struct session *s)
{
	const struct starttls *t = s->config->starttls;
	enum rc rc = reply_flush(&s->out);

	if (rc == RC_OK)
		rc = starttls_begin(t, s->in.fd, s->out.fd);
	if (rc == RC_OK)
		rc = client_tls(s->config->broker_fd);
	if (rc != RC_OK) {
		s->out.broken = rc;
		s->why = "no-tls";
		return rc;
	}
	s->tls = 1;
	s->user[0] = '\0';
	line_init(&s->in, t->read_fd);
	s->out.fd = t->write_fd;
	return RC_OK;
}

/* open_mailbox - asks for the mailbox, and scans it into d. *taken: the broker
 * has given up the one before. */
static enum rc
open_mailbox(
    struct session *s, const char *mailbox, struct maildrop *d, unsigned *taken)
{
	struct opened o;
	enum rc rc = client_open(s->config->broker_fd, mailbox, &o), unlocked;

	s->busy_s = rc == RC_BUSY ? o.busy_s : 0;
	*taken = rc == RC_OK;
	if (rc != RC_OK)
		return rc;
	rc = maildrop_open(d, &mbox_ops, o.mbox_fd, o.state_fd);
	unlocked = client_unlock(s->config->broker_fd);
	if (rc == RC_OK) {
		d->read_only = o.read_only & 1;
		s->left = d->count;
		if (unlocked != RC_OK)
			maildrop_close(d);
		rc = unlocked;
	}
	return rc;
}

/* forget - what is in the block is not the mailbox's any more, or may not be.
 */
static void
forget(struct session *s)
{
	s->block_len = 0;
}

enum rc
session_open(struct session *s, const char *mailbox)
{
	struct maildrop d;
	size_t n = strlen(mailbox);
	unsigned taken, had = s->drop.ops != NULL;
	enum rc rc;

	if (n >= sizeof(s->mailbox))
		return RC_NOSUCH;
	forget(s);
	rc = open_mailbox(s, mailbox, &d, &taken);
	if (rc == RC_OK) {
		maildrop_close(&s->drop);
		s->drop = d;
		memmove(s->mailbox, mailbox, n + 1);
		return RC_OK;
	}
	if (!taken)
		return rc;
	maildrop_close(&s->drop);
	s->drop.ops = NULL;
	if (!had)
		return client_close(s->config->broker_fd) == RC_OK ? rc
								   : RC_EOF;
	if (open_mailbox(s, s->mailbox, &s->drop, &taken) != RC_OK) {
		s->drop.ops = NULL;
		s->state = ST_CLOSED;
		return RC_EOF;
	}
	return rc;
}

const char *
session_in_use(const struct session *s, char out[SESSION_IN_USE_OCTETS])
{
	unsigned n = s->busy_s;
	const char *unit = "second";

	if (n == 0)
		return "it is locked by a delivery or another program";
	if (n >= 7200) {
		n /= 3600;
		unit = "hour";
	} else if (n >= 120) {
		n /= 60;
		unit = "minute";
	}
	snprintf(out, SESSION_IN_USE_OCTETS,
	    "another session has had it for %u %s%s", n, unit,
	    n == 1 ? "" : "s");
	return out;
}

/* remove_at_once - by one question, where what goes is at the end and nobody
 * has touched the mailbox since we saw it. RC_OK, RC_UNFINISHED; anything else:
 * it has to be done step by step. */
static enum rc
remove_at_once(struct session *s)
{
	struct maildrop *d = &s->drop;
	struct order order;
	struct seen seen;
	enum rc rc = d->ops->plan(d, -1, &order);

	if (rc != RC_OK)
		return rc;
	seen = (struct seen){.mtime = d->mark.mtime, .ctime = d->mark.ctime};
	rc = client_remove(s->config->broker_fd, &order, &seen);
	/* A broker that is gone may have begun. */
	return rc == RC_EOF ? RC_UNFINISHED : rc;
}

/* remove_in_steps - lock, look what stays, update. */
static enum rc
remove_in_steps(struct session *s)
{
	struct maildrop *d = &s->drop;
	struct order order;
	int journal_fd;
	enum rc rc = client_lock(s->config->broker_fd, &journal_fd);

	if (rc != RC_OK)
		return rc;
	rc =
	    d->ops->plan(d, journal_fd >= 0 ? journal_fd : d->state_fd, &order);
	file_close(&journal_fd);
	if (rc == RC_OK)
		rc = client_update(s->config->broker_fd, &order);
	return rc == RC_EOF ? RC_UNFINISHED : rc;
}

void
session_delete(struct session *s, size_t i)
{
	maildrop_delete(&s->drop, i);
	if (!s->prepared && !s->drop.read_only)
		s->prepared = client_prepare(s->config->broker_fd) == RC_OK;
}

enum rc
session_remove(struct session *s)
{
	struct maildrop *d = &s->drop;
	enum rc rc;

	s->prepared = 0;
	if (d->ops == NULL || d->left == d->count || d->read_only)
		return RC_OK;
	rc = remove_at_once(s);
	if (rc != RC_OK && rc != RC_UNFINISHED)
		rc = remove_in_steps(s);
	if (rc == RC_OK) {
		s->removed += d->count - d->left;
		s->left = d->left;
		s->unsettled = 1;
	} else if (client_unlock(s->config->broker_fd) != RC_OK) {
		return rc; /* the locks end with the broker */
	}
	return rc;
}

void
session_settle(struct session *s)
{
	if (!s->unsettled)
		return;
	s->unsettled = 0;
	forget(s);
	s->drop.ops->removed(&s->drop);
	if (client_unlock(s->config->broker_fd) != RC_OK)
		return; /* gone is gone */
}

enum rc
session_update(struct session *s)
{
	enum rc rc = session_remove(s);

	session_settle(s);
	return rc;
}

enum rc
session_release(struct session *s)
{
	if (s->drop.ops == NULL)
		return RC_OK;
	forget(s);
	maildrop_close(&s->drop);
	s->drop.ops = NULL;
	return client_close(s->config->broker_fd);
}

/* fetch - makes the block begin with the stored octets from at up to end, or
 * beyond, unless it has some of them already. They are checked when they have
 * been read: then they were the mailbox's; and again when the client was waited
 * for meanwhile, and they are to be sent. */
static enum rc
fetch(struct session *s, uint64_t at, uint64_t end)
{
	struct maildrop *d = &s->drop;
	uint64_t n = (s->ahead ? (uint64_t)d->end : end) - at;
	enum rc rc = RC_OK;

	if (at - s->block_at >= s->block_len) {
		if (n > sizeof(s->block))
			n = sizeof(s->block);
		forget(s);
		rc = d->ops->read(d, at, s->block, (size_t)n);
		if (rc != RC_OK)
			return rc;
		s->block_at = at;
		s->block_len = (size_t)n;
	} else if (s->checked) {
		return RC_OK;
	}
	rc = d->ops->check(d);
	if (rc == RC_OK)
		s->checked = 1;
	else
		forget(s);
	return rc;
}

enum rc
session_fetch(struct session *s, size_t i)
{
	const struct window seen = {s->block, s->block_at, s->block_len};
	uint64_t at, end;
	enum rc rc = s->drop.ops->prove(&s->drop, i, &seen);

	if (rc != RC_OK)
		return rc;
	s->ahead = i > 0 && i == s->sequel;
	s->drop.ops->span(&s->drop, i, &at, &end);
	return at < end ? fetch(s, at, end) : s->drop.ops->check(&s->drop);
}

/* octets_of - as they are announced for message i. */
static uint64_t
octets_of(const struct session *s, size_t i)
{
	return i == MAILDROP_WHOLE ? s->drop.ops->whole(&s->drop)
				   : s->drop.msg[i].octets;
}

enum rc
session_send(struct session *s, size_t i,
    enum rc (*write)(struct reply *out, const char *octets, size_t n),
    size_t (*cut)(void *how, const char *octets, size_t n, unsigned *done),
    void *how)
{
	uint64_t at, end;
	uint64_t before = reply_octets(&s->out), after;
	uint64_t plain = reply_plain(&s->out);
	unsigned done = 0;
	enum rc rc = RC_OK;

	s->drop.ops->span(&s->drop, i, &at, &end);
	while (rc == RC_OK && at < end && !done) {
		const char *octets;
		size_t n;

		rc = fetch(s, at, end);
		if (rc != RC_OK)
			break;
		octets = s->block + (at - s->block_at);
		n = s->block_len - (size_t)(at - s->block_at);
		if (n > end - at)
			n = (size_t)(end - at);
		at += n;
		if (cut != NULL)
			n = cut(how, octets, n, &done);
		rc = write(&s->out, octets, n);
	}
	if (rc == RC_OK)
		rc = reply_end_line(&s->out);
	if (rc == RC_OK && !done &&
	    reply_plain(&s->out) - plain != octets_of(s, i))
		s->drop.ops->doubt(&s->drop);
	s->sequel = done ? 0 : i + 1;
	after = reply_octets(&s->out);
	if (after > before) /* what could not be written is thrown away */
		s->sent_octets += after - before;
	if (rc == RC_OK)
		s->sent += i == MAILDROP_WHOLE ? s->drop.count : 1;
	if (rc != RC_OK && !s->out.broken) {
		s->out.broken = 1;
		s->why = "maildrop-unreadable";
	}
	return rc;
}

/* debug - one line of the dialogue, secrets masked; also where a blank in front
 * makes the command none. */
static void
debug(const struct session *s, char who, const char *text)
{
	char quoted[4 * REPLY_LINE_OCTETS + 3], line[sizeof(quoted) + 16];
	const char *mask = "", *verb;
	int n, shown;

	if (!s->config->debugging || text[0] == '\0')
		return;
	verb = text + strspn(text, " \t");
	shown = (int)strlen(text);
	if (who == 'C' && (strncasecmp(verb, "PASS", 4) == 0 ||
			      strncasecmp(verb, "HELO", 4) == 0 ||
			      strncasecmp(verb, "AUTH", 4) == 0 ||
			      strncasecmp(verb, "APOP", 4) == 0)) {
		mask = verb[4] != '\0' ? " ****" : "";
		shown = (int)(verb - text) + 4;
	}
	log_quote(quoted, sizeof(quoted), text, (size_t)shown);
	quoted[strlen(quoted) - 1] = '\0';
	n = snprintf(line, sizeof(line), "%c: %s%s\n", who, quoted + 1, mask);
	if (io_write(2, line, (size_t)n, 1000) != RC_OK)
		return; /* nobody looks */
}

/* wait_for_input - until the client says something, has had its time, or must
 * make way for another session: RC_BUSY. One that is at work need not. */
static enum rc
wait_for_input(const struct session *s, int64_t since_ms, int64_t deadline_ms)
{
	const struct session_config *c = s->config;
	int64_t idle_ms = (int64_t)c->supersede_s * 1000;
	enum rc rc;

	do
		rc = client_wait(c->broker_fd, s->in.fd, deadline_ms);
	while (rc == RC_BUSY && io_now_ms() - since_ms < idle_ms);
	return rc;
}

/* may_hurry - whether to read without waiting before: that is a system call
 * less for each command of a client that answers at once. What the broker says
 * is heard when the read has ended for want of a command; who shall make way
 * sooner may not. */
static unsigned
may_hurry(struct session *s)
{
	if (s->prompt < SESSION_PROMPT || s->config->supersede_s == 0)
		return 0;
	if (!s->hurried)
		s->hurried = peer_hurry(s->in.fd, SESSION_PROMPT_MS) & 1;
	if (!s->hurried)
		s->prompt = 0;
	return s->hurried;
}

/* await_line - the next line, of which something is still to come, within the
 * time it has: everything before a login within one deadline, afterwards each
 * command within its own. */
static enum rc
await_line(struct session *s, size_t limit, struct line *line)
{
	int64_t now, deadline = s->login_deadline_ms;
	enum rc rc;

	if (may_hurry(s)) {
		rc = line_read(&s->in, limit, IO_READY, line);
		if (rc != RC_TIMEOUT)
			return rc;
		s->prompt = 0;
	}
	now = io_now_ms();
	if (s->logged_in)
		deadline = now + (int64_t)s->config->idle_s * 1000;
	reply_rest(&s->out);
	do {
		rc = wait_for_input(s, now, deadline);
		if (rc != RC_OK)
			return rc;
		rc = line_read(&s->in, limit, IO_READY, line);
	} while (rc == RC_TIMEOUT); /* a part of it came */
	s->prompt++;
	if (!s->logged_in || io_now_ms() - now >= SESSION_PROMPT_MS)
		s->prompt = 0;
	return rc;
}

/* read_line - the next line. Replies leave first, unless it is here already. */
static enum rc
read_line(struct session *s, size_t limit, struct line *line)
{
	enum rc rc;

	if (line_waiting(&s->in)) {
		if (!s->logged_in && io_now_ms() >= s->login_deadline_ms)
			return RC_TIMEOUT;
		return line_read(&s->in, limit, IO_READY, line);
	}
	s->checked = 0;
	rc = reply_flush(&s->out);
	return rc == RC_OK ? await_line(s, limit, line) : rc;
}

/* read_command - the next line, of what length the dialect has. */
static enum rc
read_command(struct session *s, struct line *line)
{
	enum rc rc = read_line(s,
	    s->decided ? s->dialect->line_octets : pop2_dialect.line_octets,
	    line);

	if (rc != RC_OK)
		return rc;
	dialect_try(s, line->text);
	return line->octets > s->dialect->line_octets ? RC_TOOLONG : RC_OK;
}

enum rc
session_ask(
    struct session *s, const char *challenge, size_t limit, struct line *line)
{
	enum rc rc = reply_line(&s->out, "+ %s", challenge);

	debug(s, 'S', s->out.first);
	if (rc == RC_OK)
		rc = read_line(s, limit, line);
	debug(s, 'C', "(a response)");
	s->out.first[0] = '\0';
	if (rc != RC_OK && rc != RC_TOOLONG && rc != RC_SYNTAX) {
		s->why = s->out.broken ? "client-gone" : log_why(rc);
		s->out.broken = rc;
	}
	return rc;
}

/* run - one line, whatever it is worth. */
static enum rc
run(struct session *s, struct line *line, enum rc how)
{
	char verb[8] = "";
	enum rc rc;

	s->out.first[0] = '\0';
	if (how == RC_OK) {
		if (!s->decided)
			snprintf(verb, sizeof(verb), "%s", line->text);
		debug(s, 'C', line->text);
		rc = command_run(s, line);
		dialect_settle(s, verb);
	} else {
		debug(s, 'C', "(a line that is no command)");
		rc = s->dialect->refuse(s, NULL, how);
	}
	debug(s, 'S', s->out.first);
	return rc;
}

/* step - one command. RC_OK: go on while the state allows it. */
static enum rc
step(struct session *s)
{
	struct line line;
	enum rc rc = read_command(s, &line);

	if (rc == RC_OK || rc == RC_TOOLONG || rc == RC_SYNTAX) {
		rc = run(s, &line, rc);
		if (rc != RC_OK && s->why == NULL)
			s->why = "client-gone";
	} else {
		s->why = s->out.broken   ? "client-gone"
			 : rc == RC_BUSY ? "superseded"
					 : log_why(rc);
		if (rc == RC_TIMEOUT && s->dialect->answers_timeouts &&
		    s->dialect->refuse(s, NULL, rc) != RC_OK)
			s->why = "client-gone";
	}
	if (rc == RC_OK && s->errors >= SESSION_ERRORS && !s->logged_in) {
		s->why = "too-many-errors";
		s->state = ST_CLOSED;
	}
	return rc;
}

/* is_check - whether a proxy has only looked if we are alive, which it does
 * every few seconds: that is not worth a line in the log. */
static unsigned
is_check(const struct session *s)
{
	return s->for_itself && !s->logged_in && s->refused == 0 &&
	       s->errors == 0;
}

int
session_run(struct session *s, const struct session_config *config)
{
	enum rc rc;

	memset(s, 0, offsetof(struct session, in));
	s->config = config;
	s->tls = config->tls;
	s->needs_tls = config->needs_tls;
	s->port = config->port;
	s->decided = config->dialect != NULL;
	s->dialect = s->decided ? config->dialect : &pop3_dialect;
	s->state = ST_AUTHORIZATION;
	s->login_deadline_ms = io_now_ms() + (int64_t)config->login_s * 1000;
	s->drop.fd = s->drop.state_fd = -1;
	line_init(&s->in, config->in_fd);
	reply_init(&s->out, config->out_fd, config->idle_s * 1000);
	s->out.deadline_ms = s->login_deadline_ms;
	if (config->proxied && preface_read(s) != RC_OK)
		return EX_OK;
	rc = dialect_greet(s);
	debug(s, 'S', s->out.first);
	while (rc == RC_OK && s->state != ST_CLOSED)
		rc = step(s);
	if (reply_flush(&s->out) != RC_OK && s->why == NULL)
		s->why = "client-gone";
	reply_rest(&s->out);
	if (is_check(s))
		return EX_OK;
	client_log(config->broker_fd,
	    "dialect=%s sent=%llu octets=%llu deleted=%llu left=%llu "
	    "why=\"%s\"",
	    s->decided ? s->dialect->name : "undecided",
	    (unsigned long long)s->sent, (unsigned long long)s->sent_octets,
	    (unsigned long long)s->removed, (unsigned long long)s->left,
	    s->why != NULL ? s->why : "?");
	return rc == RC_IO ? EX_IOERR : EX_OK;
}
