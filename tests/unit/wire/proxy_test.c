/* proxy - headers of both versions: those of the specification, every field
 * gone wrong, cut anywhere, followed by anything. Section numbers are those of
 * the PROXY protocol's specification. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "wire/proxy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x6e"
#define TCP6                                                                   \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                           \
	"\xdc\x04\x03\xe3"
/* A version 2 header from string literals, without their last NUL. */
#define V2(command, kind, len, rest)                                           \
	SIGNATURE command kind len rest,                                       \
	    sizeof(SIGNATURE command kind len rest) - 1

/* parse - n octets in memory of just that size. */
static enum rc
parse(const char *octets, size_t n, struct proxy *out)
{
	char *copy = malloc(n + 1); /* malloc(0) may be NULL */
	enum rc rc;

	assert_non_null(copy);
	memcpy(copy, octets, n);
	copy[n] = '\377';
	rc = proxy_parse(copy, n, out);
	free(copy);
	return rc;
}

/* is - n octets are a header that says this; so they are with something behind
 * it, and anything shorter is the front of one. */
static void
is(const char *octets, size_t n, const char *from, unsigned port, unsigned tls)
{
	char more[PROXY_OCTETS + 8];
	struct proxy p;

	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(parse(octets, cut, &p), RC_EOF);
	memcpy(more, octets, n);
	memcpy(more + n, "CAPA\r\n", 6);
	for (size_t behind = 0; behind <= 6; behind++) {
		assert_int_equal(parse(more, n + behind, &p), RC_OK);
		assert_int_equal(p.octets, n);
		assert_string_equal(p.from, from);
		assert_int_equal(p.port, port);
		assert_int_equal(p.tls, tls);
	}
}

/* is_not - neither n octets nor those with more behind them are one, and the
 * reason stays. */
static void
is_not(const char *octets, size_t n, enum rc why)
{
	char more[2 * PROXY_OCTETS] = {0};
	struct proxy p;

	memcpy(more, octets, n);
	assert_int_equal(parse(octets, n, &p), why);
	assert_int_equal(parse(more, sizeof(more), &p), why);
}

static void
is_line(const char *line, const char *from, unsigned port)
{
	is(line, strlen(line), from, port, 0);
}

/* 2.1 */
static void
lines_of_version_1(void **state)
{
	(void)state;
	is_line("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
	    "192.168.0.1", 443);
	is_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	    "255.255.255.255", 65535);
	is_line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0", 0);
	is_line("PROXY TCP6 2001:DB8::7 ::1 56324 110\r\n", "2001:db8::7", 110);
	is_line("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	is_line("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 110\r\n",
	    "::ffff:192.0.2.7", 110);
}

/* 2.1: what follows UNKNOWN is ignored, as far as it may go */
static void
unknown_has_no_address(void **state)
{
	char line[PROXY_V1_OCTETS + 2];

	(void)state;
	is_line("PROXY UNKNOWN\r\n", "", 0);
	is_line("PROXY UNKNOWN \r\n", "", 0);
	is_line("PROXY UNKNOWN ffff:f:ffff ffff:f:ffff 65535 65535\r\n", "", 0);
	is_line("PROXY UNKNOWN a\nb\rc\r\r\n", "", 0);
	is("PROXY UNKNOWN \0\1\r\n", 18, "", 0, 0);
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + PROXY_V1_OCTETS - 2, "\r\n", 2);
	is(line, PROXY_V1_OCTETS, "", 0, 0);
	memset(line + PROXY_V1_OCTETS - 2, 'x', 2);
	memcpy(line + PROXY_V1_OCTETS - 1, "\r\n", 2);
	is_not(line, PROXY_V1_OCTETS, RC_TOOLONG);
	is_not(line, PROXY_V1_OCTETS + 1, RC_TOOLONG);
}

/* 2.1: "any sequence which does not exactly match the protocol" */
static void
malformed_lines(void **state)
{
	static const char *const lines[] = {
	    "PROXY \r\n",
	    "PROXY TCP4\r\n",
	    "PROXY UNKNOWNX\r\n",
	    "PROXY unknown\r\n",
	    "PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP 192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.7  192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1  1 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1  2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
	    "PROXY TCP4\t192.0.2.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1\r\n",
	    "PROXY TCP4 192.0.2.7\r\n",
	    /* the source */
	    "PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.7.1 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0.2.0x7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 192.0..7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 3221225991 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 localhost 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 ::1 192.0.2.1 1 2\r\n",
	    "PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
	    "PROXY TCP6 2001:db8::7::1 ::1 1 2\r\n",
	    "PROXY TCP6 2001:db8 ::1 1 2\r\n",
	    "PROXY TCP6 2001:db8::12345 ::1 1 2\r\n",
	    "PROXY TCP6 2001:db8::g ::1 1 2\r\n",
	    "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
	    "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
	    /* the destination */
	    "PROXY TCP4 192.0.2.7 192.0.2.256 1 2\r\n",
	    "PROXY TCP4 192.0.2.7 ::1 1 2\r\n",
	    "PROXY TCP4 192.0.2.7 x 1 2\r\n",
	    "PROXY TCP6 ::1 192.0.2.7 1 2\r\n",
	    /* the ports */
	    "PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 02\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 00 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 2x\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 0x2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 4294967298\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1  2\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 \r\n",
	    /* the line end */
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n\r\n",
	    "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		is_not(lines[i], strlen(lines[i]), RC_SYNTAX);
	is_not("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\0\r\n", 37, RC_SYNTAX);
	is_not("PROXY TCP4\0 192.0.2.7 192.0.2.1 1 2\r\n", 37, RC_SYNTAX);
	/* neither is a line end, and the line goes on until it is too long */
	is_not("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n"
	       "CAPA.............................................."
	       "......................",
	    PROXY_V1_OCTETS, RC_TOOLONG);
}

/* 2.2: "otherwise the protocol is not covered" */
static void
something_else_is_no_header(void **state)
{
	static const char *const others[] = {"CAPA\r\n", "P\r", "PROXX",
	    "PROXY\r", "PROXYTCP4", "proxy TCP4", " PROXY TCP4", "\r\n\r\n\r",
	    "\r\n.", "\r\n\r\n\1", "\n", "\x16\x03\x01"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		is_not(others[i], strlen(others[i]), RC_NOSUCH);
	is_not("\0", 1, RC_NOSUCH);
	is_not("\r\n\r\n\0\r\nQUIT\r", 12, RC_NOSUCH);
}

/* 2.2 */
static void
headers_of_version_2(void **state)
{
	(void)state;
	is(V2("\x21", "\x11", "\0\x0c", TCP4), "192.0.2.7", 110, 0);
	is(V2("\x21", "\x21", "\0\x24", TCP6), "2001:db8::7", 995, 0);
}

/* 2.2: LOCAL's block is skipped, whatever it is */
static void
local_has_no_address(void **state)
{
	(void)state;
	is(V2("\x20", "\0", "\0\0", ""), "", 0, 0);
	is(V2("\x20", "\x11", "\0\x0c", TCP4), "", 0, 0);
	is(V2("\x20", "\x11", "\0\x03", "abc"), "", 0, 0);
	is(V2("\x20", "\xff", "\0\x05", "\x20\xff\xff\1\1"), "", 0, 0);
}

/* 2.2: "falls back to the UNSPEC mode", whose address is ignored */
static void
other_families_have_no_address(void **state)
{
	static const char kinds[] = {
	    0x00, 0x01, 0x02, 0x10, 0x12, 0x20, 0x22, 0x30, 0x31, 0x32};
	char h[16 + 216] = SIGNATURE "\x21\0\0\xd8";

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		h[13] = kinds[i];
		is(h, sizeof(h), "", 0, 0);
	}
	is(V2("\x21", "\0", "\0\0", ""), "", 0, 0);
}

static void
malformed_version_2(void **state)
{
	char h[] = SIGNATURE "\x21\x11\0\x0c" TCP4;
	const size_t n = sizeof(h) - 1;

	(void)state;
	for (unsigned c = 0; c < 256; c++) { /* version and command */
		h[12] = (char)c;
		if (c != 0x20 && c != 0x21)
			is_not(h, n, RC_SYNTAX);
	}
	h[12] = 0x21;
	for (unsigned c = 0; c < 256; c++) { /* family and transport */
		h[13] = (char)c;
		if (c >> 4 > 3 || (c & 15) > 2)
			is_not(h, n, RC_SYNTAX);
	}
	/* too short for its addresses */
	is_not(V2("\x21", "\x11", "\0\x0b", TCP4), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\0", ""), RC_SYNTAX);
	is_not(V2("\x21", "\x21", "\0\x23", TCP6), RC_SYNTAX);
	is_not(V2("\x21", "\x21", "\0\x0c", TCP4), RC_SYNTAX);
}

/* Where it is refused, no more of it is waited for. */
static void
what_is_too_long_is_refused_at_once(void **state)
{
	static char h[PROXY_OCTETS + 1] =
	    SIGNATURE "\x21\x11\x0f\xf0" TCP4 "\x04\x0f\xe1";

	(void)state;
	is(h, PROXY_OCTETS, "192.0.2.7", 110, 0);
	h[15]++;
	is_not(h, 16, RC_TOOLONG);
	h[14] = h[15] = '\xff';
	is_not(h, 16, RC_TOOLONG);
	h[12] = '\x20'; /* LOCAL, too */
	is_not(h, 16, RC_TOOLONG);
}

/* 2.2.6 */
static void
tls_is_what_the_proxy_says(void **state)
{
	(void)state;
	is(V2("\x21", "\x11", "\0\x14", TCP4 "\x20\0\x05\x01\0\0\0\0"),
	    "192.0.2.7", 110, 1);
	is(V2("\x21", "\x21", "\0\x2c", TCP6 "\x20\0\x05\x07\0\0\0\1"),
	    "2001:db8::7", 995, 1);
	is(V2("\x21", "\x11", "\0\x14", TCP4 "\x20\0\x05\x06\0\0\0\0"),
	    "192.0.2.7", 110, 0);
	/* with the version behind it, among others */
	is(V2("\x21", "\x11", "\0\x27",
	       TCP4
	       "\x05\0\1x\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3\x04\0\2\0\0"),
	    "192.0.2.7", 110, 1);
	/* only within the TLV of that type */
	is(V2("\x21", "\x11", "\0\x17",
	       TCP4 "\xe0\0\x08\x20\0\x05\x01\0\0\0\0"),
	    "192.0.2.7", 110, 0);
	is_not(V2("\x21", "\x11", "\0\x13", TCP4 "\x20\0\x04\x01\0\0\0"),
	    RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x0f", TCP4 "\x20\0\0"), RC_SYNTAX);
}

/* 2.2 */
static void
tlvs_must_end_where_the_header_does(void **state)
{
	(void)state;
	is(V2("\x21", "\x11", "\0\x0f", TCP4 "\x04\0\0"), "192.0.2.7", 110, 0);
	is_not(V2("\x21", "\x11", "\0\x0d", TCP4 "\x04"), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x0e", TCP4 "\x04\0"), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x0f", TCP4 "\x04\0\1"), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x10", TCP4 "\x04\0\0\x04"), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x10", TCP4 "\x04\xff\xff\0"), RC_SYNTAX);
}

/* 2.2.3, by the definition and not by our way of computing it */
static void
a_checksum_is_checked(void **state)
{
	static const unsigned char good[] = SIGNATURE
	    "\x21\x11\0\x13\x7f\0\0\1\x7f\0\0\1\x30\x39\x00\x6e\x03\0\4SUM.";
	char h[sizeof(good) - 1];
	uint32_t crc = UINT32_MAX;

	(void)state;
	memcpy(h, good, sizeof(h));
	memset(h + sizeof(h) - 4, 0, 4);
	/* polynomial 0x1edc6f41, each octet's lowest bit first */
	for (size_t i = 0; i < 8 * sizeof(h); i++) {
		unsigned bit = (unsigned char)h[i / 8] >> i % 8 & 1;
		unsigned top = crc >> 31 ^ bit;

		crc = crc << 1 ^ (top ? 0x1edc6f41 : 0);
	}
	crc = ~crc;
	for (unsigned i = 0; i < 32; i++) { /* mirrored, highest octet first */
		unsigned at = 31 - i;

		if ((crc >> i & 1) != 0)
			h[sizeof(h) - 4 + 3 - at / 8] |= (char)(1 << at % 8);
	}
	is(h, sizeof(h), "127.0.0.1", 110, 0);
	for (size_t i = 0; i < 8 * sizeof(h); i++) {
		struct proxy p;

		if (i / 8 < 16 || (i / 8 >= 28 && i / 8 < 31))
			continue; /* something else is wrong then, or nothing */
		h[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(parse(h, sizeof(h), &p), RC_CORRUPT);
		h[i / 8] ^= (char)(1 << i % 8);
	}
	is_not(V2("\x21", "\x11", "\0\x12", TCP4 "\x03\0\3abc"), RC_SYNTAX);
	is_not(V2("\x21", "\x11", "\0\x14", TCP4 "\x03\0\5abcde"), RC_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_of_version_1),
	    cmocka_unit_test(unknown_has_no_address),
	    cmocka_unit_test(malformed_lines),
	    cmocka_unit_test(something_else_is_no_header),
	    cmocka_unit_test(headers_of_version_2),
	    cmocka_unit_test(local_has_no_address),
	    cmocka_unit_test(other_families_have_no_address),
	    cmocka_unit_test(malformed_version_2),
	    cmocka_unit_test(what_is_too_long_is_refused_at_once),
	    cmocka_unit_test(tls_is_what_the_proxy_says),
	    cmocka_unit_test(tlvs_must_end_where_the_header_does),
	    cmocka_unit_test(a_checksum_is_checked),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
