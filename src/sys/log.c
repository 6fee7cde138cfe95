/* log - syslog, and descriptor 2 when the invoker asked for it. Knows no
 * protocol; the caller quotes foreign text with log_quote. */
#include "sys/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* One of the few writable globals: whether descriptor 2 is wanted. */
static unsigned log_to_stderr;

void
log_open(const char *ident, unsigned to_stderr)
{
	log_to_stderr = to_stderr;
	openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_event(int priority, const char *fmt, ...)
{
	char line[LOG_LINE_OCTETS + 1];
	int was = errno, n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		memcpy(line, "?", 2);
	else if ((size_t)n >= sizeof(line))
		memcpy(line + sizeof(line) - 4, "...", 4);
	syslog(priority, "%s", line);
	if (log_to_stderr)
		dprintf(2, "in.popd: %s\n", line);
	errno = was;
}

const char *
log_quote(char *out, size_t size, const char *text, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	out[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

		if (at + (plain ? 1 : 4) + 2 > size)
			break;
		if (plain) {
			out[at++] = (char)c;
		} else {
			out[at++] = '\\';
			out[at++] = 'x';
			out[at++] = hex[c >> 4];
			out[at++] = hex[c & 15];
		}
	}
	out[at++] = '"';
	out[at] = '\0';
	return out;
}

const char *
log_why(enum rc rc)
{
	return rc == RC_IO ? strerror(errno) : rc_name(rc);
}
