/* pop2 - RFC 937, Post Office Protocol version 2: folders, and one message at
 * a time. "If anything goes wrong close the connection."
 *
 * The server's state diagram (page 18); LSTN and DONE are the superserver's:
 *
 *   AUTH --HELO: #NNN--> MBOX --READ: =CCC--> ITEM --RETR: data--> NEXT
 *     |                  |  ^                 |  ^                   |
 *     |             FOLD +--+ #NNN       READ +--+ =CCC              |
 *     |                  |  ^                 |  ^                   |
 *     |                  |  +---FOLD: #NNN----+  +-ACKS, ACKD, NACK: =CCC
 *     +------QUIT--------+---------QUIT-------+
 *                        | remove what ACKD marked, "+", close
 *                        v
 *   Everything else is "- reason", close, and nothing is removed. */
#include "pop/dialect.h"
#include <string.h>

enum {
	AUTH = ST_AUTHORIZATION,
	MBOX = ST_LOGGED_IN,
	ITEM = 1u << 8,
	NEXT = 1u << 9,
	DONE = ST_CLOSED
};

static enum rc
greet(struct session *s)
{
	return reply_line(&s->out, "+ POP2 %s in.popd ready", s->config->host);
}

/* count - "#NNN": how many messages are in the mailbox. */
static enum rc
count(struct session *s)
{
	s->current = 1;
	return reply_line(&s->out, "#%zu message%s in %s", s->drop.count,
	    s->drop.count == 1 ? "" : "s",
	    s->mailbox[0] == '\0' ? "your mailbox" : "that folder");
}

/* HELO user password. Opens the maildrop. */
static enum rc
helo(struct session *s, const struct args *a)
{
	enum rc rc = session_wants_tls(s);

	if (rc == RC_OK)
		rc = session_login(s, a->text, a->secret);
	if (rc == RC_OK)
		rc = session_open(s, "");
	return rc == RC_OK ? count(s) : rc;
}

/* open_folder - by the name with its quoting undone, else as it came. */
static enum rc
open_folder(struct session *s, const char *name)
{
	char plain[SESSION_MAILBOX_OCTETS];
	enum rc rc;

	if (strlen(name) >= sizeof(plain))
		return RC_NOSUCH;
	memcpy(plain, name, strlen(name) + 1);
	if (args_unquote(plain) !=
	    RC_OK) /* its last backslash quotes nothing */
		return session_open(s, name);
	rc = session_open(s, plain);
	if (rc == RC_NOSUCH && strcmp(plain, name) != 0)
		rc = session_open(s, name);
	return rc;
}

/* FOLD mailbox. What ACKD marked in the one before is removed first, and that
 * one is released. A folder that is absent, no mailbox, or not for this user
 * is empty. */
static enum rc
fold(struct session *s, const struct args *a)
{
	enum rc rc = session_update(s);

	if (rc == RC_OK)
		rc = session_release(s);
	if (rc == RC_OK)
		rc = open_folder(s, a->text);
	if (rc == RC_OK)
		return count(s);
	s->current = 1;
	return rc == RC_NOSUCH || rc == RC_CORRUPT || rc == RC_DENIED
		   ? reply_line(&s->out, "#0 messages in that folder")
		   : rc;
}

/* octets_of - the current message's; 0 when there is none, or none any more. */
static uint64_t
octets_of(const struct session *s)
{
	size_t i;

	return maildrop_find(&s->drop, s->current, &i) == RC_OK
		   ? s->drop.msg[i].octets
		   : 0;
}

/* length - "=CCC": the current message's octets, as RETR will send them. */
static enum rc
length(struct session *s)
{
	return reply_line(&s->out, "=%llu octets in message %llu",
	    (unsigned long long)octets_of(s), (unsigned long long)s->current);
}

/* READ [n]: n, or the current message, is the current message. */
static enum rc
read_message(struct session *s, const struct args *a)
{
	if (a->has_msgno)
		s->current = a->msgno;
	return length(s);
}

/* RETR: the octets and nothing around them. Where there are none to send, or
 * none of those that were announced, it closes: a line would be read as data.
 */
static enum rc
retr(struct session *s, const struct args *a)
{
	uint64_t before = reply_octets(&s->out), octets = octets_of(s);
	size_t i = (size_t)s->current - 1;
	enum rc rc = octets > 0 ? session_fetch(s, i) : RC_OK;

	(void)a;
	if (octets == 0 || rc != RC_OK) {
		s->state = ST_CLOSED;
		s->why = octets == 0 ? "nothing-to-send" : rc_name(rc);
		return RC_OK;
	}
	reply_body(&s->out);
	rc = session_send(s, i, reply_counted, NULL, NULL);
	if (rc == RC_OK && reply_octets(&s->out) - before != octets) {
		s->out.broken = 1;
		rc = RC_BUG;
	}
	return rc;
}

/* ACKS: it has been received and stays. */
static enum rc
acks(struct session *s, const struct args *a)
{
	(void)a;
	s->current++;
	return length(s);
}

/* ACKD: it has been received and may go, at FOLD or QUIT. */
static enum rc
ackd(struct session *s, const struct args *a)
{
	session_delete(s, (size_t)s->current - 1); /* RETR sent it */
	return acks(s, a);
}

/* NACK: it has not been received and stays. */
static enum rc
nack(struct session *s, const struct args *a)
{
	(void)a;
	return length(s);
}

/* QUIT: what ACKD marked is removed, then the client is told. */
static enum rc
quit(struct session *s, const struct args *a)
{
	enum rc rc = session_update(s);

	(void)a;
	if (rc != RC_OK)
		return rc;
	s->why = "quit";
	return reply_line(&s->out, "+ OK %s signing off", s->config->host);
}

/* refuse - one "-" line, then close, whatever it was. */
static enum rc
refuse(struct session *s, const struct command *c, enum rc why)
{
	struct reply *out = &s->out;
	char in_use[SESSION_IN_USE_OCTETS];

	s->state = ST_CLOSED;
	if (s->why == NULL)
		s->why = rc_name(why);
	switch (why) {
	case RC_UNKNOWN:
		return reply_line(out, "- unknown command");
	case RC_STATE:
		return reply_line(out, "- %s is not possible here", c->verb);
	case RC_SYNTAX:
	case RC_NOSUCH:
		return c != NULL ? reply_line(out, "- usage: %s", c->usage)
				 : reply_line(out, "- a NUL in a command");
	case RC_TOOLONG:
		return reply_line(out, "- line too long");
	case RC_TIMEOUT:
		return reply_line(out, "- you took too long");
	case RC_DENIED:
		return reply_line(
		    out, s->logged_in
			     ? "- the mailbox cannot be used; the server's log "
			       "says why"
			     : "- invalid user name or password");
	case RC_PLAINTEXT:
		return reply_line(out, "- no password without TLS");
	case RC_BUSY:
		return reply_line(out, "- [IN-USE] the mailbox is in use, %s",
		    session_in_use(s, in_use));
	case RC_CHANGED:
		return reply_line(out,
		    "- another program changed the mailbox, nothing was "
		    "deleted");
	case RC_UNFINISHED:
		return reply_line(out,
		    "- the deletion was cut short, the next login finishes "
		    "it");
	case RC_CORRUPT:
		return reply_line(out, "- the mailbox is not an mbox file");
	default:
		return reply_line(out, "- the server failed, try again later");
	}
}

/* RFC 937's Server Decision Table (page 22), row for row; what is not named
 * here is its action 1, "- error", close. Action 3b is refuse as well. */
/* clang-format off */
static const struct command commands[] = {
  { "HELO", AUTH,               args_user_secret, helo,         MBOX, DONE, "HELO user password" }, /* 3 */
  { "FOLD", MBOX | ITEM,        args_mailbox,     fold,         MBOX, DONE, "FOLD mailbox" },       /* 5 */
  { "READ", MBOX | ITEM,        args_opt_msgno,   read_message, ITEM, DONE, "READ [number]" },      /* 6 */
  { "RETR", ITEM,               args_none,        retr,         NEXT, DONE, "RETR" },               /* 7 */
  { "ACKS", NEXT,               args_none,        acks,         ITEM, DONE, "ACKS" },               /* 8 */
  { "ACKD", NEXT,               args_none,        ackd,         ITEM, DONE, "ACKD" },               /* 8 */
  { "NACK", NEXT,               args_none,        nack,         ITEM, DONE, "NACK" },               /* 8 */
  { "QUIT", AUTH | MBOX | ITEM, args_none,        quit,         DONE, DONE, "QUIT" },               /* 4 */
};
/* clang-format on */

const struct dialect pop2_dialect = {
    .name = "pop2",
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
    .line_octets = 512, /* RFC 937, Sizes */
    .greet = greet,
    .refuse = refuse,
    .answers_timeouts = 1,
};
