/* session - the loop from line to reply, and what all dialects do alike with
 * the broker and the maildrop. Knows no verb. */
#include "pop/session.h"
#include "pop/command.h"
#include "pop/dialect.h"
#include "priv/client.h"
#include "sys/io.h"
#include "sys/log.h"
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

unsigned
session_logged_in(const struct session *s)
{
	return s->drop.ops != NULL;
}

enum rc
session_login(struct session *s, const char *secret)
{
	enum rc rc = client_authenticate(s->config->broker_fd, s->user, secret);

	if (rc == RC_OK) {
		s->refused = 0; /* what is denied from now on is no login */
		return rc;
	}
	if (rc != RC_DENIED || ++s->refused == SESSION_TRIES) {
		s->state = ST_CLOSED;
		s->why = rc == RC_DENIED ? "refused" : rc_name(rc);
	}
	return rc;
}

enum rc
session_open(struct session *s)
{
	int mbox_fd, state_fd;
	enum rc rc = client_open(s->config->broker_fd, "", &mbox_fd, &state_fd);
	enum rc unlocked;

	if (rc == RC_OK) {
		rc = maildrop_open(&s->drop, &mbox_ops, mbox_fd, state_fd);
		unlocked = client_unlock(s->config->broker_fd);
		if (rc != RC_OK)
			s->drop.ops = NULL;
		else if (unlocked != RC_OK)
			rc = unlocked;
	}
	if (rc != RC_OK) {
		s->state = ST_CLOSED;
		s->why = log_why(rc);
	}
	return rc;
}

enum rc
session_update(struct session *s)
{
	struct maildrop *d = &s->drop;
	enum rc rc;

	if (d->left == d->count)
		return RC_OK;
	rc = client_lock(s->config->broker_fd);
	if (rc != RC_OK)
		return rc;
	rc = d->ops->update(d);
	if (rc == RC_OK)
		s->removed = d->count - d->left;
	if (client_unlock(s->config->broker_fd) != RC_OK)
		return rc; /* the locks end with the broker; gone is gone */
	return rc;
}

/* debug - one line of the dialogue, secrets masked. */
static void
debug(const struct session *s, char who, const char *text)
{
	char quoted[4 * REPLY_LINE_OCTETS + 3];
	size_t n = strlen(text);

	if (!s->config->debugging)
		return;
	if (who == 'C' && strncasecmp(text, "PASS", 4) == 0) {
		dprintf(2, "C: PASS ****\n");
		return;
	}
	log_quote(quoted, sizeof(quoted), text, n);
	quoted[strlen(quoted) - 1] = '\0';
	dprintf(2, "%c: %s\n", who, quoted + 1);
}

/* read_command - the next line within the time it has: everything before a
 * login within one deadline, afterwards each command within its own. Replies
 * leave first, unless more commands are here already. */
static enum rc
read_command(struct session *s, struct line *line)
{
	int64_t deadline = s->login_deadline_ms;
	enum rc rc;

	if (line_waiting(&s->in))
		return line_read(
		    &s->in, s->dialect->line_octets, io_now_ms(), line);
	rc = reply_flush(&s->out);
	if (session_logged_in(s))
		deadline = io_now_ms() + (int64_t)s->config->idle_s * 1000;
	while (rc == RC_OK) {
		rc = client_wait(
		    s->config->broker_fd, s->config->in_fd, deadline);
		if (rc != RC_OK)
			break;
		rc = line_read(
		    &s->in, s->dialect->line_octets, io_now_ms(), line);
		if (rc != RC_TIMEOUT)
			break;
		rc = RC_OK; /* a part of a line came; wait for the rest */
	}
	return rc;
}

/* step - one command. RC_OK: go on while the state allows it. */
static enum rc
step(struct session *s)
{
	struct line line;
	enum rc rc = read_command(s, &line);

	s->out.first[0] = '\0';
	if (rc == RC_TOOLONG || rc == RC_SYNTAX) {
		debug(s, 'C', "(a line that is too long or holds a NUL)");
		rc = s->dialect->refuse(s, NULL, rc);
	} else if (rc == RC_OK) {
		debug(s, 'C', line.text);
		rc = command_run(s, &line);
	} else {
		s->why = s->out.broken ? "client-gone" : log_why(rc);
		return rc;
	}
	debug(s, 'S', s->out.first);
	if (rc != RC_OK && s->why == NULL)
		s->why = "client-gone";
	if (rc == RC_OK && s->errors >= SESSION_ERRORS &&
	    !session_logged_in(s)) {
		s->why = "too-many-errors";
		s->state = ST_CLOSED;
	}
	return rc;
}

int
session_run(struct session *s, const struct session_config *config,
    const struct dialect *dialect)
{
	enum rc rc;

	memset(s, 0, offsetof(struct session, in));
	s->config = config;
	s->dialect = dialect;
	s->state = ST_AUTHORIZATION;
	s->login_deadline_ms = io_now_ms() + (int64_t)config->login_s * 1000;
	s->drop.fd = s->drop.state_fd = -1;
	line_init(&s->in, config->in_fd);
	reply_init(&s->out, config->out_fd, config->idle_s * 1000);
	rc = dialect->greet(s);
	debug(s, 'S', s->out.first);
	while (rc == RC_OK && s->state != ST_CLOSED)
		rc = step(s);
	if (reply_flush(&s->out) != RC_OK && s->why == NULL)
		s->why = "client-gone";
	client_log(config->broker_fd,
	    "event=end why=\"%s\" retrieved=%llu octets=%llu deleted=%llu "
	    "left=%zu",
	    s->why != NULL ? s->why : "?", (unsigned long long)s->retrieved,
	    (unsigned long long)s->retrieved_octets,
	    (unsigned long long)s->removed,
	    s->removed > 0 ? s->drop.left : s->drop.count);
	maildrop_close(&s->drop);
	return rc == RC_IO ? EX_IOERR : EX_OK;
}
