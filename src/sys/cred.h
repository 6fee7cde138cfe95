/* cred - who the process is, and how it becomes somebody else for good. */
#ifndef SYS_CRED_H
#define SYS_CRED_H

#include "sys/err.h"
#include <sys/types.h>

/* The longest user name and home directory, without their NULs. */
enum { NAME_OCTETS = 64, HOME_OCTETS = 1023 };

/* account - a user of this host, as the password database describes it. */
struct account {
	char name[NAME_OCTETS + 1];
	uid_t uid;
	gid_t gid;
	char home[HOME_OCTETS + 1];
};

/* CRED_NO_GROUP - no group to keep. Group 0 is never kept. */
#define CRED_NO_GROUP ((gid_t)-1)

/* cred_become - from root to the account for good: no supplementary group,
 * real, effective and saved ids the account's, but spool_gid (unless
 * CRED_NO_GROUP) stays as the saved group id, for cred_raise. Checks that
 * neither root nor anything else can be had back.
 * When the process is not root it must already be the account.
 * RC_DENIED: it is not, or the change did not hold, or the account is root:
 * the process must end; RC_IO with errno: likewise. */
enum rc cred_become(const struct account *who, gid_t spool_gid) MUST_CHECK;

/* cred_raise, cred_lower - make spool_gid the effective group, and give it up
 * again. Nothing happens for CRED_NO_GROUP. RC_IO with errno. */
enum rc cred_raise(gid_t spool_gid) MUST_CHECK;
enum rc cred_lower(gid_t gid) MUST_CHECK;

/* cred_jail - from root to uid and gid for good, with the empty directory
 * dirfd as root directory. RC_DENIED, RC_IO as in cred_become. */
enum rc cred_jail(uid_t uid, gid_t gid, int dirfd) MUST_CHECK;

#endif
