/* survivors - the octets of a file that a deletion leaves, as a list in the
 * state file and as one stream.
 *
 * The list is pairs of numbers, low seven bits first: octets that go, octets
 * that stay, from one place to the next. What came behind the place where it
 * was made stays without being listed. */
#ifndef STORE_SURVIVORS_H
#define STORE_SURVIVORS_H

#include "sys/buf.h"
#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The places in a state file; each in a block of its own, since a power cut
 * may spoil the whole block that was being written. */
enum {
	STATE_NOTE = 0,      /* since when the session lock is held */
	STATE_SLOT = 4096,   /* two headers of the journal, a block each */
	STATE_LIST = 12288,  /* a list of survivors, if it fits */
	STATE_SAVED = 28672, /* octets that are being moved, likewise */
	STATE_BODY = 32768,  /* what may be lost: notes on the mailbox */
	STATE_BLOCK = 4096,
	STATE_LIST_OCTETS = STATE_SAVED - STATE_LIST
};

/* extent - len octets of a file, from an offset. */
struct extent {
	off_t from, len;
};

/* survivors - what stays of a file, as the deleting side knows it. */
struct survivors {
	off_t from; /* the first octet that goes */
	off_t size; /* of the whole file */
	/* The extents behind from, in rising order, with something between
	 * them; RC_EOF behind the last. */
	enum rc (*next)(void *context, struct extent *out);
	void (*rewind)(void *context);
	void *context;
};

/* order - what shall go, between the side that knows the mail and the side
 * that moves octets. */
struct order {
	uint64_t from, size;                  /* as above */
	uint64_t gap;                         /* octets that go */
	uint64_t list_at, list_len, list_sum; /* where the list is; no list:
					       * nothing behind from stays */
};

enum { ORDER_OCTETS = 6 * 8 };

/* order_put, order_get - for the way between the two. RC_TOOLONG; RC_CORRUPT:
 * too short. */
enum rc order_put(struct buf *b, const struct order *order) MUST_CHECK;
enum rc order_get(struct buf *b, struct order *out) MUST_CHECK;

/* seen - when the mailbox was changed last, as the side knows it that made the
 * order; its size is in the order. */
struct seen {
	struct timespec mtime, ctime;
};

enum { SEEN_OCTETS = 4 * 8 };

/* seen_put, seen_get - likewise. */
enum rc seen_put(struct buf *b, const struct seen *seen) MUST_CHECK;
enum rc seen_get(struct buf *b, struct seen *out) MUST_CHECK;

/* survivors_list - writes the list of s into the state file and says in *out
 * where. Errors of s->next; RC_LIMIT: there is something to list and no state
 * file; RC_IO with errno: no room, for one. Nothing but the state file has been
 * touched then. */
enum rc survivors_list(
    const struct survivors *s, int state_fd, struct order *out) MUST_CHECK;

/* stream - the survivors' octets one behind the other. */
struct stream {
	const struct order *order;
	int fd;             /* the state file */
	uint64_t size;      /* of the mailbox now */
	struct extent now;  /* what is left of the extent that is being read */
	uint64_t end;       /* where the one before it ended */
	uint64_t read, sum; /* of the list */
	size_t len, pos;
	unsigned char window[STATE_BLOCK];
};

/* stream_begin - at the first octet. size: of the mailbox now. */
void stream_begin(
    struct stream *s, const struct order *order, int state_fd, uint64_t size);

/* stream_next - makes s->now the next extent. RC_EOF: there is none;
 * RC_CORRUPT: the list is damaged; RC_IO. */
enum rc stream_next(struct stream *s) MUST_CHECK;

/* stream_skip - passes n octets. RC_CORRUPT: there are not so many; RC_IO. */
enum rc stream_skip(struct stream *s, uint64_t n) MUST_CHECK;

/* order_check - RC_OK when order and its list, which somebody else has
 * written, hold together: every extent is behind the one before, within the
 * file, and so many octets go. RC_CORRUPT, RC_IO. */
enum rc order_check(const struct order *order, int state_fd) MUST_CHECK;

#endif
