/* starttls - the client's side of UCSPI-TLS. Knows no TLS and no POP. */
#include "priv/starttls.h"
#include "sys/io.h"
#include "sys/num.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HAND_OVER_MS = 5000 };

/* named - the open descriptor whose number the variable holds, or -1. */
static int
named(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t fd;

	if (text == NULL || num_parse(text, INT_MAX, &fd) != RC_OK || fd <= 2 ||
	    fcntl((int)fd, F_GETFD) < 0)
		return -1;
	return (int)fd;
}

unsigned
starttls_take(struct starttls *t, int first)
{
	static const char *const variables[STARTTLS_FDS] = {
	    "SSLCTLFD", "SSLREADFD", "SSLWRITEFD"};
	int copy[STARTTLS_FDS], flags;
	unsigned good = 1;

	/* By way of numbers above: one may be where another shall go. */
	for (int i = 0; i < STARTTLS_FDS; i++) {
		int fd = named(variables[i]);

		copy[i] =
		    fd < 0 ? -1
			   : fcntl(fd, F_DUPFD_CLOEXEC, first + STARTTLS_FDS);
		good = good && copy[i] >= 0;
	}
	for (int i = 0; i < STARTTLS_FDS; i++) {
		good = good && dup3(copy[i], first + i, O_CLOEXEC) >= 0;
		if (copy[i] >= 0)
			close(copy[i]);
	}
	if (!good)
		return 0;
	*t = (struct starttls){first, first + 1, first + 2};
	flags = fcntl(t->write_fd, F_GETFL);
	return flags >= 0 &&
	       fcntl(t->write_fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

unsigned
starttls_is_on(void)
{
	const char *proto = getenv("PROTO"), *version = getenv("SSL_PROTOCOL");

	return (proto != NULL && strncmp(proto, "SSL", 3) == 0) ||
	       (version != NULL && version[0] != '\0');
}

enum rc
starttls_begin(const struct starttls *t, int in_fd, int out_fd)
{
	enum rc rc = io_write(t->ctl_fd, "y", 1, HAND_OVER_MS);

	close(in_fd);
	if (out_fd != in_fd)
		close(out_fd);
	close(t->ctl_fd);
	return rc;
}

void
starttls_close(const struct starttls *t)
{
	close(t->ctl_fd);
	close(t->read_fd);
	close(t->write_fd);
}
