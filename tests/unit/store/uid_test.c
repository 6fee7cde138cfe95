/* uid_test - unique-ids: what changes them, what does not, and that the pieces
 * in which a header comes do not matter. */
#include "spool.h"
#include "store/uid.h"

struct id {
	unsigned char octets[UID_OCTETS];
};

/* sent - octets of a stored message as sent: a LF alone counts as CRLF, a
 * missing last line end is added. */
static uint64_t
sent(const char *text, size_t n)
{
	uint64_t octets = n;

	for (size_t i = 0; i < n; i++)
		octets += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
	if (n > 0 && text[n - 1] != '\n')
		octets += text[n - 1] == '\r' ? 1 : 2;
	return octets;
}

/* id_of - the id of a message that comes in two pieces. */
static struct id
id_of(const char *message, size_t n, size_t split)
{
	struct uid_hash h;
	struct id id;

	uid_init(&h);
	if (!uid_add(&h, message, split))
		(void)uid_add(&h, message + split, n - split);
	uid_end(&h, sent(message, n), id.octets);
	return id;
}

static struct id
id_of_text(const char *message)
{
	return id_of(message, strlen(message), strlen(message));
}

static unsigned
same(struct id a, struct id b)
{
	return memcmp(a.octets, b.octets, UID_OCTETS) == 0;
}

#define SAME(a, b) assert_true(same(id_of_text(a), id_of_text(b)))
#define DIFFER(a, b) assert_false(same(id_of_text(a), id_of_text(b)))

/* with_crlf - message with every LF as CRLF, in static storage. */
static const char *
with_crlf(const char *message)
{
	static char out[8192];
	size_t n = 0;

	for (; *message != '\0'; message++) {
		assert_true(n < sizeof(out) - 3);
		if (*message == '\n')
			out[n++] = '\r';
		out[n++] = *message;
	}
	out[n] = '\0';
	return out;
}

static const char *const messages[] = {
    "",
    "\n",
    "\n\n",
    "\nbody\n",
    "A: b\n\nbody\n",
    "A: b\nStatus: RO\n\nbody\n",
    "A: b\nX-Keywords: a\n\tb\n c\nLines: 4\nB: c\n d\n\nbody\n\nmore\n",
    "a header that has no end\n",
    "a header and its last line have no end",
    "A: b\nStatus: a skipped field at the end",
    "Status",
    "Status\n",
    " continuation first\nA: b\n\nbody\n",
    "no colon\nStatus no colon\nsixteen-octets-a: b\nseventeen-octets-:c\n\n",
    ":\n: :\n::\n\nbody\n",
    "A: bare\rCR\r\rhere\r",
};

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static void
split_anywhere(void **state)
{
	(void)state;
	for (size_t m = 0; m < MESSAGES; m++) {
		size_t n = strlen(messages[m]);

		for (size_t i = 0; i <= n; i++)
			assert_true(same(
			    id_of(messages[m], n, i), id_of_text(messages[m])));
		n = strlen(with_crlf(messages[m]));
		for (size_t i = 0; i <= n; i++)
			assert_true(same(id_of(with_crlf(messages[m]), n, i),
			    id_of_text(messages[m])));
	}
}

static void
octet_by_octet(void **state)
{
	(void)state;
	for (size_t m = 0; m < MESSAGES; m++) {
		const char *p = with_crlf(messages[m]);
		size_t n = strlen(p);
		struct uid_hash h;
		struct id id;

		uid_init(&h);
		for (size_t i = 0; i < n; i++) {
			if (uid_add(&h, p + i, 1))
				break;
		}
		uid_end(&h, sent(p, n), id.octets);
		assert_true(same(id, id_of_text(messages[m])));
	}
}

/* header - text that is much like a header, by dice. */
static size_t
header(uint64_t *seed, char *to, size_t size)
{
	static const char *const words[] = {"Status:", "X-Status: RO", "Lines",
	    "status :", "Content-Length: 17", "Content-Lengthwise: 5",
	    "Subject: text", "X-UID",
	    "X-Keywords:", "Sixteen-octets-x:", "Fifteen-octets-",
	    "X-IMAPbase: 1 2", ":", " ", "\t", "\n", "\n", "\n", "\n", "\n ",
	    "\n\t", "\r\n", "\r", "\n\r", "x", "\r\r\n",
	    "Received: from here by there with something", "\n\n", "\377"};
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	size_t n = 0;

	for (uint32_t k = dice(seed, 30); k > 0; k--) {
		const char *word = words[dice(seed, WORDS)];
		size_t len = strlen(word);

		/* a blank line ends it all, so there are few */
		if (len == 2 && word[1] == '\n' && dice(seed, 4) > 0)
			continue;
		if (n + len >= size)
			break;
		memcpy(to + n, word, len);
		n += len;
		if (dice(seed, 40) == 0)
			to[n++] = '\0';
	}
	return n;
}

/* pieces - the id of a message that comes in pieces of 1 to most octets. Whole
 * lines may be hashed as they are; single octets never are. */
static struct id
pieces(uint64_t *seed, const char *message, size_t n, uint32_t most)
{
	struct uid_hash h;
	struct id id;
	unsigned ended = 0;
	size_t at = 0;

	uid_init(&h);
	while (at < n && !ended) {
		size_t part = 1 + dice(seed, most);

		if (part > n - at)
			part = n - at;
		ended = uid_add(&h, message + at, part);
		at += part;
	}
	uid_end(&h, sent(message, n), id.octets);
	return id;
}

static void
lines_are_as_their_octets(void **state)
{
	static char m[2000];
	uint64_t seed = 1204;
	unsigned ends = 0;

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		size_t n = header(&seed, m, sizeof(m) - 2);
		struct id one = pieces(&seed, m, n, 1);

		assert_true(same(id_of(m, n, n), one));
		assert_true(same(pieces(&seed, m, n, 7), one));
		assert_true(same(pieces(&seed, m, n, 100), one));
		assert_true(
		    same(id_of(m, n, dice(&seed, (uint32_t)n + 1)), one));
		m[n] = '\0';
		ends += strstr(m, "\n\n") != NULL;
	}
	assert_true(ends > 10000 && ends < 50000);
}

/* All of the list above are different messages, but for what readers do. */
static void
different_messages(void **state)
{
	(void)state;
	for (size_t a = 0; a < MESSAGES; a++) {
		for (size_t b = 0; b < a; b++) {
			if (a == 5 && b == 4)
				SAME(messages[a], messages[b]);
			else if (a <= 1 && b <= 1)
				SAME(messages[a], messages[b]);
			else if (a >= 10 && a <= 11 && b >= 10)
				SAME(messages[a], messages[b]);
			else if (same(id_of_text(messages[a]),
				     id_of_text(messages[b])))
				fail_msg("%s == %s", messages[a], messages[b]);
		}
	}
}

static void
says_when_the_header_ends(void **state)
{
	struct uid_hash h;

	(void)state;
	uid_init(&h);
	assert_int_equal(uid_add(&h, "A: b\r\n\r", 7), 0);
	assert_int_equal(uid_add(&h, "\n", 1), 1);
	assert_int_equal(uid_add(&h, "C: d\n", 5), 1);
	uid_init(&h);
	assert_int_equal(uid_add(&h, "A: b\n\nbody", 10), 1);
	uid_init(&h);
	assert_int_equal(uid_add(&h, "\n", 1), 1);
	uid_init(&h);
	assert_int_equal(uid_add(&h, "A: b\n", 5), 0);
	assert_int_equal(uid_add(&h, "", 0), 0);
	uid_init(&h);
	assert_int_equal(uid_add(&h, "A: b\n\r\r\n", 8), 0);
}

/* What follows the header's end does not count, but for its octets. */
static void
body_counts_by_its_size(void **state)
{
	(void)state;
	SAME("A: b\n\nbody\n", "A: b\n\nBODY\n");
	SAME("A: b\n\nbody\n", "A: b\n\nStat");
	DIFFER("A: b\n\nbody\n", "A: b\n\nbody.\n");
	DIFFER("A: b\n\nbody\n", "A: b\n\nbody\n\n");
	DIFFER("A: b\n\n", "A: b\n\n\n");
	SAME("A: b\n\nbody\n", "A: b\n\nbody");
}

static void
readers_fields_do_not_count(void **state)
{
	static const char *const fields[] = {"Status", "X-Status", "X-Keywords",
	    "X-UID", "X-IMAPbase", "Content-Length", "Lines", "STATUS",
	    "x-status", "x-keyWORDS", "x-uid", "X-IMAPBASE", "content-length",
	    "lINES"};
	static const char *const values[] = {"", " RO", " 17\n\tmore\n more",
	    ":", " \200\377", " X: y\n \n\t\n :"};
	char m[256];

	(void)state;
	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]);
		     v++) {
			snprintf(m, sizeof(m), "A: b\n%s:%s\nC: d\n\nbody\n",
			    fields[f], values[v]);
			SAME(m, "A: b\nC: d\n\nbody\n");
			SAME(with_crlf(m), "A: b\nC: d\n\nbody\n");
			snprintf(m, sizeof(m),
			    "%s:%s\nA: b\nC: d\n%s: x\n\n"
			    "body\n",
			    fields[f], values[v], fields[f]);
			SAME(m, "A: b\nC: d\n\nbody\n");
		}
	}
}

static void
other_fields_count(void **state)
{
	static const char *const fields[] = {"Subject", "Statu", "Statuss",
	    "X-UI", "X-UIDL", "X-IMAP", "X-IMAPbases", "Content-Lengt",
	    "Content-Length2", "Content-Lengthwise", "Line", "Status ",
	    " Status", "\tLines", "X-Status-X", "Content-Type", "X"};
	char m[256], n[256];

	(void)state;
	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
		snprintf(m, sizeof(m), "A: b\n%s: 1\n\nbody\n", fields[f]);
		DIFFER(m, "A: b\n\nbody\n");
		snprintf(n, sizeof(n), "A: b\n%s: 2\n\nbody\n", fields[f]);
		DIFFER(m, n);
	}
	DIFFER("A: b\nC: d\n\n", "C: d\nA: b\n\n");
	DIFFER("A: b\n\n", "a: b\n\n");
	DIFFER("A: b\n c\n\n", "A: b\nc\n\n");
	DIFFER("A: b\nStatus RO\n\n", "A: b\n\n");
	DIFFER("Status: O\n\n", "Status O\n\n");
}

/* A field behind the header's end is text, and leaving one out at the end of
 * a header without end must not leave out the next. */
static void
edges_of_the_header(void **state)
{
	(void)state;
	SAME("A: b\nStatus: O", "A: b\n");
	SAME("A: b\nStatus: O\r", "A: b\n");
	SAME("A: b", "A: b\r\n");
	SAME("A: b\r", "A: b\n");
	DIFFER("A: b\nStatus: O\nX", "A: b\n");
	DIFFER(" x\nA: b\n\n", "A: b\n\n");
	SAME(" x\nA: b\n\n", " x\r\nA: b\r\n\r\n");
	DIFFER("Status: O\nC: d\n\n", "Status: O\n\n");
	/* A continuation as first line continues nothing that is left out. */
	DIFFER("\tx\n\n", "\n");
}

static void
nul_and_eight_bit_count(void **state)
{
	static const char a[] = "A: b\0c\n\n", b[] = "A: b\0d\n\n",
			  c[] = "A: b\n\n";

	(void)state;
	assert_false(same(id_of(a, 8, 8), id_of(b, 8, 8)));
	assert_false(same(id_of(a, 8, 8), id_of(c, 6, 6)));
	DIFFER("A: \200\n\n", "A: \201\n\n");
}

/* Ten million octets of header, in any pieces. */
static void
huge_header(void **state)
{
	enum { N = 10 * 1024 * 1024 };
	char *m = malloc(N);
	struct id one;

	(void)state;
	assert_non_null(m);
	for (size_t i = 0; i < N; i++)
		m[i] = i % 1000 == 999 ? '\n' : (char)('a' + i % 7);
	one = id_of(m, N, N);
	assert_true(same(one, id_of(m, N, 4096)));
	assert_true(same(one, id_of(m, N, N / 2 + 1)));
	m[N - 2] = 'z';
	assert_false(same(one, id_of(m, N, N)));
	free(m);
}

static void
copies_differ(void **state)
{
	struct id base = id_of_text("A: b\n\n"), other = id_of_text("C: d\n\n");
	struct id made[5], again;
	static const uint32_t ordinals[5] = {2, 3, 256, 65536, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		uid_copy(base.octets, ordinals[i], made[i].octets);
		uid_copy(base.octets, ordinals[i], again.octets);
		assert_true(same(made[i], again));
		assert_false(same(made[i], base));
		for (size_t k = 0; k < i; k++)
			assert_false(same(made[i], made[k]));
		uid_copy(other.octets, ordinals[i], again.octets);
		assert_false(same(made[i], again));
	}
}

/* An id is a promise to every client that has seen it: this one was made by
 * SHA-256 over "A: b", LF, and the body's six octets as a little-endian 64-bit
 * number. Whoever changes it makes every client fetch its mail anew. */
static void
stays_what_it_was(void **state)
{
	static const unsigned char hashed[] = {
	    'A', ':', ' ', 'b', '\n', 6, 0, 0, 0, 0, 0, 0, 0};
	unsigned char sum[DIGEST_OCTETS];
	struct id id = id_of_text("A: b\nStatus: RO\n\nbody\n");
	struct digest d;

	(void)state;
	digest_init(&d);
	digest_add(&d, hashed, sizeof(hashed));
	digest_end(&d, sum);
	assert_memory_equal(id.octets, sum, UID_OCTETS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(split_anywhere),
	    cmocka_unit_test(octet_by_octet),
	    cmocka_unit_test(lines_are_as_their_octets),
	    cmocka_unit_test(different_messages),
	    cmocka_unit_test(says_when_the_header_ends),
	    cmocka_unit_test(body_counts_by_its_size),
	    cmocka_unit_test(readers_fields_do_not_count),
	    cmocka_unit_test(other_fields_count),
	    cmocka_unit_test(edges_of_the_header),
	    cmocka_unit_test(nul_and_eight_bit_count),
	    cmocka_unit_test(huge_header),
	    cmocka_unit_test(copies_differ),
	    cmocka_unit_test(stays_what_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
