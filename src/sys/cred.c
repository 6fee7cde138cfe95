/* cred - giving up root. setgroups, setresgid, setresuid in that order, then
 * proof that the way back is closed. Knows no protocol and no mail. */
#include "sys/cred.h"
#include <errno.h>
#include <grp.h>
#include <unistd.h>

/* is_final - RC_OK when root cannot be had back. */
static enum rc
is_final(void)
{
	return setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 ? RC_DENIED
								  : RC_OK;
}

/* give_up - root for uid and gid, saved stays as the saved group id. */
static enum rc
give_up(uid_t uid, gid_t gid, gid_t saved)
{
	if (uid == 0 || gid == 0 || saved == 0)
		return RC_DENIED;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, saved) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return RC_IO;
	return is_final();
}

enum rc
cred_become(const struct account *who, gid_t spool_gid)
{
	uid_t r, e, s;

	if (geteuid() != 0) {
		if (getresuid(&r, &e, &s) != 0)
			return RC_IO;
		return who->uid == r && who->uid == e && who->uid == s
			   ? RC_OK
			   : RC_DENIED;
	}
	return give_up(who->uid, who->gid,
	    spool_gid == CRED_NO_GROUP ? who->gid : spool_gid);
}

enum rc
cred_raise(gid_t spool_gid)
{
	if (spool_gid == CRED_NO_GROUP)
		return RC_OK;
	return setresgid((gid_t)-1, spool_gid, (gid_t)-1) == 0 ? RC_OK : RC_IO;
}

enum rc
cred_lower(gid_t gid)
{
	int was = errno;

	if (setresgid((gid_t)-1, gid, (gid_t)-1) != 0)
		return RC_IO;
	errno = was;
	return RC_OK;
}

enum rc
cred_jail(uid_t uid, gid_t gid, int dirfd)
{
	if (fchdir(dirfd) != 0 || chroot(".") != 0)
		return RC_IO;
	return give_up(uid, gid, gid);
}
