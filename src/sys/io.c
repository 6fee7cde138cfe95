/* io - reads and writes that finish or say why not. Knows no protocol. */
#include "sys/io.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

int64_t
io_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
io_sleep_until(int64_t at_ms)
{
	const struct timespec at = {.tv_sec = (time_t)(at_ms / 1000),
	    .tv_nsec = (long)(at_ms % 1000) * 1000000};

	while (
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

/* wait_for - until one of events, or a failure of fd, is there. */
static enum rc
wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline_ms - io_now_ms();
		int n;

		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0 && (p.revents & POLLNVAL) != 0) {
			errno = EBADF;
			return RC_IO;
		}
		if (n > 0)
			return RC_OK;
		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (io_now_ms() >= deadline_ms)
			return RC_TIMEOUT;
	}
}

void
io_pause(unsigned ms)
{
	(void)poll(NULL, 0, (int)ms);
}

enum rc
io_wait(int fd, int64_t deadline_ms)
{
	return wait_for(fd, POLLIN, deadline_ms);
}

enum rc
io_read(int fd, void *to, size_t size, int64_t deadline_ms, size_t *got)
{
	for (;;) {
		enum rc rc =
		    deadline_ms == IO_READY ? RC_OK : io_wait(fd, deadline_ms);
		ssize_t n;

		if (rc != RC_OK)
			return rc;
		n = read(fd, to, size);
		if (n > 0) {
			*got = (size_t)n;
			return RC_OK;
		}
		if (n == 0 || errno == ECONNRESET || errno == ETIMEDOUT)
			return RC_EOF;
		if (errno == EAGAIN && deadline_ms == IO_READY)
			return RC_TIMEOUT;
		if (errno != EINTR && errno != EAGAIN)
			return RC_IO;
	}
}

unsigned
io_can_write(int fd)
{
	return wait_for(fd, POLLOUT, io_now_ms()) == RC_OK;
}

enum rc
io_write(int fd, const void *from, size_t n, unsigned stall_ms)
{
	return io_write_until(fd, from, n, stall_ms, INT64_MAX);
}

enum rc
io_write_until(
    int fd, const void *from, size_t n, unsigned stall_ms, int64_t deadline_ms)
{
	const char *p = from;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w >= 0) {
			p += w;
			n -= (size_t)w;
			if (n > 0 && deadline_ms < INT64_MAX &&
			    io_now_ms() >= deadline_ms)
				return RC_TIMEOUT;
		} else if (errno == EAGAIN) {
			int64_t until = io_now_ms() + stall_ms;
			enum rc rc = wait_for(fd, POLLOUT,
			    until < deadline_ms ? until : deadline_ms);

			if (rc != RC_OK)
				return rc;
		} else if (errno == EPIPE || errno == ECONNRESET ||
			   errno == ETIMEDOUT) {
			return RC_EOF;
		} else if (errno != EINTR) {
			return RC_IO;
		}
	}
	return RC_OK;
}

enum rc
io_pread(int fd, void *to, size_t size, off_t at, size_t *got)
{
	char *p = to;
	size_t have = 0;

	while (have < size) {
		ssize_t n = pread(fd, p + have, size - have, at + (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RC_IO;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return RC_OK;
}

enum rc
io_pwrite(int fd, const void *from, size_t n, off_t at)
{
	const char *p = from;

	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return RC_IO;
		if (w == 0) {
			errno = EIO;
			return RC_IO;
		}
		p += w;
		n -= (size_t)w;
		at += w;
	}
	return RC_OK;
}
