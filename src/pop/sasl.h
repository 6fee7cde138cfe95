/* sasl - AUTH: mechanisms, and the exchange of each. RFC 5034, RFC 4422. */
#ifndef POP_SASL_H
#define POP_SASL_H

#include "pop/session.h"

enum {
	/* The longest response that a mechanism here can need: two names and a
	 * secret of PLAIN, in base64, with CRLF. RFC 5034 section 4. */
	SASL_LINE_OCTETS = (3 * SESSION_USER_OCTETS + 2) / 3 * 4 + 2
};

/* sasl_names - those that a client may use over the connection as it is, with a
 * blank between them; "" when there is none. Static storage. */
const char *sasl_names(const struct session *s);

/* sasl_login - runs the exchange of the mechanism of that name, in any case.
 * first is the initial response as it came, which is wiped, or NULL. As
 * session_login; and RC_PLAINTEXT, RC_NOSUCH: the mechanism may not be used as
 * yet, or is none of ours; RC_SYNTAX, RC_TOOLONG: a response that is not base64
 * or not of the mechanism's form; RC_CANCELLED: by the client. When s->out is
 * broken the client is gone. */
enum rc sasl_login(struct session *s, const char *name, char *first) MUST_CHECK;

#endif
