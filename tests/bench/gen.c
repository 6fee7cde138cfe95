/* gen - writes an mbox for the benchmarks: the same arguments give the same
 * octets on every machine.
 *
 *     gen [-n messages] [-t octets] [-a average] [-s seed] [-A] FILE
 *
 * Stops at whichever limit is reached first. -A appends to what is there, with
 * messages that are not in it yet. Small messages are plain text, large ones
 * carry a part in base64; some lines begin with a dot, or with "From ", quoted
 * and not. The text is cut out of two pools made beforehand, so a GB takes
 * about as long as writing it. */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	POOL_OCTETS = 1 << 18,
	OUT_OCTETS = 1 << 20,
	TEXT_WIDTH = 70,
	BASE64_WIDTH = 76,
	AVERAGE_OCTETS = 10000,
	HEADER_OCTETS = 4096,
	HEADER_ABOUT = 1100,     /* what they come to */
	FIRST_DAY_S = 1577836800 /* of 2020 */
};

struct pool {
	char data[POOL_OCTETS + 1]; /* whole lines */
	size_t len;
};

struct out {
	int fd;
	size_t len;
	uint64_t written;
	char data[OUT_OCTETS];
};

static struct pool text, base64;
static struct out out;

/* next - splitmix64: the next number of a sequence. */
static uint64_t
next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
below(uint64_t *state, uint64_t limit)
{
	return next(state) % limit;
}

static void
flush(void)
{
	for (size_t done = 0; done < out.len;) {
		ssize_t n = write(out.fd, out.data + done, out.len - done);

		if (n < 0)
			err(1, "write");
		done += (size_t)n;
	}
	out.written += out.len;
	out.len = 0;
}

static void
put(const char *octets, size_t n)
{
	while (n > 0) {
		size_t room = sizeof(out.data) - out.len;
		size_t part = n < room ? n : room;

		memcpy(out.data + out.len, octets, part);
		out.len += part;
		octets += part;
		n -= part;
		if (out.len == sizeof(out.data))
			flush();
	}
}

/* add - a line of the pool; 0 when it is full. */
static int
add(struct pool *p, const char *line)
{
	size_t n = strlen(line);

	if (p->len + n + 1 > POOL_OCTETS)
		return 0;
	memcpy(p->data + p->len, line, n);
	p->len += n;
	p->data[p->len++] = '\n';
	return 1;
}

static void
make_text(uint64_t *state)
{
	/* A "From " behind a blank line would be quoted by who delivers. */
	static const char *const words[] = {"the", "maildrop", "was", "read",
	    "again", "by", "a", "client", "that", "asks", "every", "five",
	    "minutes", "and", "from", "there", "it", "goes", "on.", "Octets",
	    "lines,", "nothing", "lost", "to", "whom", "concern", "of"};
	static const char *const odd[] = {".", ".hidden", "..", ">From here on",
	    "so it comes\nFrom the beginning", ">>From me", "", "-- ",
	    "\tindented"};
	char line[2 * TEXT_WIDTH];

	do {
		line[0] = '\0';
		if (below(state, 20) == 0) {
			size_t i = below(state, sizeof(odd) / sizeof(odd[0]));

			stpcpy(line, odd[i]);
			continue;
		}
		for (size_t n = 0; n < TEXT_WIDTH - 10; n = strlen(line)) {
			size_t i =
			    below(state, sizeof(words) / sizeof(words[0]));

			snprintf(line + n, sizeof(line) - n, "%s%s",
			    n > 0 ? " " : "", words[i]);
		}
	} while (add(&text, line));
}

static void
make_base64(uint64_t *state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char line[BASE64_WIDTH + 1] = "";

	do {
		for (size_t i = 0; i < BASE64_WIDTH; i++)
			line[i] = digits[below(state, 64)];
	} while (add(&base64, line));
}

/* put_lines - about n octets of the pool, from any line on. */
static void
put_lines(const struct pool *p, uint64_t *state, uint64_t n)
{
	const char *from = p->data + below(state, p->len / 2);

	do
		from = strchr(from, '\n') + 1;
	while (memcmp(from, "From ", 5) == 0);
	while (n > 0) {
		size_t left = p->len - (size_t)(from - p->data);
		size_t part = n < left ? (size_t)n : left;
		const char *end = memchr(from + part - 1, '\n', left);

		part = end == NULL ? left : (size_t)(end - from) + 1;
		put(from, part);
		n -= part < n ? part : n;
		from = p->data;
	}
}

/* size_of - a body's octets: most are small, a few are very large. */
static uint64_t
size_of(uint64_t *state, uint64_t average)
{
	uint64_t kind = below(state, 100);

	if (kind < 70)
		return average * (10 + below(state, 40)) / 100;
	if (kind < 95)
		return average * (50 + below(state, 150)) / 100;
	return average * (200 + below(state, 1500)) / 100;
}

static void
put_header(uint64_t *state, uint64_t number, uint64_t size, int mime)
{
	time_t at = (time_t)(FIRST_DAY_S + number * 61);
	char date[64], from[64], h[HEADER_OCTETS];
	unsigned who = (unsigned)below(state, 5000);
	struct tm tm;
	int n;

	gmtime_r(&at, &tm);
	strftime(from, sizeof(from), "%a %b %e %H:%M:%S %Y", &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	n = snprintf(
	    h, sizeof(h), "From sender%u@example.net  %s\n", who, from);
	for (unsigned hop = 3; hop > 0; hop--)
		n += snprintf(h + n, sizeof(h) - (size_t)n,
		    "Received: from relay%u.example.net "
		    "(relay%u.example.net [192.0.2.%u])\n"
		    "\tby mx%u.example.org (Postfix) with ESMTPS id %010llX\n"
		    "\tfor <user@example.org>; %s (UTC)\n",
		    hop, hop, who % 250, hop,
		    (unsigned long long)(next(state) >> 24), date);
	n += snprintf(h + n, sizeof(h) - (size_t)n,
	    "Return-Path: <sender%u@example.net>\n"
	    "Message-ID: <%llu.%016llx@example.net>\n"
	    "Date: %s\n"
	    "From: Sender Number %u <sender%u@example.net>\n"
	    "To: user@example.org\n"
	    "Subject: Message %llu of %llu octets\n"
	    "MIME-Version: 1.0\n",
	    who, (unsigned long long)number, (unsigned long long)next(state),
	    date, who, who, (unsigned long long)number,
	    (unsigned long long)size);
	n += snprintf(h + n, sizeof(h) - (size_t)n,
	    mime ? "Content-Type: multipart/mixed; boundary=\"=_part\"\n"
		 : "Content-Type: text/plain; charset=us-ascii\n");
	n += snprintf(h + n, sizeof(h) - (size_t)n, "Status: RO\n\n");
	put(h, (size_t)n);
}

static void
put_message(uint64_t seed, uint64_t number, uint64_t average)
{
	static const char first[] = "--=_part\nContent-Type: text/plain\n\n";
	static const char second[] =
	    "\n--=_part\nContent-Type: application/octet-stream\n"
	    "Content-Transfer-Encoding: base64\n\n";
	static const char last[] = "\n--=_part--\n\n";
	uint64_t state = seed ^ number * UINT64_C(0xd1342543de82ef95);
	uint64_t size = size_of(&state, average);
	int mime = size > average;

	put_header(&state, number, size, mime);
	if (!mime) {
		put_lines(&text, &state, size);
		put("\n", 1);
		return;
	}
	put(first, sizeof(first) - 1);
	put_lines(&text, &state, size / 8);
	put(second, sizeof(second) - 1);
	put_lines(&base64, &state, size - size / 8);
	put(last, sizeof(last) - 1);
}

int
main(int argc, char **argv)
{
	uint64_t messages = UINT64_MAX, total = UINT64_MAX, seed = 1;
	uint64_t average = AVERAGE_OCTETS, state, first = 0;
	int c, append = 0;
	struct stat st;

	while ((c = getopt(argc, argv, "n:t:a:s:A")) != -1) {
		switch (c) {
		case 'n':
			messages = strtoull(optarg, NULL, 10);
			break;
		case 't':
			total = strtoull(optarg, NULL, 10);
			break;
		case 'a':
			average = strtoull(optarg, NULL, 10);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 10);
			break;
		case 'A':
			append = 1;
			break;
		default:
			return 64;
		}
	}
	if (optind + 1 != argc || (messages & total) == UINT64_MAX)
		errx(64, "usage: gen [-n messages] [-t octets] [-a average] "
			 "[-s seed] [-A] FILE");
	state = seed;
	make_text(&state);
	make_base64(&state);
	out.fd = open(argv[optind],
	    O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0600);
	if (out.fd < 0 || fstat(out.fd, &st) != 0)
		err(1, "%s", argv[optind]);
	if (append)
		first = (uint64_t)st.st_size / 64 + 1;
	for (uint64_t n = 0; n < messages && out.written + out.len < total; n++)
		put_message(seed, first + n,
		    average > 2 * HEADER_ABOUT ? average - HEADER_ABOUT
					       : average / 2);
	flush();
	return close(out.fd) == 0 ? 0 : 1;
}
