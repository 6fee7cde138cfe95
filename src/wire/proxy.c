/* proxy - reads the header of the PROXY protocol. Believes nothing: whoever may
 * send one was decided before, by others. */
#include "wire/proxy.h"
#include "sys/num.h"
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum {
	V1_FIELDS = 5, /* family, two addresses, two ports */
	V2_AT = 12,    /* of the octet behind the signature */
	V2_OCTETS = 16,
	V2_LOCAL = 0x20, /* version and command */
	V2_PROXY = 0x21,
	V2_TCP4 = 0x11, /* family and transport */
	V2_TCP6 = 0x21,
	V2_FAMILIES = 4,
	V2_TRANSPORTS = 3,
	V4_OCTETS = 4,
	V6_OCTETS = 16,
	TLV_OCTETS = 3, /* type and length */
	TYPE_CRC32C = 0x03,
	CRC32C_OCTETS = 4,
	TYPE_SSL = 0x20,
	SSL_OCTETS = 5, /* bits, and how the client's certificate was */
	CLIENT_SSL = 0x01
};

static const char v1_begins[] = "PROXY ";
static const char v2_begins[] = "\r\n\r\n\0\r\nQUIT\n";

/* begins - whether the octets are as in front, as far as there are any. */
static unsigned
begins(const char *octets, size_t n, const char *front, size_t len)
{
	return memcmp(octets, front, n < len ? n : len) == 0;
}

static unsigned
get_16(const unsigned char *octets)
{
	return (unsigned)octets[0] << 8 | octets[1];
}

/* parse_port - digits, and no 0 in front. */
static enum rc
parse_port(const char *text, unsigned *out)
{
	uint64_t port;

	if (num_parse(text, UINT16_MAX, &port) != RC_OK ||
	    (text[0] == '0' && text[1] != '\0'))
		return RC_SYNTAX;
	*out = (unsigned)port;
	return RC_OK;
}

/* parse_line - version 1 without "PROXY " and its CRLF, in place. Section 2.1.
 */
static enum rc
parse_line(char *line, struct proxy *out)
{
	unsigned char from[V6_OCTETS], to[V6_OCTETS];
	char *field[V1_FIELDS];
	unsigned from_port;
	int family;

	for (unsigned i = 0; i < V1_FIELDS; i++) {
		field[i] = line;
		line = strchr(line, ' ');
		if ((line == NULL) != (i == V1_FIELDS - 1))
			return RC_SYNTAX;
		if (line != NULL)
			*line++ = '\0';
	}
	if (strcmp(field[0], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(field[0], "TCP6") == 0)
		family = AF_INET6;
	else
		return RC_SYNTAX;
	if (inet_pton(family, field[1], from) != 1 ||
	    inet_pton(family, field[2], to) != 1 ||
	    inet_ntop(family, from, out->from, sizeof(out->from)) == NULL ||
	    parse_port(field[3], &from_port) != RC_OK)
		return RC_SYNTAX;
	return parse_port(field[4], &out->port);
}

static enum rc
parse_v1(const char *octets, size_t n, struct proxy *out)
{
	static const char unknown[] = "UNKNOWN";
	const size_t front = sizeof(v1_begins) - 1, word = sizeof(unknown) - 1;
	char line[PROXY_V1_OCTETS];
	const char *end;
	size_t len;

	if (n > PROXY_V1_OCTETS)
		n = PROXY_V1_OCTETS;
	end = memmem(octets, n, "\r\n", 2);
	if (end == NULL)
		return n < PROXY_V1_OCTETS ? RC_EOF : RC_TOOLONG;
	out->octets = (size_t)(end - octets) + 2;
	len = (size_t)(end - octets) - front;
	memcpy(line, octets + front, len);
	line[len] = '\0';
	if (len >= word && memcmp(line, unknown, word) == 0 &&
	    (len == word || line[word] == ' '))
		return RC_OK; /* and whatever stands behind it */
	return strlen(line) == len ? parse_line(line, out) : RC_SYNTAX;
}

/* crc32c - of n octets, with those of the checksum itself as 0. RFC 4960
 * appendix B. */
static uint32_t
crc32c(const unsigned char *octets, size_t n, size_t sum_at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		if (i < sum_at || i >= sum_at + CRC32C_OCTETS)
			crc ^= octets[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* parse_tlvs - what stands behind the addresses, from at to the end. Section
 * 2.2: type, length, value, again and again. */
static enum rc
parse_tlvs(const unsigned char *octets, size_t at, struct proxy *out)
{
	while (at < out->octets) {
		const unsigned char *value = octets + at + TLV_OCTETS;
		unsigned len;

		if (out->octets - at < TLV_OCTETS)
			return RC_SYNTAX;
		len = get_16(octets + at + 1);
		if (len > out->octets - at - TLV_OCTETS)
			return RC_SYNTAX;
		if (octets[at] == TYPE_CRC32C) {
			if (len != CRC32C_OCTETS)
				return RC_SYNTAX;
			if (crc32c(octets, out->octets, at + TLV_OCTETS) !=
			    ((uint32_t)get_16(value) << 16 | get_16(value + 2)))
				return RC_CORRUPT;
		} else if (octets[at] == TYPE_SSL) {
			if (len < SSL_OCTETS)
				return RC_SYNTAX;
			out->tls = (value[0] & CLIENT_SSL) != 0;
		}
		at += TLV_OCTETS + len;
	}
	return RC_OK;
}

static enum rc
parse_v2(const unsigned char *octets, size_t n, struct proxy *out)
{
	unsigned command = octets[V2_AT], kind = octets[V2_AT + 1];
	size_t ports, address = kind == V2_TCP4 ? V4_OCTETS : V6_OCTETS;

	if (command != V2_LOCAL &&
	    (command != V2_PROXY || kind >> 4 >= V2_FAMILIES ||
		(kind & 15) >= V2_TRANSPORTS))
		return RC_SYNTAX;
	out->octets = V2_OCTETS + get_16(octets + V2_AT + 2);
	if (out->octets > PROXY_OCTETS)
		return RC_TOOLONG;
	if (n < out->octets)
		return RC_EOF;
	if (command == V2_LOCAL || (kind != V2_TCP4 && kind != V2_TCP6))
		return RC_OK;
	ports = V2_OCTETS + 2 * address;
	if (out->octets < ports + 4 ||
	    inet_ntop(kind == V2_TCP4 ? AF_INET : AF_INET6, octets + V2_OCTETS,
		out->from, sizeof(out->from)) == NULL)
		return RC_SYNTAX;
	out->port = get_16(octets + ports + 2);
	return parse_tlvs(octets, ports + 4, out);
}

enum rc
proxy_parse(const char *octets, size_t n, struct proxy *out)
{
	memset(out, 0, sizeof(*out));
	if (begins(octets, n, v1_begins, sizeof(v1_begins) - 1))
		return n < sizeof(v1_begins) ? RC_EOF
					     : parse_v1(octets, n, out);
	if (begins(octets, n, v2_begins, sizeof(v2_begins) - 1))
		return n < V2_OCTETS
			   ? RC_EOF
			   : parse_v2((const unsigned char *)octets, n, out);
	return RC_NOSUCH;
}
