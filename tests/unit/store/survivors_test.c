/* survivors_test - the list of what stays: what is written is read back, at
 * every width of its numbers and length of the list, in its place in the state
 * file; and a list that lies is refused. */
#include "spool.h"
#include "store/survivors.h"
#include "sys/digest.h"
#include <errno.h>
#include <sys/syscall.h>

/* A disk that is full beyond an offset; of one write some may fit. */
static off_t limit;
static int limit_errno;
static unsigned pwrites;

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	pwrites++;
	if (at >= limit) {
		errno = limit_errno;
		return -1;
	}
	if ((off_t)n > limit - at)
		n = (size_t)(limit - at);
	return syscall(SYS_pwrite64, fd, octets, n, at);
}

/* extents - what next_extent tells. */
struct extents {
	const struct extent *e;
	size_t count, i;
	enum rc end; /* behind the last */
};

static enum rc
next_extent(void *context, struct extent *out)
{
	struct extents *x = context;

	if (x->i == x->count)
		return x->end;
	*out = x->e[x->i++];
	return RC_OK;
}

static void
rewind_extents(void *context)
{
	struct extents *x = context;

	x->i = 0;
}

/* list - survivors_list of count extents. */
static enum rc
list(int fd, off_t from, off_t size, const struct extent *e, size_t count,
    struct order *out)
{
	struct extents x = {e, count, 0, RC_EOF};
	struct survivors s = {from, size, next_extent, rewind_extents, &x};

	return survivors_list(&s, fd, out);
}

/* reads_back - whether the stream has just these, and the order holds. */
static void
reads_back(int fd, const struct order *o, const struct extent *e, size_t count)
{
	uint64_t stays = 0;
	struct stream s;

	stream_begin(&s, o, fd, o->size);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(stream_next(&s), RC_OK);
		assert_int_equal(s.now.from, e[i].from);
		assert_int_equal(s.now.len, e[i].len);
		stays += (uint64_t)e[i].len;
	}
	assert_int_equal(stream_next(&s), RC_EOF);
	assert_int_equal(stream_next(&s), RC_EOF);
	assert_int_equal(o->gap, o->size - o->from - stays);
	assert_int_equal(order_check(o, fd), RC_OK);
}

static int
fresh(const struct spool *s)
{
	spool_put(s->state, "", 0);
	return spool_open(s->state, O_RDWR);
}

static off_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* Eight pieces of different lengths, every subset of them kept. */
static void
every_subset(void **state)
{
	static const off_t begin[9] = {
	    0, 1, 9, 10, 110, 315, 500, 20500, 90000};
	int fd = fresh(*state);

	for (unsigned kept = 0; kept < 255; kept++) {
		struct extent e[8];
		size_t n = 0, first = 0;
		struct order o;

		while ((kept >> first & 1) != 0)
			first++;
		for (size_t i = first; i < 8; i++) {
			if ((kept >> i & 1) == 0)
				continue;
			if ((kept >> (i - 1) & 1) == 0)
				e[n++] = (struct extent){begin[i], 0};
			e[n - 1].len = begin[i + 1] - e[n - 1].from;
		}
		assert_int_equal(
		    list(fd, begin[first], begin[8], e, n, &o), RC_OK);
		assert_int_equal(o.from, begin[first]);
		assert_int_equal(o.size, begin[8]);
		assert_int_equal(o.list_len > 0, n > 0);
		reads_back(fd, &o, e, n);
	}
	close(fd);
}

/* One octet less, as many as, and one more than fit in a width. */
static void
numbers_of_every_width(void **state)
{
	int fd = fresh(*state);

	for (unsigned bits = 0; bits <= 63; bits++) {
		for (int more = -1; more <= 1; more++) {
			uint64_t n = (UINT64_C(1) << bits) + (uint64_t)more;
			struct extent gone, stays;
			struct order o;
			size_t width = 1;

			if (n == 0 || n >= INT64_MAX)
				continue;
			while (width < 9 && n >> (7 * width) != 0)
				width++;
			gone = (struct extent){(off_t)n, 1};
			assert_int_equal(
			    list(fd, 0, INT64_MAX, &gone, 1, &o), RC_OK);
			assert_int_equal(o.list_len, width + 1);
			reads_back(fd, &o, &gone, 1);
			stays = (struct extent){1, (off_t)n};
			assert_int_equal(
			    list(fd, 0, INT64_MAX, &stays, 1, &o), RC_OK);
			assert_int_equal(o.list_len, width + 1);
			reads_back(fd, &o, &stays, 1);
		}
	}
	close(fd);
}

/* many - count extents whose list has octets octets, two to four a pair. */
static struct extent *
many(size_t count, size_t octets, off_t *size)
{
	struct extent *e = calloc(count, sizeof(*e));
	size_t longer = octets - 2 * count;
	off_t at = 0;

	assert_non_null(e);
	assert_true(longer <= 2 * count);
	for (size_t i = 0; i < count; i++) {
		at += i < longer ? 128 + (off_t)i % 1000 : 1 + (off_t)i % 100;
		e[i].from = at;
		e[i].len = longer > count && i < longer - count
			       ? 16383
			       : 1 + (off_t)i % 127;
		at += e[i].len;
	}
	*size = at + 5;
	return e;
}

/* Up to a block the list lies in its own, else behind the body or what is
 * there, and nothing else of the file is written. */
static void
lists_of_every_length(void **state)
{
	static const struct {
		size_t count, octets;
	} lists[] = {{1, 2}, {2047, 4094}, {2047, 4095}, {2048, 4096},
	    {2048, 4097}, {2049, 4098}, {2731, 8191}, {4096, 8192},
	    {4096, 8193}, {8191, 16383}, {8192, 16384}, {8192, 16385},
	    {5000, 20000}, {300000, 600001}};
	static const struct {
		off_t was, at;
	} files[] = {{0, STATE_BODY}, {5, STATE_BODY}, {STATE_BODY, STATE_BODY},
	    {STATE_BODY + 1, STATE_BODY + STATE_BLOCK},
	    {STATE_BODY + STATE_BLOCK, STATE_BODY + STATE_BLOCK},
	    {STATE_BODY + STATE_BLOCK + 1, STATE_BODY + 2 * STATE_BLOCK}};
	const struct spool *s = *state;
	char was[STATE_BODY + 2 * STATE_BLOCK], is[sizeof(was)];
	uint64_t seed = 5;

	for (size_t i = 0; i < sizeof(was); i++)
		was[i] = (char)dice(&seed, 256);
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		off_t size;
		struct extent *e = many(lists[l].count, lists[l].octets, &size);

		for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
			unsigned fits = lists[l].octets <= STATE_LIST_OCTETS;
			off_t n = files[f].was;
			struct order o;
			int fd;

			spool_put(s->state, was, (size_t)n);
			fd = spool_open(s->state, O_RDWR);
			assert_int_equal(
			    list(fd, 0, size, e, lists[l].count, &o), RC_OK);
			assert_int_equal(o.list_len, lists[l].octets);
			assert_int_equal(
			    o.list_at, fits ? STATE_LIST : files[f].at);
			reads_back(fd, &o, e, lists[l].count);
			assert_true(pread(fd, is, (size_t)n, 0) == n);
			if (fits && n > STATE_LIST)
				memcpy(is + STATE_LIST, was + STATE_LIST,
				    o.list_len);
			assert_memory_equal(is, was, (size_t)n);
			if (!fits)
				assert_int_equal(size_of(fd),
				    files[f].at + (off_t)lists[l].octets);
			close(fd);
		}
		free(e);
	}
}

/* Nothing stays: no list, and no state file is needed. */
static void
no_list(void **state)
{
	static const struct extent e = {7, 3};
	struct order o;
	int fd = fresh(*state);

	pwrites = 0;
	assert_int_equal(list(-1, 3, 10, NULL, 0, &o), RC_OK);
	assert_int_equal(o.from, 3);
	assert_int_equal(o.size, 10);
	assert_int_equal(o.gap, 7);
	assert_int_equal(o.list_len, 0);
	assert_int_equal(order_check(&o, -1), RC_OK);
	assert_int_equal(list(fd, 0, 1, NULL, 0, &o), RC_OK);
	assert_int_equal(size_of(fd), 0);
	assert_int_equal(list(-1, 3, 10, &e, 1, &o), RC_LIMIT);
	assert_int_equal(pwrites, 0);
	close(fd);
}

/* What the caller's own source says is handed on; what it may not say is seen,
 * and the state file is as it was. */
static void
source_that_fails(void **state)
{
	static const struct extent bad[][2] = {{{3, 1}, {10, 1}},
	    {{2, 1}, {10, 1}}, {{5, 0}, {10, 1}}, {{5, -1}, {10, 1}},
	    {{5, 3}, {8, 1}}, {{5, 3}, {7, 1}}, {{5, 3}, {10, 11}},
	    {{5, 3}, {20, 1}}, {{5, 3}, {10, INT64_MAX}}, {{-1, 1}, {10, 1}}};
	static const struct extent good[] = {{5, 1}, {9, 2}};
	struct extents x = {good, 2, 0, RC_CORRUPT};
	struct survivors s = {3, 20, next_extent, rewind_extents, &x};
	int fd = fresh(*state);
	struct order o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(list(fd, 3, 20, bad[i], 2, &o), RC_BUG);
	assert_int_equal(survivors_list(&s, fd, &o), RC_CORRUPT);
	x.end = RC_NOMEM;
	assert_int_equal(survivors_list(&s, fd, &o), RC_NOMEM);
	assert_int_equal(size_of(fd), 0);
	close(fd);
}

/* A state file that takes no more: an error, and no octet more than whole
 * blocks, so that nothing eats what little there is. */
static void
no_room(void **state)
{
	static const int errors[] = {ENOSPC, EFBIG, EDQUOT, EIO};
	static const off_t rooms[] = {0, STATE_BODY, STATE_BODY + 1,
	    STATE_BODY + 4096, STATE_BODY + 9000};
	static const off_t sizes[] = {
	    0, STATE_BODY, STATE_BODY + 100, STATE_BODY + STATE_BLOCK};
	const struct spool *s = *state;
	char *was = calloc(1, STATE_BODY + STATE_BLOCK);
	off_t size;
	struct extent *e = many(10000, 30000, &size);

	assert_non_null(was);
	memset(was, 'x', STATE_BODY + STATE_BLOCK);
	for (size_t i = 0; i < 4 * 5 * 4; i++) {
		off_t n = sizes[i / 20];
		struct order o;
		int fd;

		spool_put(s->state, was, (size_t)n);
		fd = spool_open(s->state, O_RDWR);
		limit = rooms[i / 4 % 5];
		limit_errno = errors[i % 4];
		errno = 0;
		assert_int_equal(list(fd, 0, size, e, 10000, &o), RC_IO);
		assert_int_equal(errno, limit_errno);
		limit = INT64_MAX;
		if (n < STATE_BODY)
			n = STATE_BODY;
		n = (n + STATE_BLOCK - 1) / STATE_BLOCK * STATE_BLOCK;
		assert_true(size_of(fd) <= n);
		assert_true(size_of(fd) >= sizes[i / 20]);
		close(fd);
		assert_int_equal(truncate(s->state, sizes[i / 20]), 0);
		spool_holds(s->state, was, (size_t)sizes[i / 20]);
	}
	/* a short list has a place of its own, and is not cut off there */
	spool_put(s->state, was, STATE_BODY);
	{
		int fd = spool_open(s->state, O_RDWR);
		struct order o;

		limit = STATE_LIST;
		limit_errno = ENOSPC;
		assert_int_equal(list(fd, 0, size, e, 100, &o), RC_IO);
		assert_int_equal(errno, ENOSPC);
		limit = INT64_MAX;
		close(fd);
		spool_holds(s->state, was, STATE_BODY);
		fd = spool_open(s->state, O_RDONLY);
		assert_int_equal(list(fd, 0, size, e, 100, &o), RC_IO);
		assert_int_equal(errno, EBADF);
		/* nor can a long one be cut off there */
		assert_int_equal(list(fd, 0, size, e, 10000, &o), RC_IO);
		close(fd);
		spool_holds(s->state, was, STATE_BODY);
	}
	free(e);
	free(was);
}

/* Skipping and taking, in any mixture, comes to the same octets. */
static void
skips_as_it_reads(void **state)
{
	int fd = fresh(*state);
	uint64_t seed = 11;
	off_t size, total = 0;
	struct extent *e = many(3000, 9000, &size);
	struct order o;
	struct stream s;

	assert_int_equal(list(fd, 0, size, e, 3000, &o), RC_OK);
	for (size_t i = 0; i < 3000; i++)
		total += e[i].len;
	for (unsigned round = 0; round < 200; round++) {
		off_t at = 0, left;
		size_t i = 0;

		stream_begin(&s, &o, fd, o.size);
		while (at < total) {
			off_t n = (off_t)dice(
			    &seed, round % 2 == 0 ? 100 : (uint32_t)total / 3);

			if (n > total - at)
				n = total - at;
			assert_int_equal(stream_skip(&s, (uint64_t)n), RC_OK);
			at += n;
			left = at;
			for (i = 0; i < 3000 && left > e[i].len; i++)
				left -= e[i].len;
			if (at == 0)
				continue;
			assert_int_equal(s.now.from, e[i].from + left);
			assert_int_equal(s.now.len, e[i].len - left);
			if (round % 10 != 0)
				continue;
			at += s.now.len; /* as one who has read it */
			s.now.from += s.now.len;
			s.now.len = 0;
		}
		assert_int_equal(stream_skip(&s, 0), RC_OK);
		assert_int_equal(stream_next(&s), RC_EOF);
		assert_int_equal(stream_skip(&s, 1), RC_CORRUPT);
	}
	stream_begin(&s, &o, fd, o.size);
	assert_int_equal(stream_skip(&s, (uint64_t)total + 1), RC_CORRUPT);
	stream_begin(&s, &o, fd, o.size);
	assert_int_equal(stream_skip(&s, UINT64_MAX), RC_CORRUPT);
	free(e);
	close(fd);
}

/* Mail that came later is one more extent, next to the last or not. */
static void
what_came_later_stays(void **state)
{
	static const struct extent e[] = {{5, 3}, {10, 10}};
	int fd = fresh(*state);
	struct order o;
	struct stream s;

	for (off_t size = 20; size <= 21; size++) {
		assert_int_equal(list(fd, 3, size, e, 2, &o), RC_OK);
		stream_begin(&s, &o, fd, 100);
		assert_int_equal(stream_skip(&s, 13), RC_OK);
		assert_int_equal(s.now.len, 0);
		assert_int_equal(stream_next(&s), RC_OK);
		assert_int_equal(s.now.from, size);
		assert_int_equal(s.now.len, 100 - size);
		assert_int_equal(stream_next(&s), RC_EOF);
		assert_int_equal(stream_next(&s), RC_EOF);
		stream_begin(&s, &o, fd, 100);
		assert_int_equal(
		    stream_skip(&s, 13 + 100 - (uint64_t)size), RC_OK);
		assert_int_equal(stream_skip(&s, 1), RC_CORRUPT);
	}
	/* without a list too */
	assert_int_equal(list(fd, 3, 20, NULL, 0, &o), RC_OK);
	stream_begin(&s, &o, -1, 30);
	assert_int_equal(stream_next(&s), RC_OK);
	assert_int_equal(s.now.from, 20);
	assert_int_equal(s.now.len, 10);
	assert_int_equal(stream_next(&s), RC_EOF);
	close(fd);
}

static void
order_travels(void **state)
{
	static const struct order o = {1, UINT64_MAX, 3, UINT64_C(1) << 32, 5,
	    UINT64_C(0x0123456789abcdef)};
	unsigned char octets[ORDER_OCTETS + 1];
	struct order back;
	struct buf b;

	(void)state;
	for (size_t n = 0; n <= ORDER_OCTETS; n++) {
		unsigned whole = n == ORDER_OCTETS;

		buf_init(&b, octets, n);
		assert_int_equal(order_put(&b, &o), whole ? RC_OK : RC_TOOLONG);
	}
	assert_int_equal(b.len, ORDER_OCTETS);
	assert_int_equal(order_get(&b, &back), RC_OK);
	assert_memory_equal(&back, &o, sizeof(o));
	assert_int_equal(buf_get_end(&b), RC_OK);
	for (size_t n = 0; n < ORDER_OCTETS; n++) {
		buf_init(&b, octets, sizeof(octets));
		b.len = n;
		assert_int_equal(order_get(&b, &back), RC_CORRUPT);
	}
}

static void
seen_travels(void **state)
{
	static const struct seen seen = {
	    .mtime = {-1, 999999999}, .ctime = {(time_t)1 << 40, 7}};
	unsigned char octets[SEEN_OCTETS + 1];
	struct seen back;
	struct buf b;

	(void)state;
	for (size_t n = 0; n <= SEEN_OCTETS; n++) {
		buf_init(&b, octets, n);
		assert_int_equal(
		    seen_put(&b, &seen), n == SEEN_OCTETS ? RC_OK : RC_TOOLONG);
	}
	assert_int_equal(b.len, SEEN_OCTETS);
	assert_int_equal(seen_get(&b, &back), RC_OK);
	assert_int_equal(back.mtime.tv_sec, seen.mtime.tv_sec);
	assert_int_equal(back.mtime.tv_nsec, seen.mtime.tv_nsec);
	assert_int_equal(back.ctime.tv_sec, seen.ctime.tv_sec);
	assert_int_equal(back.ctime.tv_nsec, seen.ctime.tv_nsec);
	assert_int_equal(buf_get_end(&b), RC_OK);
	for (size_t n = 0; n < SEEN_OCTETS; n++) {
		buf_init(&b, octets, sizeof(octets));
		b.len = n;
		assert_int_equal(seen_get(&b, &back), RC_CORRUPT);
	}
}

/* ---- lists by hostile hands ---- */

/* hostile - an order for a list of n octets, which has the right sum, in a
 * file of 1000 octets from 100 on. Both are written by hand. */
static struct order
hostile(int fd, const void *octets, size_t n, uint64_t gap)
{
	struct order o = {.from = 100,
	    .size = 1000,
	    .gap = gap,
	    .list_at = STATE_LIST,
	    .list_len = n};

	assert_true(pwrite(fd, octets, n, STATE_LIST) == (ssize_t)n);
	o.list_sum = n == 0 ? 0 : digest_quick(0, octets, n);
	return o;
}

#define LIST(gap, text) hostile(fd, text, sizeof(text) - 1, gap)

static void
lists_that_lie(void **state)
{
	int fd = fresh(*state);
	struct order o;

	/* The right one: 10 go, 20 stay, 200 go, 300 stay, 370 go. */
	o = LIST(580, "\x0a\x14\xc8\x01\xac\x02");
	assert_int_equal(order_check(&o, fd), RC_OK);
	/* another gap */
	o = LIST(579, "\x0a\x14\xc8\x01\xac\x02");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(581, "\x0a\x14\xc8\x01\xac\x02");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* the last octet stays: right; one more: beyond the end */
	o = LIST(210, "\x0a\x14\xc8\x01\x9e\x05");
	assert_int_equal(order_check(&o, fd), RC_OK);
	o = LIST(209, "\x0a\x14\xc8\x01\x9f\x05");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\x0a\x14\xf9\x06\x01");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* nothing goes, nothing stays: next to each other, or none */
	o = LIST(580, "\x00\x14\xc8\x01\xac\x02");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(580, "\x0a\x14\x00\xac\x02");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\x0a\x14\xc8\x01\x00");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(900, "\x0a\x00");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* half a pair, half a number */
	o = LIST(880, "\x0a\x14\xc8\x01");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\x0a\x14\xc8");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(580, "\x0a\x14\xc8\x01\xac");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* octets behind it */
	o = LIST(580, "\x0a\x14\xc8\x01\xac\x02\x01");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(580, "\x0a\x14\xc8\x01\xac\x02\x00");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(580, "\x0a\x14\xc8\x01\xac\x02\x00\x00");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* ten octets, of little and of much; nine of much */
	o = LIST(880, "\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x00\x14");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x14");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x14");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(880, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* a wrong sum, and the sum of nothing where there is something */
	o = LIST(580, "\x0a\x14\xc8\x01\xac\x02");
	o.list_sum ^= 1;
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o.list_sum = 0;
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	/* no list: all of it goes, and the sum is none */
	o = LIST(900, "");
	assert_int_equal(order_check(&o, fd), RC_OK);
	o.list_sum = 1;
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	o = LIST(899, "");
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	close(fd);
}

/* Places where no list may be, with one that is right. */
static void
lists_out_of_place(void **state)
{
	static const char right[] = "\x0a\x14";
	static const struct {
		off_t at;
		enum rc rc;
	} places[] = {{0, RC_CORRUPT}, {STATE_NOTE + 100, RC_CORRUPT},
	    {STATE_SLOT - 1, RC_CORRUPT}, {STATE_SLOT, RC_CORRUPT},
	    {STATE_SLOT + STATE_BLOCK, RC_CORRUPT},
	    {STATE_LIST - 1, RC_CORRUPT}, {STATE_LIST, RC_OK},
	    {STATE_LIST + 1, RC_CORRUPT}, {STATE_SAVED, RC_CORRUPT},
	    {STATE_SAVED + 2048, RC_CORRUPT}, {STATE_BODY - 1, RC_CORRUPT},
	    {STATE_BODY, RC_OK}, {STATE_BODY + 1, RC_OK}, {1 << 20, RC_OK}};
	int fd = fresh(*state);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct order o = {100, 1000, 880, (uint64_t)places[i].at, 2,
		    digest_quick(0, right, 2)};

		assert_true(pwrite(fd, right, 2, places[i].at) == 2);
		assert_int_equal(order_check(&o, fd), places[i].rc);
		/* in a file that ends before it, or in the middle of it */
		assert_int_equal(ftruncate(fd, places[i].at + 1), 0);
		assert_int_equal(order_check(&o, fd), RC_CORRUPT);
		assert_int_equal(ftruncate(fd, places[i].at), 0);
		assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	}
	close(fd);
}

/* A list in the small place must not reach into the next one. */
static void
long_list_in_the_small_place(void **state)
{
	enum { FULL = STATE_LIST_OCTETS, MORE = FULL + 2 };
	int fd = fresh(*state);
	char octets[MORE];
	struct order o = {0, 100000, 0, STATE_LIST, 0, 0};

	memset(octets, 1, sizeof(octets));
	assert_true(pwrite(fd, octets, MORE, STATE_LIST) == MORE);
	o.list_len = FULL;
	o.gap = 100000 - FULL / 2;
	for (size_t at = 0; at < FULL; at += STATE_BLOCK)
		o.list_sum = digest_quick(o.list_sum, octets + at, STATE_BLOCK);
	assert_int_equal(order_check(&o, fd), RC_OK);
	o.list_len = MORE;
	o.gap = 100000 - MORE / 2;
	o.list_sum = digest_quick(o.list_sum, octets, 2);
	assert_int_equal(order_check(&o, fd), RC_CORRUPT);
	assert_true(pwrite(fd, octets, MORE, STATE_BODY) == MORE);
	o.list_at = STATE_BODY;
	assert_int_equal(order_check(&o, fd), RC_OK);
	close(fd);
}

/* Every field driven to its extremes: refused, and nothing worse. */
static void
extreme_orders(void **state)
{
	static const uint64_t extremes[] = {0, 1, 2, 99, 100, 101, 999, 1000,
	    1001, 4096, UINT32_MAX, INT64_MAX - 1, INT64_MAX, UINT64_C(1) << 63,
	    UINT64_MAX - 1, UINT64_MAX};
	enum { N = sizeof(extremes) / sizeof(extremes[0]), FIELDS = 6 };
	int fd = fresh(*state);
	const struct order right = LIST(880, "\x0a\x14");
	uint64_t seed = 17;

	assert_int_equal(order_check(&right, fd), RC_OK);
	for (size_t field = 0; field < FIELDS; field++) {
		for (size_t i = 0; i < N; i++) {
			uint64_t n[FIELDS];
			struct order o;

			memcpy(n, &right, sizeof(n));
			if (n[field] == extremes[i])
				continue;
			n[field] = extremes[i];
			memcpy(&o, n, sizeof(o));
			assert_int_equal(order_check(&o, fd), RC_CORRUPT);
		}
	}
	for (unsigned round = 0; round < 100000; round++) {
		uint64_t n[FIELDS];
		struct order o;

		memcpy(n, &right, sizeof(n));
		for (unsigned k = 0; k < 1 + round % 3; k++)
			n[dice(&seed, FIELDS)] = extremes[dice(&seed, N)];
		memcpy(&o, n, sizeof(o));
		if (order_check(&o, fd) != RC_OK)
			continue;
		assert_true(o.size <= INT64_MAX && o.from < o.size);
		assert_true(o.gap > 0 && o.gap <= o.size - o.from);
		assert_int_equal(o.size - o.from - o.gap, 10 * o.list_len);
	}
	close(fd);
}

/* Lists of chance: one that passes has extents in order and within the file,
 * and as many octets as are to stay. */
static void
lists_of_chance(void **state)
{
	int fd = fresh(*state);
	uint64_t seed = 23;
	unsigned passed = 0;

	for (unsigned round = 0; round < 200000; round++) {
		unsigned char octets[12];
		size_t n = dice(&seed, sizeof(octets) + 1);
		uint64_t stays = 0, end = 100;
		struct stream s;
		struct order o;
		enum rc rc;

		for (size_t i = 0; i < n; i++)
			octets[i] = (unsigned char)dice(
			    &seed, dice(&seed, 4) == 0 ? 256 : 60);
		o = hostile(fd, octets, n, 0);
		stream_begin(&s, &o, fd, o.size);
		while ((rc = stream_next(&s)) == RC_OK) {
			assert_true(s.now.len > 0);
			assert_true((uint64_t)s.now.from > end);
			end = (uint64_t)(s.now.from + s.now.len);
			assert_true(end <= 1000);
			stays += (uint64_t)s.now.len;
		}
		o.gap = 900 - stays;
		assert_int_equal(
		    order_check(&o, fd), rc == RC_EOF ? RC_OK : RC_CORRUPT);
		passed += rc == RC_EOF;
	}
	assert_true(passed > 1000);
	close(fd);
}

static void
unreadable(void **state)
{
	const struct spool *s = *state;
	int fd = fresh(s), blind;
	struct order o = LIST(880, "\x0a\x14");
	struct stream stream;

	close(fd);
	blind = spool_open(s->state, O_WRONLY);
	errno = 0;
	assert_int_equal(order_check(&o, blind), RC_IO);
	assert_int_equal(errno, EBADF);
	stream_begin(&stream, &o, blind, o.size);
	assert_int_equal(stream_skip(&stream, 1), RC_IO);
	assert_int_equal(order_check(&o, -1), RC_IO);
	close(blind);
}

static int
make(void **state)
{
	limit = INT64_MAX;
	return spool_make(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, spool_remove)

/* other_extent - what next_extent tells, but a greater length when it is told
 * for the second time. */
static enum rc
other_extent(void *context, struct extent *out)
{
	struct extents *x = context;
	enum rc rc = next_extent(context, out);

	if (rc == RC_OK)
		out->len += x->end == RC_EOF ? 0 : 1000;
	x->end = x->i == x->count ? RC_BUSY : x->end;
	return rc == RC_BUSY ? RC_EOF : rc;
}

/* What tells one thing when the list is measured and another when it is written
 * is a bug, and no order comes of it. */
static void
survivors_that_change(void **state)
{
	const struct extent e = {10, 100};
	struct extents x = {&e, 1, 0, RC_EOF};
	struct survivors s = {0, 5000, other_extent, rewind_extents, &x};
	struct order o;
	int fd = fresh(*state);

	assert_int_equal(survivors_list(&s, fd, &o), RC_BUG);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_subset),
	    CASE(numbers_of_every_width),
	    CASE(lists_of_every_length),
	    CASE(no_list),
	    CASE(source_that_fails),
	    CASE(no_room),
	    CASE(skips_as_it_reads),
	    CASE(what_came_later_stays),
	    cmocka_unit_test(order_travels),
	    cmocka_unit_test(seen_travels),
	    CASE(lists_that_lie),
	    CASE(lists_out_of_place),
	    CASE(long_list_in_the_small_place),
	    CASE(extreme_orders),
	    CASE(lists_of_chance),
	    CASE(unreadable),
	    CASE(survivors_that_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
