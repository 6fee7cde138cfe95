/* plaintext - where a password may come without TLS. */
#ifndef POP_PLAINTEXT_H
#define POP_PLAINTEXT_H

#include "sys/err.h"

/* plaintext_needs_tls - whether a client at address ("local": none, as through
 * a pipe) must have TLS before it sends a password. rule is "always", which
 * NULL is too, "never", or "local" with networks: "local,192.168.1.0/24".
 * RC_SYNTAX: it is none of them. RFC 5034 section 4. */
enum rc plaintext_needs_tls(
    const char *rule, const char *address, unsigned *out) MUST_CHECK;

#endif
