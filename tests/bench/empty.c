/* empty - the least that a program under a superserver can be, as a baseline.
 *
 *     empty                    ends at once
 *     empty MESSAGES OCTETS [FILE SIZE]
 *                              speaks as much POP3 as load.c needs: +OK to
 *                              every line, and to RETR the same message from
 *                              memory: what the sockets carry at best. At QUIT,
 *                              FILE is cut to SIZE, and on the disk */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 76, OUT_OCTETS = 1 << 18 };

static char out[OUT_OCTETS];
static size_t len;

static void
flush(void)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(1, out + done, len - done);

		if (n <= 0)
			exit(1);
		done += (size_t)n;
	}
	len = 0;
}

static void
put(const char *octets, size_t n)
{
	while (n > 0) {
		size_t part = n < sizeof(out) - len ? n : sizeof(out) - len;

		memcpy(out + len, octets, part);
		len += part;
		octets += part;
		n -= part;
		if (len == sizeof(out))
			flush();
	}
}

/* make - a message of about n octets, all lines of the same length. */
static char *
make(size_t n)
{
	char *m = malloc(n + WIDTH + 2);

	if (m == NULL)
		exit(1);
	for (size_t i = 0; i < n; i++)
		m[i] = (char)(i % WIDTH == WIDTH - 2   ? '\r'
			      : i % WIDTH == WIDTH - 1 ? '\n'
						       : 'x');
	return m;
}

static void
answer(const char *line, const char *message, size_t n, const char *count)
{
	char stat[64];

	if (strncmp(line, "RETR", 4) == 0) {
		put("+OK\r\n", 5);
		put(message, n);
		put(".\r\n", 3);
	} else if (strncmp(line, "STAT", 4) == 0) {
		put(stat, (size_t)snprintf(
			      stat, sizeof(stat), "+OK %s 1\r\n", count));
	} else {
		put("+OK\r\n", 5);
	}
}

/* cut - ftruncate and fsync, and nothing else. */
static void
cut(int fd, const char *size)
{
	if (ftruncate(fd, (off_t)strtoull(size, NULL, 10)) != 0 ||
	    fsync(fd) != 0)
		exit(1);
}

int
main(int argc, char **argv)
{
	static char in[1 << 16];
	size_t have = 0, n;
	char *message;
	int fd = argc > 4 ? open(argv[3], O_RDWR) : -1;
	ssize_t got;

	if (argc < 3)
		return 0;
	n = strtoul(argv[2], NULL, 10) / WIDTH * WIDTH;
	message = make(n);
	put("+OK\r\n", 5);
	flush();
	while ((got = read(0, in + have, sizeof(in) - have)) > 0) {
		char *line = in, *end;

		have += (size_t)got;
		while ((end = memchr(line, '\n', have - (size_t)(line - in))) !=
		       NULL) {
			if (argc > 4 && strncmp(line, "QUIT", 4) == 0)
				cut(fd, argv[4]);
			answer(line, message, n, argv[1]);
			if (strncmp(line, "QUIT", 4) == 0) {
				flush();
				return 0;
			}
			line = end + 1;
		}
		have -= (size_t)(line - in);
		memmove(in, line, have);
		flush();
	}
	return 0;
}
