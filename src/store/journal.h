/* journal - moving the survivors of a deletion to the front of the file.
 *
 * The seam for UPDATE: whoever deletes says which octets stay, journal_run
 * makes it so. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "sys/err.h"
#include <sys/types.h>

/* extent - len octets of a file, from an offset. */
struct extent {
	off_t from, len;
};

struct journal_plan {
	off_t from;     /* the first octet that goes */
	off_t old_size; /* of the whole file, before */
	off_t new_size; /* and after */
	/* The survivors behind from, in rising order; RC_EOF behind the last.
	 */
	enum rc (*next)(void *context, struct extent *out);
	void *context;
};

/* journal_run - leaves in mbox_fd the octets before plan->from and the
 * survivors behind them, nothing else, and on the disk when it returns. The
 * spool locks are held. RC_NOMEM: nothing was moved; RC_CHANGED: the file is
 * shorter than the plan says, nothing behind the shortage was moved; RC_IO with
 * errno: the disk failed. */
enum rc journal_run(
    int state_fd, int mbox_fd, const struct journal_plan *plan) MUST_CHECK;

#endif
