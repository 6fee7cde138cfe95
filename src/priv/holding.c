/* holding - opening, locking and giving up one mailbox. The spool's group is
 * raised here, around the calls that need it, and nowhere else. */
#include "priv/holding.h"
#include "sys/file.h"
#include <fcntl.h>
#include <string.h>

void
holding_init(struct holding *h)
{
	memset(h, 0, sizeof(*h));
	h->place.dirfd = -1;
	h->mbox_fd = h->state_fd = -1;
}

enum rc
holding_begin(struct holding *h, const struct place *place,
    const struct account *who, gid_t spool_gid)
{
	enum rc rc;

	holding_init(h);
	h->place = *place;
	h->who = who;
	h->spool_gid = place->is_spool ? spool_gid : CRED_NO_GROUP;
	rc = lock_init(&h->lock, place->dirfd, place->name);
	return rc == RC_TOOLONG && !place->is_spool ? RC_NOSUCH : rc;
}

enum rc
holding_open_state(struct holding *h, int dirfd)
{
	enum rc rc = file_open_own(
	    dirfd, h->place.state, O_RDWR | O_CREAT, h->who->uid, &h->state_fd);

	if (rc == RC_OK)
		rc = lock_whole(h->state_fd);
	if (rc != RC_OK)
		file_close(&h->state_fd);
	return rc;
}

/* open_folder_to_read - for a folder that is not ours to change. */
static enum rc
open_folder_to_read(struct holding *h)
{
	enum rc rc;

	file_close(&h->mbox_fd);
	rc = file_open_own(
	    h->place.dirfd, h->place.name, O_RDONLY, h->who->uid, &h->mbox_fd);
	if (rc != RC_OK)
		return rc;
	h->lock.shared = 1;
	return lock_try(&h->lock, h->mbox_fd);
}

/* attempt - holding_try with the group raised. */
static enum rc
attempt(struct holding *h)
{
	enum rc rc = RC_OK;

	if (h->mbox_fd < 0)
		rc = file_open_own(h->place.dirfd, h->place.name,
		    h->lock.shared ? O_RDONLY : O_RDWR, h->who->uid,
		    &h->mbox_fd);
	if (rc == RC_OK)
		rc = lock_try(&h->lock, h->mbox_fd);
	if (h->place.is_spool)
		return rc;
	if (rc == RC_DENIED && !h->lock.shared)
		rc = open_folder_to_read(h);
	return rc == RC_DENIED ? RC_NOSUCH : rc;
}

static enum rc
release(struct holding *h)
{
	lock_release(&h->lock);
	return RC_OK;
}

/* with_group - does what with the spool's group raised. */
static enum rc
with_group(struct holding *h, enum rc (*what)(struct holding *h))
{
	enum rc rc, lowered;

	if (h->spool_gid == CRED_NO_GROUP)
		return what(h);
	rc = cred_raise(h->spool_gid);
	if (rc != RC_OK)
		return rc;
	rc = what(h);
	lowered = cred_lower(h->who->gid);
	return lowered == RC_OK ? rc : lowered;
}

enum rc
holding_try(struct holding *h)
{
	return with_group(h, attempt);
}

enum rc
holding_unlock(struct holding *h)
{
	return h->lock.held ? with_group(h, release) : RC_OK;
}

enum rc
holding_close(struct holding *h)
{
	enum rc rc = holding_unlock(h);

	file_close(&h->mbox_fd);
	file_close(&h->state_fd);
	place_close(&h->place);
	holding_init(h);
	return rc;
}

unsigned
holding_is(const struct holding *h, const struct place *place)
{
	return strcmp(h->place.state, place->state) == 0;
}
