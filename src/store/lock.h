/* lock - both locks of a spool file: the dotlock beside it and fcntl on it.
 *
 * Programs in the field take the two in different orders, so nobody here ever
 * waits for one while holding the other: lock_try takes both or neither. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "sys/err.h"
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOCK_STALE_S = 300 }; /* the age at which a dotlock may be broken */

struct lock {
	int dirfd;               /* the spool directory, the caller's */
	int fd;                  /* the mailbox, the caller's */
	char name[NAME_MAX + 1]; /* of the mailbox within dirfd */
	char dot[NAME_MAX + 1];  /* of its dotlock */
	int dot_fd;              /* our dotlock; while it is open no other
				  * file can have its inode number */
	int next_fd;     /* the next dotlock, without a name yet, or -1 */
	int64_t next_ms; /* when it was made */
	unsigned held : 1;
	unsigned shared : 1;     /* fcntl for reading, and no dotlock */
	unsigned plain_temp : 1; /* make the dotlock from a named file */
};

/* lock_init - for the mailbox name in dirfd. RC_TOOLONG: with ".lock" it is no
 * file name any more. */
enum rc lock_init(struct lock *l, int dirfd, const char *name) MUST_CHECK;

/* lock_try - takes the dotlock and the fcntl write lock, or neither; never
 * waits. fd is the mailbox, open for writing: the process must have no other
 * descriptor on it, since closing one drops the lock. A dotlock is broken when
 * its owner was on this host and is gone, or when it and the mailbox have not
 * changed for LOCK_STALE_S by the file server's clock.
 * With l->shared set, an fcntl read lock is all: for a file that cannot be
 * changed anyway. RC_BUSY: somebody holds one of them; RC_CHANGED: the name no
 * longer belongs to fd, open it again; RC_DENIED: no right to make a dotlock
 * here; RC_IO. */
enum rc lock_try(struct lock *l, int fd) MUST_CHECK;

/* lock_prepare - makes the next dotlock, without a name as yet, so that
 * lock_try has less to do; nothing while l is held, or where files have names
 * from the beginning. What fails here is lock_try's to do. l->next_fd is the
 * caller's to close at last. */
void lock_prepare(struct lock *l);

/* lock_session - the write lock of a session on the file behind fd, at once or
 * not at all, in two parts. The first octet is this process's, until it ends or
 * closes the file; the rest is the open file's, until the last process that was
 * given fd has closed it: a session may outlive its broker. RC_BUSY: another
 * session has one of them; RC_IO with errno. */
enum rc lock_session(int fd) MUST_CHECK;

/* lock_owner - the process of this host that has the first octet of the file
 * behind fd; 0: none, or none that can be named. */
pid_t lock_owner(int fd);

/* lock_touch - the dotlock, if it is held, is as young as if just made. */
void lock_touch(const struct lock *l);

/* lock_release - gives up what is held, if anything. A dotlock that is not
 * ours any more stays. */
void lock_release(struct lock *l);

#endif
