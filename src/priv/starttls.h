/* starttls - TLS in the middle of a connection, spoken by the program that
 * started us: in.popd-tls, or any other server of UCSPI-TLS. It holds the key
 * and waits at a control descriptor; told to, it takes over the connection, and
 * what it deciphers is read from one descriptor, what it shall encipher is
 * written to another. */
#ifndef PRIV_STARTTLS_H
#define PRIV_STARTTLS_H

#include "sys/err.h"

enum { STARTTLS_FDS = 3 };

struct starttls {
	int ctl_fd, read_fd, write_fd;
};

/* starttls_take - whether the environment (SSLCTLFD, SSLREADFD, SSLWRITEFD)
 * names three open descriptors above 2. Then they are copied to first and the
 * two behind it, whatever was there, closed on exec, the last one so that it
 * does not block; the ones named are left to the caller to close. */
unsigned starttls_take(struct starttls *t, int first);

/* starttls_is_on - whether the environment says that the whole connection is
 * TLS: PROTO is SSL (UCSPI-SSL), or there is an SSL_PROTOCOL. */
unsigned starttls_is_on(void);

/* starttls_begin - hands the connection over, and closes our descriptors of
 * it, in_fd and out_fd, and the control descriptor. RC_EOF: nobody takes it;
 * RC_TIMEOUT, RC_IO: likewise. The connection is of no use then. */
enum rc starttls_begin(
    const struct starttls *t, int in_fd, int out_fd) MUST_CHECK;

/* starttls_close - what starttls_take took. */
void starttls_close(const struct starttls *t);

#endif
