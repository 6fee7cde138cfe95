/* pop3 - RFC 1939, with CAPA (RFC 2449), response codes (RFC 2449 section 8,
 * RFC 3206), APOP, AUTH (RFC 5034), STLS (RFC 2595) and LAST (RFC 1460). Knows
 * the verbs and what they answer; not where mail lies, nor who may read it.
 *
 *                 greeting
 *                    |
 *        USER        v
 *      +------ AUTHORIZATION <-----+       QUIT in AUTHORIZATION: close
 *      |                           |       STLS: the same, and TLS
 *      v                           |
 *     NAMED --- PASS, refused -----+       third refusal: close
 *      |
 *      +------ PASS, or APOP or AUTH from either state, good, maildrop locked,
 * scanned, unlocked
 *                    |
 *                    v
 *              TRANSACTION   STAT LIST RETR DELE NOOP RSET TOP UIDL LAST
 *                    |
 *                    +-- QUIT --> UPDATE: remove what is marked, answer,
 *                    |            unlock, close
 *                    +-- anything that ends the connection otherwise:
 *                        nothing is removed (section 6)
 */
#include "pop/dialect.h"
#include "pop/sasl.h"
#include "sys/num.h"
#include <stdio.h>
#include <string.h>

enum { NAMED = ST_NAMED, TRANSACTION = ST_LOGGED_IN };

/* With a timestamp where there are secrets for APOP, and only there: clients
 * take one for an offer. Section 7. */
static enum rc
greet(struct session *s)
{
	const char *stamp = s->config->stamp;

	return reply_line(&s->out, "+OK POP3 %s in.popd ready%s%s",
	    s->config->host, stamp != NULL ? " " : "",
	    stamp != NULL ? stamp : "");
}

/* enter - what follows a login, which went so. Section 4. A maildrop that
 * cannot be opened ends the session: the broker is that user for good. */
static enum rc
enter(struct session *s, enum rc login)
{
	enum rc rc = login;

	if (rc != RC_OK)
		return rc;
	rc = session_open(s, "");
	if (rc != RC_OK) {
		s->state = ST_CLOSED;
		s->why = rc_name(rc);
		return rc;
	}
	return reply_line(&s->out,
	    "+OK maildrop has %zu message%s (%llu octets)", s->drop.count,
	    s->drop.count == 1 ? "" : "s",
	    (unsigned long long)s->drop.left_octets);
}

/* PASS secret. Section 7. */
static enum rc
pass(struct session *s, const struct args *a)
{
	return enter(s, session_login(s, s->user, a->text));
}

/* APOP name digest. Section 7. */
static enum rc
apop(struct session *s, const struct args *a)
{
	if (s->config->stamp == NULL)
		return RC_UNKNOWN;
	if (a->secret == NULL)
		return RC_SYNTAX;
	return enter(s, session_apop(s, a->text, a->secret));
}

/* AUTH [mechanism [initial-response]]. RFC 5034 section 4. Alone it lists the
 * mechanisms, as no RFC has it and old clients do. */
static enum rc
auth(struct session *s, const struct args *a)
{
	const char *names = sasl_names(s);
	enum rc rc;

	if (a->text != NULL) {
		rc = enter(s, sasl_login(s, a->text, a->secret));
		if (rc == RC_OK)
			s->state = TRANSACTION;
		return rc;
	}
	rc = reply_line(&s->out, "+OK mechanisms follow");
	for (; *names != '\0' && rc == RC_OK; names += strspn(names, " ")) {
		size_t n = strcspn(names, " ");

		rc = reply_listed(&s->out, names, n);
		names += n;
	}
	return rc == RC_OK ? reply_end_multiline(&s->out) : rc;
}

/* CAPA. RFC 2449 section 5; what is listed is true in both states, but STLS,
 * which comes and goes, and what STLS lets come. */
static enum rc
capa(struct session *s, const struct args *a)
{
	char sasl[64];
	const char *const lines[] = {
	    session_can_tls(s) && !s->logged_in ? "STLS" : NULL, "TOP",
	    session_takes_passwords(s) ? "USER" : NULL,
	    *sasl_names(s) != '\0' ? sasl : NULL, "UIDL", "RESP-CODES",
	    "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER",
	    ("IMPLEMENTATION in.popd-" POPD_VERSION)};
	enum rc rc = reply_line(&s->out, "+OK capability list follows");

	(void)a;
	snprintf(sasl, sizeof(sasl), "SASL %s", sasl_names(s));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (rc == RC_OK && lines[i] != NULL)
			rc = reply_line(&s->out, "%s", lines[i]);
	}
	return rc == RC_OK ? reply_end_multiline(&s->out) : rc;
}

/* STLS. RFC 2595 section 4. What came behind it in plain text is thrown away
 * before the answer, since somebody on the way may have put it there; and so is
 * the name of a USER before it. */
static enum rc
stls(struct session *s, const struct args *a)
{
	enum rc rc;

	(void)a;
	if (!session_can_tls(s))
		return s->tls ? RC_STATE : RC_UNKNOWN;
	rc = line_drain(&s->in);
	if (rc != RC_OK) {
		s->out.broken = rc;
		return rc;
	}
	rc = reply_line(&s->out, "+OK begin TLS negotiation");
	return rc == RC_OK ? session_secure(s) : rc;
}

/* STAT: the drop listing, without what is marked as deleted. Section 5. */
static enum rc
drop_listing(struct session *s, const struct args *a)
{
	(void)a;
	return reply_line(&s->out, "+OK %zu %llu", s->drop.left,
	    (unsigned long long)s->drop.left_octets);
}

/* scan_line - message i's scan listing. Section 5, LIST. */
static enum rc
scan_line(struct session *s, const char *before, size_t i)
{
	char text[2 * NUM_OCTETS + 1], *at = text;

	if (before[0] != '\0')
		return reply_line(&s->out, "%s%zu %llu", before, i + 1,
		    (unsigned long long)s->drop.msg[i].octets);
	at = num_print(at, i + 1);
	*at++ = ' ';
	at = num_print(at, s->drop.msg[i].octets);
	return reply_listed(&s->out, text, (size_t)(at - text));
}

/* uid_line - message i's unique-id listing. Section 7, UIDL. */
static enum rc
uid_line(struct session *s, const char *before, size_t i)
{
	char text[NUM_OCTETS + 1 + UID_TEXT_OCTETS + 1], *at;
	char uid[UID_TEXT_OCTETS + 1];
	enum rc rc = maildrop_uid(&s->drop, i, uid);

	if (rc != RC_OK)
		return rc;
	if (before[0] != '\0')
		return reply_line(&s->out, "%s%zu %s", before, i + 1, uid);
	at = num_print(text, i + 1);
	*at++ = ' ';
	memcpy(at, uid, UID_TEXT_OCTETS);
	at += UID_TEXT_OCTETS;
	return reply_listed(&s->out, text, (size_t)(at - text));
}

/* listing - LIST and UIDL: one message's line, or first and then every line of
 * those not marked as deleted. */
static enum rc
listing(struct session *s, const struct args *a, const char *first,
    enum rc (*line)(struct session *s, const char *before, size_t i))
{
	size_t i;
	enum rc rc;

	if (a->has_msgno) {
		rc = maildrop_find(&s->drop, a->msgno, &i);
		return rc == RC_OK ? line(s, "+OK ", i) : rc;
	}
	rc = reply_line(&s->out, "%s", first);
	for (i = 0; i < s->drop.count && rc == RC_OK; i++) {
		if (!s->drop.msg[i].deleted)
			rc = line(s, "", i);
	}
	return rc == RC_OK ? reply_end_multiline(&s->out) : rc;
}

/* LIST [msg]. Section 5. */
static enum rc
list(struct session *s, const struct args *a)
{
	return listing(s, a, "+OK scan listing follows", scan_line);
}

/* UIDL [msg]. Section 7. The ids are made before the first octet of the reply,
 * since that may fail. */
static enum rc
uidl(struct session *s, const struct args *a)
{
	enum rc rc = s->drop.ops->identify(&s->drop);

	if (rc != RC_OK)
		return rc;
	return listing(s, a, "+OK unique-id listing follows", uid_line);
}

/* cutter - how much of a message TOP still lets through. */
struct cutter {
	uint64_t lines;       /* of the body */
	unsigned in_body : 1; /* behind the header's blank line */
	unsigned at_bol : 1;
	unsigned cr : 1; /* the line so far is one CR */
};

/* cut - of the next n octets, how many TOP lets through; *done when the last
 * of them has been reached. Section 7, TOP. */
static size_t
cut(void *how, const char *octets, size_t n, unsigned *done)
{
	struct cutter *c = how;

	for (size_t i = 0; i < n; i++) {
		unsigned blank = c->at_bol || c->cr;

		if (c->in_body && c->lines == 0) {
			*done = 1;
			return i;
		}
		if (octets[i] != '\n') {
			c->cr = c->at_bol && octets[i] == '\r';
			c->at_bol = 0;
			continue;
		}
		if (c->in_body)
			c->lines--;
		else if (blank)
			c->in_body = 1;
		c->at_bol = 1;
		c->cr = 0;
	}
	return n;
}

/* send_message - message i as a multi-line body, cut by c unless it is NULL. */
static enum rc
send_message(struct session *s, size_t i, struct cutter *c)
{
	enum rc rc =
	    session_send(s, i, reply_stuffed, c != NULL ? cut : NULL, c);

	return rc == RC_OK ? reply_end_multiline(&s->out) : rc;
}

/* access_message - the index of a message that is there and still what was
 * scanned; it has been fetched. */
static enum rc
access_message(struct session *s, uint32_t msgno, size_t *i)
{
	enum rc rc = maildrop_find(&s->drop, msgno, i);

	if (rc == RC_OK)
		rc = session_fetch(s, *i);
	if (rc == RC_OK && msgno > s->highest)
		s->highest = msgno;
	return rc;
}

/* say_octets - RETR's status line, made by hand: there are many. */
static enum rc
say_octets(struct session *s, uint64_t n)
{
	static const char ok[] = "+OK ", octets[] = " octets";
	char text[sizeof(ok) + NUM_OCTETS + sizeof(octets)], *at = text;

	memcpy(at, ok, sizeof(ok) - 1);
	at = num_print(at + sizeof(ok) - 1, n);
	memcpy(at, octets, sizeof(octets) - 1);
	at += sizeof(octets) - 1;
	return reply_made(&s->out, text, (size_t)(at - text));
}

/* RETR msg. Section 5. */
static enum rc
retr(struct session *s, const struct args *a)
{
	size_t i;
	enum rc rc = access_message(s, a->msgno, &i);

	if (rc == RC_OK)
		rc = say_octets(s, s->drop.msg[i].octets);
	return rc == RC_OK ? send_message(s, i, NULL) : rc;
}

/* TOP msg n. Section 7. */
static enum rc
top(struct session *s, const struct args *a)
{
	struct cutter c = {.lines = a->lines, .at_bol = 1};
	size_t i;
	enum rc rc = access_message(s, a->msgno, &i);

	if (rc == RC_OK)
		rc = reply_line(&s->out, "+OK top of message follows");
	return rc == RC_OK ? send_message(s, i, &c) : rc;
}

/* DELE msg. Section 5. */
static enum rc
dele(struct session *s, const struct args *a)
{
	size_t i;
	enum rc rc = maildrop_find(&s->drop, a->msgno, &i);

	if (rc != RC_OK)
		return rc;
	session_delete(s, i);
	if (a->msgno > s->highest)
		s->highest = a->msgno;
	return reply_line(&s->out, "+OK message %u deleted", a->msgno);
}

static enum rc
noop(struct session *s, const struct args *a)
{
	(void)a;
	return reply_line(&s->out, "+OK");
}

/* LAST. RFC 1460: the highest message number accessed. */
static enum rc
last(struct session *s, const struct args *a)
{
	(void)a;
	return reply_line(&s->out, "+OK %zu", s->highest);
}

/* RSET. Section 5. */
static enum rc
rset(struct session *s, const struct args *a)
{
	(void)a;
	maildrop_reset(&s->drop);
	s->highest = 0;
	return reply_line(&s->out,
	    "+OK maildrop has %zu message%s (%llu octets)", s->drop.count,
	    s->drop.count == 1 ? "" : "s",
	    (unsigned long long)s->drop.left_octets);
}

/* goodbye - the reply to a QUIT that went well. */
static enum rc
goodbye(struct session *s)
{
	const char *host = s->config->host;
	size_t left = s->drop.left;

	if (!s->logged_in)
		return reply_line(
		    &s->out, "+OK %s POP3 server signing off", host);
	if (left == 0)
		return reply_line(&s->out,
		    "+OK %s POP3 server signing off (maildrop empty)", host);
	return reply_line(&s->out,
	    "+OK %s POP3 server signing off (%zu message%s left)", host, left,
	    left == 1 ? "" : "s");
}

/* QUIT. Before the login it only says goodbye (section 4); after it, it enters
 * UPDATE, and answers when that is done (section 6). */
static enum rc
quit(struct session *s, const struct args *a)
{
	enum rc rc = session_remove(s);

	(void)a;
	if (rc != RC_OK) {
		s->why = rc_name(rc);
		return rc;
	}
	s->why = "quit";
	if (!reply_fits(&s->out))
		session_settle(s); /* the client is not waited for with locks */
	rc = goodbye(s);
	if (rc == RC_OK && s->unsettled)
		rc = reply_try(&s->out);
	session_settle(s);
	return rc;
}

/* wrong_state - why a verb is refused where the session is. */
static const char *
wrong_state(const struct session *s, const struct command *c)
{
	if (s->logged_in)
		return "not after a login";
	if (c->run == stls)
		return "TLS is on already";
	return (c->states & TRANSACTION) != 0 ? "not before a login"
					      : "send USER first";
}

/* refuse - -ERR, with the response code that tells a client whether to ask the
 * user or to try later: RFC 2449 section 8.1, RFC 3206 section 5. */
static enum rc
refuse(struct session *s, const struct command *c, enum rc why)
{
	struct reply *out = &s->out;
	char in_use[SESSION_IN_USE_OCTETS];
	unsigned in_update = c != NULL && c->run == quit;
	unsigned in_auth = c != NULL && c->run == auth;

	s->errors++;
	switch (why) {
	case RC_UNKNOWN:
		return reply_line(out, "-ERR unknown command");
	case RC_STATE:
		return reply_line(out, "-ERR %s", wrong_state(s, c));
	case RC_CANCELLED:
		return reply_line(out, "-ERR cancelled, as you wish");
	case RC_SYNTAX:
		if (in_auth)
			return reply_line(out,
			    "-ERR that is not base64, or not what AUTH or the "
			    "mechanism wants");
		return c != NULL ? reply_line(out, "-ERR usage: %s", c->usage)
				 : reply_line(out, "-ERR a NUL in a command");
	case RC_TOOLONG:
		return reply_line(
		    out, "-ERR line too long, nothing of it was done");
	case RC_NOSUCH:
		if (in_auth && !s->logged_in)
			return reply_line(out,
			    "-ERR no such mechanism; AUTH alone lists them");
		return reply_line(out,
		    "-ERR no such message, only %zu in maildrop",
		    s->drop.count);
	case RC_DELETED:
		return reply_line(out, "-ERR that message is deleted");
	case RC_DENIED:
		if (!s->logged_in)
			return reply_line(
			    out, "-ERR [AUTH] invalid user name or password");
		return reply_line(out,
		    "-ERR [SYS/PERM] the maildrop cannot be used; "
		    "the server's log says why");
	case RC_PLAINTEXT:
		return reply_line(out,
		    session_can_tls(s)
			? "-ERR [AUTH] no password without TLS; send STLS first"
			: "-ERR [AUTH] no password without TLS; connect to the "
			  "port of pop3s");
	case RC_BUSY:
		if (in_update)
			return reply_line(out,
			    "-ERR [SYS/TEMP] maildrop is locked, nothing was "
			    "deleted");
		return reply_line(out, "-ERR [IN-USE] maildrop is in use, %s",
		    session_in_use(s, in_use));
	case RC_CORRUPT:
		return reply_line(
		    out, "-ERR [SYS/PERM] the maildrop is not an mbox file");
	case RC_CHANGED:
		s->state = ST_CLOSED;
		s->why = "changed";
		return reply_line(out,
		    "-ERR [SYS/TEMP] another program changed the maildrop, "
		    "nothing was deleted");
	case RC_UNFINISHED:
		return reply_line(out,
		    "-ERR [SYS/TEMP] the deletion was cut short, the next "
		    "login finishes it");
	default:
		return reply_line(out,
		    in_update
			? "-ERR [SYS/TEMP] the server failed, nothing was "
			  "deleted"
			: "-ERR [SYS/TEMP] the server failed, try again later");
	}
}

/* clang-format off */
static const struct command commands[] = {
  { "USER", ST_AUTHORIZATION | NAMED, args_name,        command_user, NAMED,       ST_AUTHORIZATION, "USER name" },
  { "PASS", NAMED,                    args_secret,      pass,         TRANSACTION, ST_AUTHORIZATION, "PASS secret" },
  { "APOP", ST_AUTHORIZATION | NAMED, args_words,       apop,         TRANSACTION, ST_SAME,          "APOP name digest" },
  { "AUTH", ST_AUTHORIZATION | NAMED, args_words,       auth,         ST_SAME,     ST_SAME,          "AUTH [mechanism [initial-response]]" },
  { "CAPA", ST_AUTHORIZATION | NAMED | TRANSACTION,
                                      args_none,        capa,         ST_SAME,     ST_SAME,          "CAPA" },
  { "STLS", ST_AUTHORIZATION | NAMED, args_none,        stls,         ST_AUTHORIZATION, ST_SAME,     "STLS" },
  { "STAT", TRANSACTION,              args_none,        drop_listing, ST_SAME,     ST_SAME,          "STAT" },
  { "LIST", TRANSACTION,              args_opt_msgno,   list,         ST_SAME,     ST_SAME,          "LIST [msg]" },
  { "UIDL", TRANSACTION,              args_opt_msgno,   uidl,         ST_SAME,     ST_SAME,          "UIDL [msg]" },
  { "RETR", TRANSACTION,              args_msgno,       retr,         ST_SAME,     ST_SAME,          "RETR msg" },
  { "TOP",  TRANSACTION,              args_msgno_lines, top,          ST_SAME,     ST_SAME,          "TOP msg n" },
  { "DELE", TRANSACTION,              args_msgno,       dele,         ST_SAME,     ST_SAME,          "DELE msg" },
  { "NOOP", TRANSACTION,              args_none,        noop,         ST_SAME,     ST_SAME,          "NOOP" },
  { "RSET", TRANSACTION,              args_none,        rset,         ST_SAME,     ST_SAME,          "RSET" },
  { "LAST", TRANSACTION,              args_none,        last,         ST_SAME,     ST_SAME,          "LAST" },
  { "QUIT", ST_AUTHORIZATION | NAMED | TRANSACTION,
                                      args_none,        quit,         ST_CLOSED,   ST_CLOSED,        "QUIT" },
};
/* clang-format on */

const struct dialect pop3_dialect = {
    .name = "pop3",
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
    .line_octets = LINE_COMMAND_OCTETS,
    .greet = greet,
    .refuse = refuse,
};
