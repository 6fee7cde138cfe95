/* preface - what a proxy says before its client does: who that is. */
#ifndef POP_PREFACE_H
#define POP_PREFACE_H

#include "pop/session.h"

/* preface_read - reads the header of the PROXY protocol, which must be there
 * within PREFACE_MS, and tells the broker what is in it; what the client said
 * behind it stays to be read. Anything but RC_OK: there is none, and the
 * connection must end without a word; it is logged, unless the proxy came and
 * went and said nothing, as health checks do. RC_EOF, RC_TIMEOUT, RC_IO, and
 * as proxy_parse. */
enum { PREFACE_MS = 5000 };
enum rc preface_read(struct session *s) MUST_CHECK;

#endif
