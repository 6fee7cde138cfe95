/* dialect - a protocol as data: its commands, and how it says what is said in
 * every dialect. One file each defines one; dialect.c finds out which one a
 * client speaks. */
#ifndef POP_DIALECT_H
#define POP_DIALECT_H

#include "pop/command.h"

enum { PORT_POP2 = 109 };

struct dialect {
	const char *name;
	const struct command *commands;
	size_t count;
	size_t line_octets; /* of a command, with its line end */
	/* The greeting. */
	enum rc (*greet)(struct session *s);
	/* The answer to a command that returned why instead of replying; c is
	 * NULL when the line was none. */
	enum rc (*refuse)(
	    struct session *s, const struct command *c, enum rc why);
	unsigned answers_timeouts : 1; /* by a refusal; else it just closes */
};

extern const struct dialect pop1_dialect, pop2_dialect, pop3_dialect;

/* dialect_named - the dialect of that name, or NULL. */
const struct dialect *dialect_named(const char *name);

/* dialect_greet - the greeting: the dialect's own where one is fixed, else by
 * the local port, which decides nothing more. */
enum rc dialect_greet(struct session *s) MUST_CHECK;

/* dialect_try - before a line is run while nothing is decided: puts into
 * s->dialect which dialect to run it in. Does nothing once it is decided. */
void dialect_try(struct session *s, const char *line);

/* dialect_settle - after it: whether that decided. line as it was. */
void dialect_settle(struct session *s, const char *verb);

#endif
