/* buf - a bounded octet buffer over storage that the caller owns.
 *
 * It is filled at the end and read from the front. It never grows beyond the
 * storage that it was born with and never writes a part of anything. Numbers
 * travel little-endian, strings as a 32-bit count and their octets. */
#ifndef SYS_BUF_H
#define SYS_BUF_H

#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>

struct buf {
	unsigned char *data; /* the caller's storage */
	size_t len;          /* octets filled */
	size_t pos;          /* octets read; pos <= len */
	size_t ceiling;      /* octets of storage */
};

/* buf_init - an empty buffer over ceiling octets at storage, which must
 * outlive it. */
void buf_init(struct buf *b, void *storage, size_t ceiling);

/* buf_wipe - forgets the contents beyond recovery; the buffer is empty. */
void buf_wipe(struct buf *b);

/* buf_put, buf_put_u32, buf_put_u64, buf_put_text - append n octets, a number,
 * or a NUL-terminated text. RC_TOOLONG: it does not fit, nothing was added. */
enum rc buf_put(struct buf *b, const void *octets, size_t n) MUST_CHECK;
enum rc buf_put_u32(struct buf *b, uint32_t value) MUST_CHECK;
enum rc buf_put_u64(struct buf *b, uint64_t value) MUST_CHECK;
enum rc buf_put_text(struct buf *b, const char *text) MUST_CHECK;

/* buf_get_u32, buf_get_u64 - take a number from the front.
 * RC_CORRUPT: fewer octets are left; nothing was taken. */
enum rc buf_get_u32(struct buf *b, uint32_t *out) MUST_CHECK;
enum rc buf_get_u64(struct buf *b, uint64_t *out) MUST_CHECK;

/* buf_get_text - takes a text from the front into out, NUL-terminated.
 * RC_CORRUPT: it is cut short, holds a NUL, or needs more than size octets
 * with its terminator; nothing was taken. */
enum rc buf_get_text(struct buf *b, char *out, size_t size) MUST_CHECK;

/* buf_get_end - RC_OK when everything has been taken, else RC_CORRUPT. */
enum rc buf_get_end(const struct buf *b) MUST_CHECK;

#endif
