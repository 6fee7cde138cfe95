/* client - POP3 as fast as the sockets go, so that the server is what is
 * measured. Replies are looked through for their ends and nothing else. */
#include "bench.h"
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STEP = 128 };

double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void
client_init(struct client *c, int fd)
{
	c->fd = fd;
	c->pos = c->end = 0;
	c->octets = 0;
	c->quick = 0;
}

/* fill - more octets behind those that are there; 0 at the end. */
static size_t
fill(struct client *c)
{
	const int on = 1;
	ssize_t n;

	if (c->pos == c->end)
		c->pos = c->end = 0;
	if (c->end == sizeof(c->data)) {
		memmove(c->data, c->data + c->pos, c->end - c->pos);
		c->end -= c->pos;
		c->pos = 0;
	}
	do
		n = read(c->fd, c->data + c->end, sizeof(c->data) - c->end);
	while (n < 0 && errno == EINTR);
	if (c->quick)
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	if (n < 0 && errno != ECONNRESET)
		err(1, "read");
	n = n < 0 ? 0 : n;
	c->end += (size_t)n;
	c->octets += (uint64_t)n;
	return (size_t)n;
}

const char *
client_line(struct client *c)
{
	char *lf, *line;

	while ((lf = memchr(c->data + c->pos, '\n', c->end - c->pos)) == NULL) {
		if (fill(c) == 0)
			errx(1, "the server has closed the connection");
	}
	line = c->data + c->pos;
	c->pos = (size_t)(lf - c->data) + 1;
	lf[lf > line && lf[-1] == '\r' ? -1 : 0] = '\0';
	return line;
}

static void __attribute__((format(printf, 2, 0)))
send_line(struct client *c, const char *fmt, va_list ap)
{
	char line[REPLY_TEXT_OCTETS];
	int n = vsnprintf(line, sizeof(line) - 2, fmt, ap);

	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		errx(1, "command too long");
	line[n] = '\r';
	line[n + 1] = '\n';
	if (send(c->fd, line, (size_t)n + 2, MSG_NOSIGNAL) != n + 2)
		err(1, "send");
}

const char *
client_ok(struct client *c, const char *fmt, ...)
{
	const char *reply;
	va_list ap;

	va_start(ap, fmt);
	send_line(c, fmt, ap);
	va_end(ap);
	reply = client_line(c);
	if (strncmp(reply, "+OK", 3) != 0)
		errx(1, "%s: %s", fmt, reply);
	return reply;
}

/* ends - how many of the n octets at p begin a body's end, as "\n.\r": byte-
 * stuffing leaves no other line that begins like it. Two octets behind them
 * can be read. The inner loop is for vector code. */
static uint64_t __attribute__((target_clones("avx2", "default")))
ends(const char *p, size_t n)
{
	uint64_t total = 0;

	for (; n >= STEP; n -= STEP, p += STEP) {
		unsigned char any = 0;

		for (size_t i = 0; i < STEP; i++)
			any = (unsigned char)(any + ((p[i] == '\n') &
							(p[i + 1] == '.') &
							(p[i + 2] == '\r')));
		total += any;
	}
	for (size_t i = 0; i < n; i++)
		total +=
		    (p[i] == '\n') & (p[i + 1] == '.') & (p[i + 2] == '\r');
	return total;
}

void
client_bodies(struct client *c, const char *commands, size_t n, uint64_t bodies)
{
	uint64_t found = 0;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		size_t have = c->end - c->pos;

		if (have > 2) {
			found += ends(c->data + c->pos, have - 2);
			c->pos = c->end - 2;
		}
		/* The LF behind the last end has come with its CR, or it is
		 * on its way: fetch it, and leave nothing. */
		if (found == bodies) {
			while (c->data[c->end - 1] != '\n' && fill(c) > 0)
				;
			c->pos = c->end;
			return;
		}
		if (n > 0) {
			ssize_t sent = send(
			    c->fd, commands, n, MSG_DONTWAIT | MSG_NOSIGNAL);

			if (sent > 0) {
				commands += sent;
				n -= (size_t)sent;
			} else if (errno != EAGAIN) {
				err(1, "send");
			}
			p.events |= n > 0 ? POLLOUT : 0;
			if (poll(&p, 1, -1) < 0)
				err(1, "poll");
			if ((p.revents & POLLIN) == 0)
				continue;
		}
		if (fill(c) == 0)
			errx(1, "the server has closed the connection");
	}
}

void
client_close(struct client *c)
{
	do
		c->pos = c->end;
	while (fill(c) > 0);
	close(c->fd);
}
