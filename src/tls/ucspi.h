/* ucspi - the server's side of UCSPI-TLS: what the program behind us is told,
 * and what it says. priv/starttls.h is the other side. */
#ifndef TLS_UCSPI_H
#define TLS_UCSPI_H

#include "sys/err.h"
#include <stddef.h>

/* ucspi_offer - puts the descriptors' numbers into the environment, for the
 * program. RC_NOMEM. */
enum rc ucspi_offer(int ctl_fd, int read_fd, int write_fd) MUST_CHECK;

/* ucspi_withdraw - takes them away, and says that all of the connection is TLS.
 * RC_NOMEM. */
enum rc ucspi_withdraw(void) MUST_CHECK;

/* ucspi_await - waits until the program wants TLS. *wants_info: and to hear
 * what was negotiated. RC_EOF: it will not; RC_BUG: it said something else;
 * RC_IO with errno. */
enum rc ucspi_await(int ctl_fd, unsigned *wants_info) MUST_CHECK;

/* ucspi_inform - tells it. RC_EOF, RC_IO: it is not there any more. */
enum rc ucspi_inform(
    int ctl_fd, const char *protocol, const char *cipher) MUST_CHECK;

#endif
