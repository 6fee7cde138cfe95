/* mbox_scan - one pass over the file, in blocks: where messages begin, and how
 * many octets each will have on the wire. Knows the mbox format; what a From_
 * line is, from.c says.
 *
 * A message's content is what follows its From_ line, up to the next one,
 * without one blank line at its end (deliverers put it there, and it is there
 * or not depending on who comes next). On the wire a LF alone becomes CRLF and
 * a missing last line end is added, so
 *     octets = stored + LFs without CR + what the last line lacks. */
#include "store/from.h"
#include "store/index.h"
#include "store/mbox.h"
#include "sys/digest.h"
#include "sys/io.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
/* What the C library's loader has found out already: each CPUID instruction
 * costs a virtual machine some microseconds. */
#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

enum {
	BLOCK_OCTETS = 128 * 1024,
	LARGE_OCTETS = 1024 * 1024, /* a block in a mailbox that has */
	LARGE_FROM = 32 << 20,      /* so much: new pages cost time, too */
	BEHIND_OCTETS = 4, /* kept before the place that is looked at */
	PSEUDO_OCTETS = 4096,
	TICK_PAUSES = 12 /* milliseconds; a tick is at most 10 */
};

/* scanner - a window on the file. data[0] is at offset base; data[at..len) is
 * to be looked at; the octets before at that are in reach are at least
 * BEHIND_OCTETS, or all there are. */
struct scanner {
	struct maildrop *d;
	char *data;
	off_t base;
	size_t at, len;
	uint64_t bare; /* LFs without CR in the content so far */
	size_t (*sweep)(const char *p, size_t n, uint64_t *bare);
	unsigned last : 1;    /* the window reaches to the end */
	unsigned started : 1; /* a message has begun */
	unsigned at_bol : 1;  /* a line begins at at, which is not looked at */
};

uint32_t
mbox_sum(const char *line, size_t n)
{
	return digest_quick(0, line, n) & ((1u << MESSAGE_SUM_BITS) - 1);
}

/* is_past - whether a change now would have another time than was. The kernel's
 * clock for files moves in ticks, on some file systems in whole seconds. */
static unsigned
is_past(const struct timespec *was, const struct timespec *now)
{
	return now->tv_sec > was->tv_sec ||
	       (now->tv_sec == was->tv_sec && was->tv_nsec != 0 &&
		   now->tv_nsec > was->tv_nsec);
}

/* The clock comes first: what changes between the two has a later time. */
enum rc
mbox_mark(int fd, struct mark *out)
{
	struct timespec now;
	struct stat st;
	unsigned known = clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0;

	if (fstat(fd, &st) != 0)
		return RC_IO;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->links = st.st_nlink;
	out->size = st.st_size;
	out->mtime = st.st_mtim;
	out->ctime = st.st_ctim;
	out->quiet = known && is_past(&st.st_ctim, &now);
	return RC_OK;
}

/* sweep - goes over the n octets at p until one is the LF before "F" of what
 * may be a From_ line, and returns its index, or n; adds the LFs without CR
 * before that to *bare. There is an octet before p and LOOK_OCTETS behind the
 * n. The inner loop has a fixed length and no branches so that the compiler
 * makes it vector code; octets are counted in an octet, STEP is below 256. */
enum { STEP = 128, LOOK_OCTETS = 5 };

static inline __attribute__((always_inline)) size_t
sweep_with(const char *p, size_t n, uint64_t *bare)
{
	const char *start = p, *end = p + n;
	uint64_t total = 0;

	for (; (size_t)(end - p) >= STEP; p += STEP) {
		unsigned char part = 0, hits = 0;

		for (ptrdiff_t i = 0; i < STEP; i++) {
			unsigned char lf = p[i] == '\n';

			part =
			    (unsigned char)(part + (lf & (p[i - 1] != '\r')));
			hits |= (unsigned char)(lf & (p[i + 1] == 'F') &
						(p[i + 5] == ' '));
		}
		if (hits != 0)
			break;
		total += part;
	}
	for (; p < end; p++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			p = end;
		if (p == end || (p[1] == 'F' && p[5] == ' '))
			break;
		total += p[-1] != '\r';
	}
	*bare += total;
	return (size_t)(p - start);
}

static size_t
sweep_plain(const char *p, size_t n, uint64_t *bare)
{
	return sweep_with(p, n, bare);
}

#ifdef CPU_FEATURE_ACTIVE
static __attribute__((target("avx2"))) size_t
sweep_avx2(const char *p, size_t n, uint64_t *bare)
{
	return sweep_with(p, n, bare);
}
#endif

/* tail_of - the octets of a blank line that ends before index at, behind a
 * line end; content is that many octets. The window has BEHIND_OCTETS before
 * at. */
static unsigned
tail_of(const struct scanner *s, size_t at, uint64_t content)
{
	const char *p = s->data + at;

	if (content >= 1 && p[-1] == '\n' && p[-2] == '\n')
		return 1;
	if (content >= 2 && p[-1] == '\n' && p[-2] == '\r' && p[-3] == '\n')
		return 2;
	return 0;
}

/* end_message - the message that has begun ends before index at. */
static enum rc
end_message(struct scanner *s)
{
	struct message *m;
	uint64_t stored, octets;
	unsigned tail;

	if (!s->started)
		return RC_OK;
	m = &s->d->msg[s->d->count - 1];
	stored = (uint64_t)s->base + s->at - m->at - m->from_len;
	tail = tail_of(s, s->at, stored);
	octets = stored - tail + s->bare - (tail == 1);
	if (stored > 0 && s->data[s->at - 1] != '\n')
		octets += s->data[s->at - 1] == '\r' ? 1 : 2;
	if (octets >> MESSAGE_OCTETS_BITS != 0)
		return RC_LIMIT;
	m->tail = tail & 3u;
	m->octets = octets & ((UINT64_C(1) << MESSAGE_OCTETS_BITS) - 1);
	return RC_OK;
}

/* begin_message - the window's octets from at are a From_ line, n with its
 * end. */
static enum rc
begin_message(struct scanner *s, size_t n)
{
	uint64_t at = (uint64_t)s->base + s->at;
	struct message *m;
	enum rc rc = end_message(s);

	if (rc == RC_OK)
		rc = maildrop_add(s->d, &m);
	if (rc != RC_OK)
		return rc;
	m->at = at & ((UINT64_C(1) << MESSAGE_AT_BITS) - 1);
	m->from_len = n & ((1u << MESSAGE_FROM_BITS) - 1);
	m->from_sum =
	    mbox_sum(s->data + s->at, n) & ((1u << MESSAGE_SUM_BITS) - 1);
	m->from_bare = s->data[s->at + n - 2] != '\r';
	s->at += n;
	s->at_bol = 1;
	s->started = 1;
	s->bare = 0;
	return RC_OK;
}

/* line_at - the octets of the line at index at, with its end; 0 when the end is
 * not in the window, or too far away for a From_ line. */
static size_t
line_at(const struct scanner *s, size_t at)
{
	size_t n = s->len - at;
	const char *lf;

	lf = memchr(
	    s->data + at, '\n', n < FROM_MAX_OCTETS ? n : FROM_MAX_OCTETS);
	return lf == NULL ? 0 : (size_t)(lf - (s->data + at)) + 1;
}

/* look - finds the From_ lines in the window, and leaves at before what needs
 * more octets to be told. A message has begun, so there is an octet before
 * at. */
static enum rc
look(struct scanner *s)
{
	for (;;) {
		size_t stop, n;
		enum rc rc;

		if (s->at_bol) {
			if (!s->last && s->len - s->at < FROM_MAX_OCTETS)
				return RC_OK;
			s->at_bol = 0;
			n = line_at(s, s->at);
			if (n > 0 && from_is_valid(s->data + s->at, n - 1)) {
				rc = begin_message(s, n);
				if (rc != RC_OK)
					return rc;
				continue;
			}
		}
		stop = s->last ? s->len : s->len - LOOK_OCTETS;
		if (s->at >= stop)
			return RC_OK;
		s->at += s->sweep(s->data + s->at, stop - s->at, &s->bare);
		if (s->at == stop)
			return RC_OK;
		s->bare += s->data[s->at - 1] != '\r';
		s->at++;
		s->at_bol = 1;
	}
}

/* slide - moves the window on, and fills it up. */
static enum rc
slide(struct scanner *s)
{
	size_t gone = s->at > BEHIND_OCTETS ? s->at - BEHIND_OCTETS : 0;
	off_t left;
	size_t room, got;
	enum rc rc;

	memmove(s->data, s->data + gone, s->len - gone);
	s->base += (off_t)gone;
	s->at -= gone;
	s->len -= gone;
	left = s->d->end - s->base - (off_t)s->len;
	room = (s->base < LARGE_FROM ? BLOCK_OCTETS : LARGE_OCTETS) - s->len;
	if (left < (off_t)room)
		room = (size_t)left;
	rc = io_pread(
	    s->d->fd, s->data + s->len, room, s->base + (off_t)s->len, &got);
	if (rc != RC_OK)
		return rc;
	if (got != room)
		return RC_CHANGED;
	s->len += got;
	s->last = s->base + (off_t)s->len == s->d->end;
	return RC_OK;
}

/* begin - the first message, behind blank lines if there are any. RC_CORRUPT:
 * the file begins with something else. */
static enum rc
begin(struct scanner *s)
{
	size_t n;

	for (;;) {
		enum rc rc;

		while (s->at < s->len &&
		       (s->data[s->at] == '\n' || s->data[s->at] == '\r'))
			s->at++;
		if (s->last || s->len - s->at >= FROM_MAX_OCTETS)
			break;
		rc = slide(s);
		if (rc != RC_OK)
			return rc;
	}
	if (s->at == s->len)
		return RC_OK;
	n = line_at(s, s->at);
	if (n == 0 || !from_is_valid(s->data + s->at, n - 1) ||
	    (s->at > 0 && s->data[s->at - 1] != '\n'))
		return RC_CORRUPT;
	return begin_message(s, n);
}

/* is_pseudo - whether the first message is the one in which c-client keeps its
 * own notes: from MAILER-DAEMON, with that subject and an X-IMAP field. */
static enum rc
is_pseudo(struct maildrop *d, unsigned *out)
{
	static const char from[] = "From MAILER-DAEMON ";
	static const char subject[] = "\nSubject: DON'T DELETE THIS MESSAGE "
				      "-- FOLDER INTERNAL DATA";
	char head[PSEUDO_OCTETS + 1], *end;
	off_t at = (off_t)d->msg[0].at, all = mbox_next(d, 0) - at;
	size_t got, size = all < PSEUDO_OCTETS ? (size_t)all : PSEUDO_OCTETS;
	enum rc rc;

	*out = 0;
	rc = io_pread(d->fd, head, size, at, &got);
	if (rc != RC_OK)
		return rc;
	head[got] = '\0';
	if (got < sizeof(from) || memcmp(head, from, sizeof(from) - 1) != 0)
		return RC_OK;
	end = strstr(head, "\n\n");
	if (end == NULL)
		end = strstr(head, "\r\n\r\n");
	if (end != NULL)
		*end = '\0';
	*out = strstr(head, subject) != NULL &&
	       (strstr(head, "\nX-IMAP: ") != NULL ||
		   strstr(head, "\nX-IMAPbase: ") != NULL);
	return RC_OK;
}

/* hide_pseudo - takes c-client's message out of the count; it stays in the
 * file, since nobody marks it. */
static enum rc
hide_pseudo(struct maildrop *d)
{
	unsigned pseudo;
	enum rc rc;

	if (d->count == 0)
		return RC_OK;
	rc = is_pseudo(d, &pseudo);
	if (rc == RC_OK && pseudo) {
		d->count--;
		memmove(d->msg, d->msg + 1, d->count * sizeof(*d->msg));
	}
	return rc;
}

enum rc
mbox_quiet_mark(int fd, struct mark *out)
{
	for (unsigned pauses = 0;; pauses++) {
		enum rc rc = mbox_mark(fd, out);

		if (rc != RC_OK || out->quiet || pauses == TICK_PAUSES)
			return rc;
		io_pause(1);
	}
}

/* scan_from - finds the messages of d from the offset at on. */
static enum rc
scan_from(struct maildrop *d, off_t at)
{
	struct scanner s = {.d = d, .base = at, .sweep = sweep_plain};
	enum rc rc;

#ifdef CPU_FEATURE_ACTIVE
	if (CPU_FEATURE_ACTIVE(AVX2))
		s.sweep = sweep_avx2;
#endif
	/* Not by malloc, which would keep it. */
	s.data = mmap(NULL, LARGE_OCTETS + LOOK_OCTETS, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s.data == MAP_FAILED)
		return RC_NOMEM;
	rc = slide(&s);
	if (rc == RC_OK)
		rc = begin(&s);
	while (rc == RC_OK && s.started) {
		rc = look(&s);
		if (rc != RC_OK || s.last)
			break;
		rc = slide(&s);
	}
	if (rc == RC_OK)
		rc = end_message(&s);
	(void)munmap(s.data, LARGE_OCTETS + LOOK_OCTETS);
	return rc;
}

enum rc
mbox_compare(struct maildrop *d)
{
	struct maildrop now = {.fd = d->fd, .end = d->end};
	enum rc rc = scan_from(&now, 0);

	if (rc == RC_OK)
		rc = hide_pseudo(&now);
	if (rc == RC_CORRUPT || (rc == RC_OK && now.count != d->count))
		rc = RC_CHANGED;
	for (size_t i = 0; i < d->count && rc == RC_OK; i++) {
		struct message m = d->msg[i];

		m.deleted = m.sampled = 0;
		memset(m.id, 0, sizeof(m.id));
		if (memcmp(&m, &now.msg[i], sizeof(m)) != 0)
			rc = RC_CHANGED;
		else
			d->msg[i].sampled = 0;
	}
	free(now.msg);
	return rc;
}

/* Of a mailbox that is in the index only what is new is read, and the last
 * message before it: how that one ends depends on what follows. */
enum rc
mbox_scan(struct maildrop *d)
{
	enum rc rc = mbox_quiet_mark(d->fd, &d->mark);
	off_t at = 0;

	if (rc != RC_OK || d->mark.size == 0)
		return rc;
	if ((uint64_t)d->mark.size >> MESSAGE_AT_BITS != 0)
		return RC_LIMIT;
	rc = index_load(d);
	if (rc == RC_OK && d->count > 0 && d->end == d->mark.size) {
		d->fresh = d->end;
		return RC_OK;
	}
	d->end = d->fresh = d->mark.size;
	if (rc == RC_OK && d->count > 1) {
		at = (off_t)d->msg[--d->count].at;
		if (d->with_ids > d->count)
			d->with_ids = d->count;
	} else {
		d->count = d->with_ids = 0;
	}
	d->identified = 0;
	if (rc == RC_OK)
		rc = scan_from(d, at);
	if (rc == RC_CORRUPT && at > 0) { /* the index lied */
		d->count = d->with_ids = 0;
		at = 0;
		rc = scan_from(d, at);
	}
	if (rc == RC_OK && at == 0)
		rc = hide_pseudo(d);
	if (rc == RC_OK)
		index_save(d);
	return rc;
}
