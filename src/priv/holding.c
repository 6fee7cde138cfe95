/* holding - opening, locking and giving up one mailbox. The spool's group is
 * raised here, around the calls that need it, and nowhere else. */
#include "priv/holding.h"
#include "store/journal.h"
#include "sys/buf.h"
#include "sys/file.h"
#include "sys/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void
holding_init(struct holding *h)
{
	memset(h, 0, sizeof(*h));
	h->place.dirfd = h->lock.next_fd = -1;
	h->mbox_fd = h->read_fd = h->state_fd = h->journal_fd = -1;
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

/* cannot_be_used - what a state file is that this process may not write to:
 * RC_DENIED, none, for no deletion waits in it; RC_IO: there may be one. */
static enum rc
cannot_be_used(int dirfd, const char *name)
{
	int fd = openat(dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum rc rc = RC_IO;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? RC_DENIED : RC_IO;
	if (fstat(fd, &st) == 0)
		rc = S_ISREG(st.st_mode) ? journal_idle(fd) : RC_OK;
	close(fd);
	if (rc == RC_STATE)
		errno = EACCES;
	return rc == RC_OK ? RC_DENIED : RC_IO;
}

enum rc
holding_open_state(struct holding *h, int dirfd)
{
	enum rc rc = RC_CHANGED;

	/* Another session may be making it just now. */
	for (unsigned i = 0; i < 8 && rc == RC_CHANGED; i++)
		rc = file_open_own(dirfd, h->place.state, O_RDWR | O_CREAT,
		    h->who->uid, &h->state_fd);
	return rc == RC_DENIED ? cannot_be_used(dirfd, h->place.state) : rc;
}

/* The note in the state file: "popdsess", and since when the session lock has
 * been held, in seconds. */
static const char note_magic[8] = {'p', 'o', 'p', 'd', 's', 'e', 's', 's'};

enum rc
holding_claim(struct holding *h)
{
	unsigned char note[sizeof(note_magic) + 8];
	struct buf b;
	enum rc rc = lock_session(h->state_fd);

	if (rc == RC_OK) {
		buf_init(&b, note, sizeof(note));
		if (buf_put(&b, note_magic, sizeof(note_magic)) != RC_OK ||
		    buf_put_u64(&b, (uint64_t)time(NULL)) != RC_OK ||
		    io_pwrite(h->state_fd, note, b.len, STATE_NOTE) != RC_OK)
			return RC_OK; /* the disk is full: nobody knows when */
	} else if (rc != RC_BUSY) {
		file_close(&h->state_fd);
	}
	return rc;
}

pid_t
holding_rival(const struct holding *h, unsigned *busy_s)
{
	unsigned char note[sizeof(note_magic) + 8];
	uint64_t since, now = (uint64_t)time(NULL);
	struct buf b;
	size_t got;

	*busy_s = 1;
	buf_init(&b, note, sizeof(note));
	b.len = sizeof(note);
	b.pos = sizeof(note_magic);
	if (io_pread(h->state_fd, note, sizeof(note), STATE_NOTE, &got) ==
		RC_OK &&
	    got == sizeof(note) &&
	    memcmp(note, note_magic, sizeof(note_magic)) == 0 &&
	    buf_get_u64(&b, &since) == RC_OK && since < now &&
	    now - since <= UINT32_MAX)
		*busy_s = (unsigned)(now - since);
	return lock_owner(h->state_fd);
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

/* open_to_read - a descriptor for the session, which is not to write. It stays
 * open: a process that closes any descriptor of a file loses its lock. */
static enum rc
open_to_read(struct holding *h)
{
	struct stat ours, read;

	h->read_fd = openat(h->place.dirfd, h->place.name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (h->read_fd >= 0 && fstat(h->mbox_fd, &ours) == 0 &&
	    fstat(h->read_fd, &read) == 0 && ours.st_ino == read.st_ino &&
	    ours.st_dev == read.st_dev)
		return RC_OK;
	lock_release(&h->lock);
	file_close(&h->read_fd);
	return RC_CHANGED;
}

/* journal_name - of the journal beside the mailbox; 0: too long for one. */
static unsigned
journal_name(const struct holding *h, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.in.popd", h->place.name);

	return n > 0 && n <= NAME_MAX;
}

/* open_journal - the journal beside the mailbox, where there is to be one;
 * flags as file_open_own. */
static enum rc
open_journal(struct holding *h, int flags)
{
	char name[NAME_MAX + 1];
	enum rc rc;

	if (h->journal_fd >= 0 || h->lock.shared || h->mbox_fd < 0 ||
	    !journal_name(h, name))
		return RC_NOSUCH;
	rc = file_open_own(
	    h->place.dirfd, name, flags, h->who->uid, &h->journal_fd);
	if (rc == RC_OK)
		rc = lock_session(h->journal_fd);
	if (rc == RC_BUSY) /* of a session whose broker is gone */
		file_close(&h->journal_fd);
	return rc;
}

/* find_journal - one that is there. What somebody else has put in its place is
 * none; what cannot be opened may be one. */
static enum rc
find_journal(struct holding *h)
{
	enum rc rc = open_journal(h, O_RDWR);

	if (rc == RC_CHANGED)
		return RC_BUSY;
	return rc == RC_NOSUCH || rc == RC_DENIED ? RC_OK : rc;
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
	if (rc == RC_OK && h->read_fd < 0 && !h->lock.shared)
		rc = open_to_read(h);
	if (rc == RC_OK) {
		rc = find_journal(h);
		if (rc != RC_OK)
			lock_release(&h->lock);
	}
	if (h->place.is_spool)
		return rc;
	if (rc == RC_DENIED && !h->lock.shared)
		rc = open_folder_to_read(h);
	return rc == RC_DENIED ? RC_NOSUCH : rc;
}

/* drop_journal - the one beside the mailbox, if nothing is under way in it. */
static enum rc
drop_journal(struct holding *h)
{
	char name[NAME_MAX + 1];

	if (h->journal_fd >= 0 && journal_idle(h->journal_fd) == RC_OK &&
	    journal_name(h, name) &&
	    file_is_still(h->journal_fd, h->place.dirfd, name) == RC_OK)
		unlinkat(h->place.dirfd, name, 0);
	file_close(&h->journal_fd);
	return RC_OK;
}

/* release - the locks, and the journal. */
static enum rc
release(struct holding *h)
{
	enum rc rc = drop_journal(h);

	lock_release(&h->lock);
	return rc;
}

static enum rc
make_journal(struct holding *h)
{
	return open_journal(h, O_RDWR | O_CREAT);
}

/* with_group - does what with the spool's group raised. */
static enum rc
with_group(struct holding *h, enum rc (*what)(struct holding *h))
{
	enum rc rc;

	if (h->spool_gid == CRED_NO_GROUP)
		return what(h);
	rc = cred_raise(h->spool_gid);
	if (rc != RC_OK)
		return rc;
	rc = what(h);
	h->raised = cred_lower(h->who->gid) != RC_OK;
	return h->raised ? RC_IO : rc;
}

static enum rc
prepare(struct holding *h)
{
	lock_prepare(&h->lock);
	return RC_OK;
}

enum rc
holding_prepare(struct holding *h)
{
	return with_group(h, prepare);
}

enum rc
holding_try(struct holding *h)
{
	return with_group(h, attempt);
}

/* journal - where it is, or -1. */
static int
journal(const struct holding *h)
{
	return h->state_fd >= 0 ? h->state_fd : h->journal_fd;
}

/* recover_from - the journal in fd, where there is one. RC_IO: what waits in it
 * cannot be done, the mailbox is absent or not ours to change. */
static enum rc
recover_from(const struct holding *h, int fd, unsigned *finished)
{
	enum rc rc;

	if (fd < 0)
		return RC_OK;
	if (h->mbox_fd >= 0 && !h->lock.shared)
		return journal_recover(fd, h->mbox_fd, finished);
	rc = journal_idle(fd);
	if (rc == RC_STATE)
		errno = h->mbox_fd < 0 ? ENOENT : EROFS;
	return rc == RC_OK ? rc : RC_IO;
}

/* Both: for some time there may have been no state. */
enum rc
holding_recover(struct holding *h, unsigned *finished)
{
	unsigned beside = 0;
	enum rc rc = recover_from(h, h->journal_fd, &beside), dropped;

	*finished = beside;
	if ((rc != RC_OK && rc != RC_CHANGED) || h->state_fd < 0)
		return rc;
	if (h->journal_fd >= 0) {
		dropped = with_group(h, drop_journal);
		if (dropped != RC_OK)
			return dropped;
	}
	dropped = recover_from(h, h->state_fd, finished);
	*finished |= beside;
	return dropped != RC_OK ? dropped : rc;
}

void
holding_journal(struct holding *h)
{
	if (h->state_fd < 0 && with_group(h, make_journal) != RC_OK)
		return; /* it matters only when octets must move */
}

enum rc
holding_update(struct holding *h, const struct order *order)
{
	if (!h->lock.held || h->lock.shared || h->mbox_fd < 0)
		return RC_STATE;
	return journal_run(journal(h), h->mbox_fd, order);
}

/* is_as_seen - whether nobody has changed the mailbox since. Its size is looked
 * at by holding_update. */
static enum rc
is_as_seen(const struct holding *h, const struct seen *seen)
{
	struct stat st;

	if (fstat(h->mbox_fd, &st) != 0)
		return RC_IO;
	return st.st_mtim.tv_sec == seen->mtime.tv_sec &&
		       st.st_mtim.tv_nsec == seen->mtime.tv_nsec &&
		       st.st_ctim.tv_sec == seen->ctime.tv_sec &&
		       st.st_ctim.tv_nsec == seen->ctime.tv_nsec
		   ? RC_OK
		   : RC_CHANGED;
}

enum rc
holding_remove(
    struct holding *h, const struct order *order, const struct seen *seen)
{
	enum rc rc = h->mbox_fd >= 0 ? RC_OK : RC_STATE;

	if (rc == RC_OK && !h->lock.held)
		rc = holding_try(h);
	if (rc == RC_OK && h->state_fd >= 0 && h->journal_fd >= 0)
		rc = RC_STATE; /* there are two, to be recovered from first */
	if (rc == RC_OK && journal(h) >= 0)
		rc = journal_idle(journal(h));
	if (rc == RC_OK)
		rc = is_as_seen(h, seen);
	return rc == RC_OK ? holding_update(h, order) : rc;
}

void
holding_reopen(struct holding *h)
{
	file_close(&h->mbox_fd);
	file_close(&h->read_fd);
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

	holding_reopen(h);
	file_close(&h->lock.next_fd);
	file_close(&h->state_fd);
	file_close(&h->journal_fd);
	place_close(&h->place);
	holding_init(h);
	return rc;
}

unsigned
holding_is(const struct holding *h, const struct place *place)
{
	return strcmp(h->place.state, place->state) == 0;
}
