/* ucspi - the few words of UCSPI-TLS. Knows neither TLS nor POP. */
#include "tls/ucspi.h"
#include "sys/io.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INFORM_MS = 5000 };

enum rc
ucspi_offer(int ctl_fd, int read_fd, int write_fd)
{
	const struct {
		const char *name;
		int fd;
	} all[] = {{"SSLCTLFD", ctl_fd}, {"SSLREADFD", read_fd},
	    {"SSLWRITEFD", write_fd}};
	char text[16];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(text, sizeof(text), "%d", all[i].fd);
		if (setenv(all[i].name, text, 1) != 0)
			return RC_NOMEM;
	}
	return unsetenv("SSL_PROTOCOL") == 0 ? RC_OK : RC_NOMEM;
}

enum rc
ucspi_withdraw(void)
{
	return unsetenv("SSLCTLFD") == 0 && unsetenv("SSLREADFD") == 0 &&
		       unsetenv("SSLWRITEFD") == 0 &&
		       setenv("PROTO", "SSL", 1) == 0
		   ? RC_OK
		   : RC_NOMEM;
}

enum rc
ucspi_await(int ctl_fd, unsigned *wants_info)
{
	char c;
	size_t got;
	enum rc rc = io_read(ctl_fd, &c, 1, INT64_MAX, &got);

	if (rc != RC_OK)
		return rc;
	*wants_info = c == 'Y';
	return c == 'y' || c == 'Y' ? RC_OK : RC_BUG;
}

enum rc
ucspi_inform(int ctl_fd, const char *protocol, const char *cipher)
{
	char text[256];
	int n =
	    snprintf(text, sizeof(text), "SSL_PROTOCOL=%s%cSSL_CIPHER=%s%c%c",
		protocol, '\0', cipher, '\0', '\0');

	if (n < 0 || (size_t)n > sizeof(text))
		return RC_BUG;
	return io_write(ctl_fd, text, (size_t)n, INFORM_MS);
}
