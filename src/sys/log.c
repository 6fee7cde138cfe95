/* log - syslog, and descriptor 2 when the invoker asked for it. Knows no
 * protocol; the caller quotes foreign text with log_quote.
 *
 * Not syslog(3), which for a time of day that every log daemon puts in itself
 * reads the time zone's file, and connects anew for each line where nobody
 * listens. */
#include "sys/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

static const struct sockaddr_un daemon_at = {
    .sun_family = AF_UNIX, .sun_path = _PATH_LOG};

/* Writable globals, of the few: where the log goes (log_at is NULL: only where
 * log_fd is connected to), whose it is, and whether descriptor 2 is wanted. */
static int log_fd = -1;
static unsigned log_connected;
static const struct sockaddr_un *log_at = &daemon_at;
static long log_pid;
static const char *log_name = "in.popd";
static unsigned log_to_stderr;

void
log_open(unsigned to_stderr)
{
	log_to_stderr = to_stderr;
	log_pid = getpid();
	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* now, since a chroot and a filter may follow */
	log_connected = connect(log_fd, (const struct sockaddr *)&daemon_at,
			    sizeof(daemon_at)) == 0;
}

void
log_shut_in(void)
{
	log_at = NULL;
}

void
log_open_as(const char *name, unsigned to_stderr)
{
	log_name = name;
	log_open(to_stderr);
	log_shut_in();
}

/* send_line - to the log daemon, if there is one. */
static void
send_line(int priority, const char *line)
{
	char text[LOG_LINE_OCTETS + 64];
	int n = snprintf(text, sizeof(text), "<%d>%s[%ld]: %s",
	    LOG_MAIL | priority, log_name, log_pid, line);

	if (log_fd < 0 || n < 0 || (size_t)n >= sizeof(text) ||
	    (log_connected && send(log_fd, text, (size_t)n, MSG_NOSIGNAL) == n))
		return;
	/* one that was started since */
	if (log_at != NULL &&
	    sendto(log_fd, text, (size_t)n, MSG_NOSIGNAL,
		(const struct sockaddr *)log_at, sizeof(*log_at)) != n)
		return; /* nobody listens */
}

/* send_to_stderr - with one system call, which every process may make. */
static void
send_to_stderr(const char *line)
{
	char text[LOG_LINE_OCTETS + 16];
	int n = snprintf(text, sizeof(text), "in.popd: %s\n", line);

	if (n < 0 || write(2, text, (size_t)n) != n)
		return;
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
	send_line(priority, line);
	if (log_to_stderr)
		send_to_stderr(line);
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
