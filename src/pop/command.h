/* command - a row of a dialect's table, and what carries out a line by it. */
#ifndef POP_COMMAND_H
#define POP_COMMAND_H

#include "pop/args.h"
#include "pop/session.h"

/* The states that every dialect has; bits 8 and up are its own. */
enum {
	ST_SAME = 0, /* as a next state: stay */
	ST_AUTHORIZATION = 1u << 0,
	ST_NAMED = 1u << 1,     /* USER was given, PASS is awaited */
	ST_LOGGED_IN = 1u << 2, /* TRANSACTION, MBOX, or whatever follows */
	ST_CLOSED = 1u << 3
};

struct command {
	const char *verb; /* in capitals; any case is taken */
	unsigned states;  /* a mask: where it is legal */
	enum rc (*parse)(char *rest, struct args *out);
	/* RC_OK: it has replied; otherwise it has not, and the dialect
	 * refuses. RC_EOF, RC_TIMEOUT: the client is gone. */
	enum rc (*run)(struct session *s, const struct args *a);
	unsigned on_ok, on_err; /* the next state */
	const char *usage;      /* verb and arguments, for the refusal */
};

/* command_run - finds the line's verb in s->dialect's table, checks the state,
 * parses, runs, replies if the handler did not, and sets the next state.
 * RC_OK: go on; RC_EOF, RC_TIMEOUT, RC_IO: the client cannot be reached. */
enum rc command_run(struct session *s, struct line *line) MUST_CHECK;

/* command_user - USER, a handler: keeps the name for PASS. Every name is
 * welcome until it is known whose it is: RFC 1939 section 13. RC_SYNTAX: no
 * name is that long; RC_PLAINTEXT: what would follow is a password. */
enum rc command_user(struct session *s, const struct args *a) MUST_CHECK;

#endif
