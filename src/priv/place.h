/* place - where a mailbox lies, from the name that a client gave. */
#ifndef PRIV_PLACE_H
#define PRIV_PLACE_H

#include "sys/cred.h"
#include "sys/err.h"
#include <limits.h>

enum { PLACE_STATE_OCTETS = 40 };

struct place {
	int dirfd;               /* the directory; owned unless is_spool */
	char name[NAME_MAX + 1]; /* of the file in it */
	char state[PLACE_STATE_OCTETS]; /* of its state file */
	unsigned is_spool : 1;          /* the user's maildrop, not a folder */
};

/* place_find - the place of mailbox, for a process that already is the user.
 * The maildrop is "", INBOX in any case, the user's name, or the spool file's
 * path in spool_dir or where Unix mail has ever been (/usr/spool/mail,
 * /var/spool/mail, /var/mail). Anything else is a path below the home
 * directory, absolute, with "~/", or relative, that no link leads out of.
 * RC_NOSUCH: neither, or there is no such directory, or no right to get there;
 * RC_IO with errno. RFC 937, Default Mailboxes and FOLD. */
enum rc place_find(const char *mailbox, const struct account *who,
    const char *spool_dir, int spool_dirfd, struct place *out) MUST_CHECK;

/* place_close - what place_find opened. */
void place_close(struct place *p);

#endif
