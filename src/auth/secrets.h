/* secrets - what mail programs know in place of a person's password: one for
 * each device, in a file that only root reads. */
#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

#include "sys/err.h"

enum { STAMP_OCTETS = 127 }; /* of a greeting's timestamp, without its NUL */

struct secrets {
	int fd; /* open on lines of name:label:secret, "#" for remarks */
	char stamp[STAMP_OCTETS + 1]; /* "<...@host>", as greeted with */
};

/* secrets_know - whether one of user's secrets is claim; or, when digest is 1,
 * whether the MD5 of the timestamp and one of them is claim, in lower-case hex.
 * A line that is malformed, or longer than auth.h's PASSWD_LINE_OCTETS, or has
 * an empty label or secret, is none. The time does not tell how much of a claim
 * was right. RC_DENIED: he has some, and claim is none of them; RC_NOSUCH: he
 * has none; RC_IO with errno. RFC 1939 section 7, APOP. */
enum rc secrets_know(const struct secrets *s, const char *user,
    const char *claim, unsigned digest) MUST_CHECK;

#endif
