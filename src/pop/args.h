/* args - what follows a verb.
 *
 * A parser gets the rest of the line behind the verb: "" or a text that begins
 * with a blank, NUL-terminated, which it may write to. Blanks at the end and
 * several blanks between words are taken; signs are not. */
#ifndef POP_ARGS_H
#define POP_ARGS_H

#include "sys/err.h"
#include <stdint.h>

struct args {
	uint32_t msgno;
	uint32_t lines;
	unsigned has_msgno : 1;
	char *text;   /* a name, mailbox or secret, within the line */
	char *secret; /* behind a name on the same line, or NULL */
};

/* Each returns RC_OK with its part of out filled in, or RC_SYNTAX. A number too
 * large for a message is RC_NOSUCH; too many lines are as many as there are.
 * args_none: nothing; args_msgno: a message number; args_opt_msgno: one or
 * nothing; args_msgno_lines: a message number and a number of lines; args_name:
 * the rest without blanks around it, not empty; args_secret: everything behind
 * one blank, blanks included, not empty. RFC 1939 sections 3, 5 and 7. */
/* args_user_secret: a name and a secret, each with RFC 937's quoting undone;
 * args_mailbox: everything behind the blanks, not empty, quoting and all. */
enum rc args_user_secret(char *rest, struct args *out) MUST_CHECK;
enum rc args_mailbox(char *rest, struct args *out) MUST_CHECK;
/* args_words: up to two words, the second one as the secret; NULL for one that
 * is not there. */
enum rc args_words(char *rest, struct args *out) MUST_CHECK;
enum rc args_none(char *rest, struct args *out) MUST_CHECK;
enum rc args_msgno(char *rest, struct args *out) MUST_CHECK;
enum rc args_opt_msgno(char *rest, struct args *out) MUST_CHECK;
enum rc args_msgno_lines(char *rest, struct args *out) MUST_CHECK;
enum rc args_name(char *rest, struct args *out) MUST_CHECK;
enum rc args_secret(char *rest, struct args *out) MUST_CHECK;

/* args_unquote - undoes RFC 937's quoting in place: "\" takes the octet behind
 * it as it is. RC_SYNTAX: nothing is behind the last one. */
enum rc args_unquote(char *text) MUST_CHECK;

#endif
