/* survivors - the list of what stays, written and read. Knows octets and
 * offsets, and no mail. */
#include "store/survivors.h"
#include "sys/digest.h"
#include "sys/io.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_OCTETS = 9 }; /* of 63 bits */

/* writer - a list that is being written, or only measured. */
struct writer {
	int fd; /* -1: measured */
	uint64_t at, len, sum;
	size_t n;
	unsigned char window[STATE_BLOCK];
};

static enum rc
flush(struct writer *w)
{
	enum rc rc = RC_OK;

	if (w->fd >= 0)
		rc = io_pwrite(
		    w->fd, w->window, w->n, (off_t)(w->at + w->len - w->n));
	w->sum = digest_quick(w->sum, w->window, w->n);
	w->n = 0;
	return rc;
}

static enum rc
put(struct writer *w, uint64_t number)
{
	do {
		if (w->n == sizeof(w->window)) {
			enum rc rc = flush(w);

			if (rc != RC_OK)
				return rc;
		}
		w->window[w->n++] =
		    (unsigned char)(number > 0x7f ? number | 0x80 : number);
		w->len++;
		number >>= 7;
	} while (number > 0);
	return RC_OK;
}

/* write_list - all of s through w; *stays: its octets. */
static enum rc
write_list(const struct survivors *s, struct writer *w, uint64_t *stays)
{
	off_t end = s->from;
	struct extent e;
	enum rc rc;

	*stays = 0;
	s->rewind(s->context);
	while ((rc = s->next(s->context, &e)) == RC_OK) {
		if (e.from <= end || e.len <= 0 || e.from > s->size - e.len)
			return RC_BUG;
		rc = put(w, (uint64_t)(e.from - end));
		if (rc == RC_OK)
			rc = put(w, (uint64_t)e.len);
		if (rc != RC_OK)
			return rc;
		end = e.from + e.len;
		*stays += (uint64_t)e.len;
	}
	return rc == RC_EOF ? flush(w) : rc;
}

/* place - where a list of len octets goes: to its own blocks, or to the end. */
static enum rc
place(int state_fd, uint64_t len, uint64_t *at)
{
	struct stat st;
	off_t end = STATE_BODY;

	*at = STATE_LIST;
	if (len <= STATE_LIST_OCTETS)
		return RC_OK;
	if (fstat(state_fd, &st) != 0)
		return RC_IO;
	if (st.st_size > end)
		end = st.st_size + (-st.st_size & (STATE_BLOCK - 1));
	*at = (uint64_t)end;
	return RC_OK;
}

enum rc
survivors_list(const struct survivors *s, int state_fd, struct order *out)
{
	struct writer w = {.fd = -1};
	uint64_t stays, len;
	enum rc rc = write_list(s, &w, &stays);

	if (rc != RC_OK)
		return rc;
	memset(out, 0, sizeof(*out));
	out->from = (uint64_t)s->from;
	out->size = (uint64_t)s->size;
	out->gap = out->size - out->from - stays;
	if (stays == 0)
		return RC_OK;
	if (state_fd < 0)
		return RC_LIMIT;
	len = w.len;
	w = (struct writer){.fd = state_fd};
	rc = place(state_fd, len, &w.at);
	if (rc == RC_OK)
		rc = write_list(s, &w, &stays);
	if (rc == RC_OK && w.len != len)
		rc = RC_BUG;
	if (rc != RC_OK && w.at >= STATE_BODY &&
	    ftruncate(state_fd, (off_t)w.at) != 0)
		return rc; /* it is longer than it need be */
	out->list_at = w.at;
	out->list_len = w.len;
	out->list_sum = w.sum;
	return rc;
}

void
stream_begin(
    struct stream *s, const struct order *order, int state_fd, uint64_t size)
{
	memset(s, 0, offsetof(struct stream, window));
	s->order = order;
	s->fd = state_fd;
	s->size = size;
	s->end = order->from;
}

/* get - the next number of the list. RC_EOF: the list has ended. */
static enum rc
get(struct stream *s, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < NUMBER_OCTETS; i++) {
		unsigned octet;

		if (s->pos == s->len) {
			uint64_t left = s->order->list_len - s->read;
			size_t n = left < sizeof(s->window) ? (size_t)left
							    : sizeof(s->window);
			enum rc rc = io_pread(s->fd, s->window, n,
			    (off_t)(s->order->list_at + s->read), &s->len);

			s->pos = 0;
			if (rc != RC_OK)
				return rc;
			if (s->len != n)
				return RC_CORRUPT;
			if (n == 0)
				return i == 0 ? RC_EOF : RC_CORRUPT;
			s->read += n;
			s->sum = digest_quick(s->sum, s->window, n);
		}
		octet = s->window[s->pos++];
		*out |= (uint64_t)(octet & 0x7f) << (7 * i);
		if ((octet & 0x80) == 0)
			return RC_OK;
	}
	return RC_CORRUPT;
}

enum rc
stream_next(struct stream *s)
{
	uint64_t gone, len, size = s->order->size;
	enum rc rc = get(s, &gone);

	if (rc == RC_EOF && s->size > size && s->end <= size) {
		s->now.from = (off_t)size;
		s->now.len = (off_t)(s->size - size);
		s->end = s->size;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	rc = get(s, &len);
	if (rc != RC_OK)
		return rc == RC_EOF ? RC_CORRUPT : rc;
	if (gone == 0 || len == 0 || gone > size - s->end ||
	    len > size - s->end - gone)
		return RC_CORRUPT;
	s->now.from = (off_t)(s->end + gone);
	s->now.len = (off_t)len;
	s->end += gone + len;
	return RC_OK;
}

enum rc
stream_skip(struct stream *s, uint64_t n)
{
	for (;;) {
		uint64_t m =
		    (uint64_t)s->now.len < n ? (uint64_t)s->now.len : n;
		enum rc rc;

		s->now.from += (off_t)m;
		s->now.len -= (off_t)m;
		n -= m;
		if (n == 0)
			return RC_OK;
		rc = stream_next(s);
		if (rc != RC_OK)
			return rc == RC_EOF ? RC_CORRUPT : rc;
	}
}

enum rc
order_put(struct buf *b, const struct order *o)
{
	const uint64_t numbers[] = {
	    o->from, o->size, o->gap, o->list_at, o->list_len, o->list_sum};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (rc == RC_OK)
			rc = buf_put_u64(b, numbers[i]);
	}
	return rc;
}

enum rc
order_get(struct buf *b, struct order *o)
{
	uint64_t *const numbers[] = {&o->from, &o->size, &o->gap, &o->list_at,
	    &o->list_len, &o->list_sum};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (rc == RC_OK)
			rc = buf_get_u64(b, numbers[i]);
	}
	return rc;
}

enum rc
seen_put(struct buf *b, const struct seen *seen)
{
	const struct timespec times[] = {seen->mtime, seen->ctime};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < 2 && rc == RC_OK; i++) {
		rc = buf_put_u64(b, (uint64_t)times[i].tv_sec);
		if (rc == RC_OK)
			rc = buf_put_u64(b, (uint64_t)times[i].tv_nsec);
	}
	return rc;
}

enum rc
seen_get(struct buf *b, struct seen *out)
{
	struct timespec *const times[] = {&out->mtime, &out->ctime};
	uint64_t s, ns;

	for (size_t i = 0; i < 2; i++) {
		if (buf_get_u64(b, &s) != RC_OK || buf_get_u64(b, &ns) != RC_OK)
			return RC_CORRUPT;
		times[i]->tv_sec = (time_t)s;
		times[i]->tv_nsec = (long)ns;
	}
	return RC_OK;
}

enum rc
order_check(const struct order *o, int state_fd)
{
	struct stream s;
	uint64_t stays = 0;
	enum rc rc;

	if (o->size > INT64_MAX || o->from >= o->size || o->gap == 0 ||
	    o->gap > o->size - o->from || o->list_at > INT64_MAX ||
	    o->list_len > INT64_MAX - o->list_at)
		return RC_CORRUPT;
	if (o->list_len > 0 && o->list_at < STATE_BODY &&
	    (o->list_at != STATE_LIST || o->list_len > STATE_LIST_OCTETS))
		return RC_CORRUPT;
	stream_begin(&s, o, state_fd, o->size);
	while ((rc = stream_next(&s)) == RC_OK)
		stays += (uint64_t)s.now.len;
	if (rc != RC_EOF)
		return rc;
	return s.sum == o->list_sum && stays == o->size - o->from - o->gap
		   ? RC_OK
		   : RC_CORRUPT;
}
