/* uid - a message's digest, one octet after the other, so that it does not
 * matter how the header falls into blocks. Line ends count as LF whatever they
 * are, so a spool that changes its line ends keeps its ids. Knows no file. */
#include "store/uid.h"
#include <string.h>
#include <strings.h>

void
uid_init(struct uid_hash *h)
{
	digest_init(&h->digest);
	h->octets = 0;
	h->name_len = 0;
	h->at_bol = 1;
	h->naming = 0;
	h->skipping = 0;
	h->cr = 0;
	h->ended = 0;
}

/* is_left_out - whether mail readers change this field as they like. */
static unsigned
is_left_out(const char *name, size_t n)
{
	static const char *const fields[] = {"Status", "X-Status", "X-Keywords",
	    "X-UID", "X-IMAPbase", "Content-Length", "Lines"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (n == strlen(fields[i]) &&
		    strncasecmp(name, fields[i], n) == 0)
			return 1;
	}
	return 0;
}

/* named - the line's name is complete or too long to be one of ours. */
static void
named(struct uid_hash *h, unsigned is_field)
{
	h->naming = 0;
	h->skipping = is_field && is_left_out(h->name, h->name_len) ? 1 : 0;
	if (!h->skipping)
		digest_add(&h->digest, h->name, h->name_len);
	h->name_len = 0;
}

/* text - an octet within a line. */
static void
text(struct uid_hash *h, char c)
{
	if (h->at_bol) {
		h->at_bol = 0;
		h->naming = c != ' ' && c != '\t';
	}
	if (h->naming && (c == ':' || h->name_len == sizeof(h->name)))
		named(h, c == ':');
	if (h->naming)
		h->name[h->name_len++] = c;
	else if (!h->skipping)
		digest_add(&h->digest, &c, 1);
}

/* line_end - a LF, with the CR before it if there was one. */
static void
line_end(struct uid_hash *h)
{
	h->octets += 2;
	if (h->at_bol) {
		h->ended = 1;
		return;
	}
	if (h->naming)
		named(h, 0);
	if (!h->skipping)
		digest_add(&h->digest, "\n", 1);
	h->at_bol = 1;
}

/* octet - one, wherever in a line it stands. */
static void
octet(struct uid_hash *h, char c)
{
	if (c == '\n') {
		h->cr = 0;
		line_end(h);
		return;
	}
	if (h->cr) {
		h->octets++;
		text(h, '\r');
	}
	h->cr = c == '\r';
	if (!h->cr) {
		h->octets++;
		text(h, c);
	}
}

/* is_plain - whether the n octets are a line from its first octet to its LF,
 * with no CR, not empty, and no field that is left out. Nearly all are, and
 * they go into the digest as they are. */
static unsigned
is_plain(const struct uid_hash *h, const char *line, size_t n)
{
	size_t name = n < UID_NAME_OCTETS ? n : UID_NAME_OCTETS;
	const char *colon;

	if (h->cr || n < 2 || memchr(line, '\r', n) != NULL)
		return 0;
	if (line[0] == ' ' || line[0] == '\t')
		return !h->skipping;
	colon = memchr(line, ':', name);
	return colon == NULL || !is_left_out(line, (size_t)(colon - line));
}

/* plain_lines - how many of the n octets are plain lines, from the first on. */
static size_t
plain_lines(struct uid_hash *h, const char *octets, size_t n)
{
	size_t taken = 0;

	while (taken < n) {
		const char *line = octets + taken;
		const char *lf = memchr(line, '\n', n - taken);
		size_t size = lf != NULL ? (size_t)(lf - line) + 1 : 0;

		if (size == 0 || !is_plain(h, line, size))
			break;
		h->skipping = 0;
		h->octets += size + 1; /* its end as CRLF */
		taken += size;
	}
	return taken;
}

unsigned
uid_add(struct uid_hash *h, const char *octets, size_t n)
{
	const char *end = octets + n;

	while (octets < end && !h->ended) {
		size_t plain = 0;

		if (h->at_bol)
			plain = plain_lines(h, octets, (size_t)(end - octets));
		digest_add(&h->digest, octets, plain);
		octets += plain;
		if (octets < end)
			octet(h, *octets++);
	}
	return h->ended;
}

void
uid_end(struct uid_hash *h, uint64_t octets, unsigned char id[UID_OCTETS])
{
	unsigned char sum[DIGEST_OCTETS], count[8];
	uint64_t body = h->ended ? octets - h->octets : 0;

	if (!h->ended && (!h->at_bol || h->cr))
		line_end(h);
	for (size_t i = 0; i < sizeof(count); i++)
		count[i] = (unsigned char)(body >> (8 * i));
	digest_add(&h->digest, count, sizeof(count));
	digest_end(&h->digest, sum);
	memcpy(id, sum, UID_OCTETS);
}

void
uid_copy(const unsigned char base[UID_OCTETS], uint32_t ordinal,
    unsigned char id[UID_OCTETS])
{
	unsigned char sum[DIGEST_OCTETS], count[4];
	struct digest d;

	for (size_t i = 0; i < sizeof(count); i++)
		count[i] = (unsigned char)(ordinal >> (8 * i));
	digest_init(&d);
	digest_add(&d, base, UID_OCTETS);
	digest_add(&d, count, sizeof(count));
	digest_end(&d, sum);
	memcpy(id, sum, UID_OCTETS);
}
