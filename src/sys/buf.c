/* buf - a bounded octet buffer. Knows no protocol. */
#include "sys/buf.h"
#include <string.h>

void
buf_init(struct buf *b, void *storage, size_t ceiling)
{
	b->data = storage;
	b->len = 0;
	b->pos = 0;
	b->ceiling = ceiling;
}

void
buf_wipe(struct buf *b)
{
	explicit_bzero(b->data, b->ceiling);
	b->len = 0;
	b->pos = 0;
}

enum rc
buf_put(struct buf *b, const void *octets, size_t n)
{
	if (n > b->ceiling - b->len)
		return RC_TOOLONG;
	if (n > 0)
		memcpy(b->data + b->len, octets, n);
	b->len += n;
	return RC_OK;
}

enum rc
buf_put_u32(struct buf *b, uint32_t value)
{
	unsigned char octets[4];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(value >> (8 * i));
	return buf_put(b, octets, sizeof(octets));
}

enum rc
buf_put_u64(struct buf *b, uint64_t value)
{
	unsigned char octets[8];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(value >> (8 * i));
	return buf_put(b, octets, sizeof(octets));
}

enum rc
buf_put_text(struct buf *b, const char *text)
{
	size_t n = strlen(text), room = b->ceiling - b->len;
	enum rc rc;

	if (n > UINT32_MAX || room < 4 || n > room - 4)
		return RC_TOOLONG;
	rc = buf_put_u32(b, (uint32_t)n);
	return rc == RC_OK ? buf_put(b, text, n) : rc;
}

/* number - the little-endian number in n octets at the front, taken. */
static enum rc
number(struct buf *b, size_t n, uint64_t *out)
{
	uint64_t value = 0;

	if (b->len - b->pos < n)
		return RC_CORRUPT;
	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)b->data[b->pos + i] << (8 * i);
	b->pos += n;
	*out = value;
	return RC_OK;
}

enum rc
buf_get_u32(struct buf *b, uint32_t *out)
{
	uint64_t value;
	enum rc rc = number(b, 4, &value);

	if (rc == RC_OK)
		*out = (uint32_t)value;
	return rc;
}

enum rc
buf_get_u64(struct buf *b, uint64_t *out)
{
	return number(b, 8, out);
}

enum rc
buf_get_text(struct buf *b, char *out, size_t size)
{
	size_t was = b->pos;
	uint32_t n;

	if (buf_get_u32(b, &n) != RC_OK)
		return RC_CORRUPT;
	if (n >= size || n > b->len - b->pos ||
	    memchr(b->data + b->pos, '\0', n) != NULL) {
		b->pos = was;
		return RC_CORRUPT;
	}
	memcpy(out, b->data + b->pos, n);
	out[n] = '\0';
	b->pos += n;
	return RC_OK;
}

enum rc
buf_get_end(const struct buf *b)
{
	return b->pos == b->len ? RC_OK : RC_CORRUPT;
}
