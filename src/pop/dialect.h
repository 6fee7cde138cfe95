/* dialect - a protocol as data: its commands, and how it says what is said in
 * every dialect. One file each defines one. */
#ifndef POP_DIALECT_H
#define POP_DIALECT_H

#include "pop/command.h"

struct dialect {
	const char *name;
	const struct command *commands;
	size_t count;
	size_t line_octets; /* of a command, with its CRLF */
	/* The greeting. */
	enum rc (*greet)(struct session *s);
	/* The answer to a command that returned why instead of replying; c is
	 * NULL when the line was none. */
	enum rc (*refuse)(
	    struct session *s, const struct command *c, enum rc why);
};

extern const struct dialect pop3_dialect;

#endif
