/* journal - moving the survivors of a deletion to the front of the file, in
 * place: deliverers may hold the inode open and wait for its lock, so another
 * file must never take its name. Knows octets and offsets, and no mail.
 *
 * What holds here, in the order of the code:
 *  1. All memory is there, and the disk has taken a write at the farthest
 *     place, before the first octet moves.
 *  2. An octet moves only towards the front, so no survivor is overwritten
 *     before it has been read.
 *  3. The moved octets are on the disk before the file is cut, and the cut is
 *     on the disk before the caller hears RC_OK.
 * A process that is killed in between leaves every survivor in the file, some
 * of them twice; the state file's journal will make that whole as well. */
#include "store/journal.h"
#include "sys/io.h"
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_OCTETS = 256 * 1024 };

/* shift - moves one extent to offset to, block by block. */
static enum rc
shift(int fd, const struct extent *e, off_t to, char *block)
{
	for (off_t done = 0; done < e->len;) {
		off_t left = e->len - done;
		size_t n = left < BLOCK_OCTETS ? (size_t)left : BLOCK_OCTETS;
		size_t got;
		enum rc rc = io_pread(fd, block, n, e->from + done, &got);

		if (rc == RC_OK && got != n)
			rc = RC_CHANGED;
		if (rc == RC_OK)
			rc = io_pwrite(fd, block, n, to + done);
		if (rc != RC_OK)
			return rc;
		done += (off_t)n;
	}
	return RC_OK;
}

/* probe - writes the last octet of those that will be written, as it is: a
 * file-size limit, or a descriptor that cannot write, shows before anything
 * has moved. */
static enum rc
probe(int fd, off_t new_size)
{
	char octet;
	size_t got;
	enum rc rc = io_pread(fd, &octet, 1, new_size - 1, &got);

	if (rc == RC_OK && got != 1)
		rc = RC_CHANGED;
	return rc == RC_OK ? io_pwrite(fd, &octet, 1, new_size - 1) : rc;
}

enum rc
journal_run(int state_fd, int mbox_fd, const struct journal_plan *plan)
{
	char *block = NULL;
	struct extent e;
	off_t to = plan->from;
	enum rc rc;

	(void)state_fd;
	rc = plan->next(plan->context, &e);
	if (rc == RC_OK) {
		block = malloc(BLOCK_OCTETS);
		if (block == NULL)
			return RC_NOMEM;
		rc = probe(mbox_fd, plan->new_size);
	}
	while (rc == RC_OK) {
		rc = shift(mbox_fd, &e, to, block);
		to += e.len;
		if (rc == RC_OK)
			rc = plan->next(plan->context, &e);
	}
	free(block);
	if (rc != RC_EOF)
		return rc;
	if (to != plan->from && fdatasync(mbox_fd) != 0)
		return RC_IO;
	if (ftruncate(mbox_fd, plan->new_size) != 0 || fdatasync(mbox_fd) != 0)
		return RC_IO;
	return RC_OK;
}
