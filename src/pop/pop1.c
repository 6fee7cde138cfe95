/* pop1 - RFC 918, the first Post Office Protocol: a maildrop is fetched whole.
 * The state diagram is the RFC's own (page 5); its RECV is the text's RCEV.
 *
 *   AUTHORIZATION --USER--> NAMED --PASS, good--> READY
 *        ^                    |                     |  QUIT: +OK, close
 *        +--- PASS, refused --+                     |  NOOP, RSET: +OK
 *                                                   |
 *     +---------------------------------------------+
 *     |  RETR or RDEL mailbox: open it, "#octets"   ^
 *     v  (-ERR: stay READY)                         |
 *   OFFERED --RCEV: the octets--> SENT --RCVD-------+
 *     |                             |    (after RDEL: delete what was sent;
 *     +------------RSET-------------+     -ERR when that fails)
 *                  release, +OK --> READY
 *
 * What is out of sequence is -ERR and changes nothing. Mail that comes while a
 * transaction lasts stays. docs/dialects.md says how the RFC's gaps are read.
 */
#include "pop/dialect.h"

enum { READY = ST_LOGGED_IN, OFFERED = 1u << 8, SENT = 1u << 9 };

static enum rc
greet(struct session *s)
{
	return reply_line(
	    &s->out, "+OK POP1 %s in.popd ready", s->config->host);
}

/* PASS password. Opens nothing yet. */
static enum rc
pass(struct session *s, const struct args *a)
{
	enum rc rc = session_login(s, s->user, a->text);

	return rc == RC_OK ? reply_line(&s->out, "+OK") : rc;
}

/* begin - opens the mailbox and offers its octets: every message with its
 * From_ line, CRLF line ends. */
static enum rc
begin(struct session *s, const struct args *a, unsigned deleting)
{
	enum rc rc = session_open(s, a->text);

	if (rc != RC_OK)
		return rc;
	s->deleting = deleting & 1;
	return reply_line(
	    &s->out, "#%llu", (unsigned long long)s->drop.ops->whole(&s->drop));
}

/* RETR mailbox: to read it. */
static enum rc
retr(struct session *s, const struct args *a)
{
	return begin(s, a, 0);
}

/* RDEL mailbox: to read it and delete what was read. */
static enum rc
rdel(struct session *s, const struct args *a)
{
	return begin(s, a, 1);
}

/* RCEV: exactly the octets that were announced, and nothing around them. */
static enum rc
rcev(struct session *s, const struct args *a)
{
	uint64_t before = reply_octets(&s->out);
	uint64_t octets = s->drop.ops->whole(&s->drop);
	enum rc rc = session_fetch(s, MAILDROP_WHOLE);

	(void)a;
	if (rc != RC_OK) {
		s->state = ST_CLOSED; /* a line would be read as data */
		s->why = rc_name(rc);
		return RC_OK;
	}
	reply_body(&s->out);
	rc = session_send(s, MAILDROP_WHOLE, reply_counted, NULL, NULL);
	if (rc == RC_OK && reply_octets(&s->out) - before != octets) {
		s->out.broken = 1;
		rc = RC_BUG;
	}
	return rc;
}

/* RCVD: the client has it. Only here, and only after RDEL, mail goes. */
static enum rc
rcvd(struct session *s, const struct args *a)
{
	enum rc rc = RC_OK;

	(void)a;
	if (s->deleting && s->drop.count > 0) {
		for (size_t i = 0; i < s->drop.count; i++)
			maildrop_delete(&s->drop, i);
		rc = s->drop.read_only ? RC_DENIED : session_update(s);
	}
	if (session_release(s) != RC_OK)
		s->mailbox[0] = '\0'; /* no broker: the next wait ends it all */
	return rc == RC_OK ? reply_line(&s->out, "+OK") : rc;
}

/* RSET: the transaction, if there is one, never was. */
static enum rc
rset(struct session *s, const struct args *a)
{
	enum rc rc = session_release(s);

	(void)a;
	return rc == RC_OK ? reply_line(&s->out, "+OK") : rc;
}

static enum rc
noop(struct session *s, const struct args *a)
{
	(void)a;
	return reply_line(&s->out, "+OK");
}

/* QUIT: within a transaction too, and then nothing is deleted. */
static enum rc
quit(struct session *s, const struct args *a)
{
	(void)a;
	s->why = "quit";
	return reply_line(&s->out, "+OK %s signing off", s->config->host);
}

/* refuse - -ERR; one text for every mailbox that cannot be had, so that none
 * betrays what exists. */
static enum rc
refuse(struct session *s, const struct command *c, enum rc why)
{
	struct reply *out = &s->out;
	char in_use[SESSION_IN_USE_OCTETS];

	s->errors++;
	switch (why) {
	case RC_UNKNOWN:
		return reply_line(out, "-ERR unknown command");
	case RC_STATE:
		return reply_line(out, "-ERR out of sequence");
	case RC_SYNTAX:
		return c != NULL ? reply_line(out, "-ERR usage: %s", c->usage)
				 : reply_line(out, "-ERR a NUL in a command");
	case RC_TOOLONG:
		return reply_line(
		    out, "-ERR line too long, nothing of it was done");
	case RC_BUSY:
		return reply_line(out, "-ERR the mailbox is in use, %s",
		    session_in_use(s, in_use));
	case RC_CHANGED:
		return reply_line(out,
		    "-ERR another program changed the mailbox, nothing was "
		    "deleted");
	case RC_UNFINISHED:
		return reply_line(out,
		    "-ERR the deletion was cut short, the next login finishes "
		    "it");
	case RC_DENIED:
		if (!s->logged_in)
			return reply_line(
			    out, "-ERR invalid user name or password");
		if (c->run == rcvd)
			return reply_line(out,
			    "-ERR the mailbox is read-only, nothing was "
			    "deleted");
		return reply_line(out, "-ERR no such mailbox for you");
	case RC_PLAINTEXT:
		return reply_line(out, "-ERR no password without TLS");
	case RC_NOSUCH:
	case RC_CORRUPT:
		return reply_line(out, "-ERR no such mailbox for you");
	default:
		return reply_line(
		    out, "-ERR the server failed, nothing was deleted");
	}
}

/* clang-format off */
static const struct command commands[] = {
  { "USER", ST_AUTHORIZATION | ST_NAMED, args_name,    command_user, ST_NAMED,  ST_AUTHORIZATION, "USER name" },
  { "PASS", ST_NAMED,                    args_secret,  pass,         READY,     ST_AUTHORIZATION, "PASS password" },
  { "RETR", READY,                       args_mailbox, retr,         OFFERED,   ST_SAME,          "RETR mailbox" },
  { "RDEL", READY,                       args_mailbox, rdel,         OFFERED,   ST_SAME,          "RDEL mailbox" },
  { "RCEV", OFFERED,                     args_none,    rcev,         SENT,      ST_CLOSED,        "RCEV" },
  { "RECV", OFFERED,                     args_none,    rcev,         SENT,      ST_CLOSED,        "RECV" },
  { "RCVD", SENT,                        args_none,    rcvd,         READY,     READY,            "RCVD" },
  { "RSET", READY | OFFERED | SENT,      args_none,    rset,         READY,     READY,            "RSET" },
  { "NOOP", READY | OFFERED | SENT,      args_none,    noop,         ST_SAME,   ST_SAME,          "NOOP" },
  { "QUIT", ST_AUTHORIZATION | ST_NAMED | READY | OFFERED | SENT,
                                         args_none,    quit,         ST_CLOSED, ST_CLOSED,        "QUIT" },
};
/* clang-format on */

const struct dialect pop1_dialect = {
    .name = "pop1",
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
    .line_octets = 512,
    .greet = greet,
    .refuse = refuse,
};
