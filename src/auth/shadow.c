/* shadow - one user from the system's passwd and shadow. Knows no policy. */
#include "auth/entry.h"
#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* of_errno - why a look-up found nothing. */
static enum rc
of_errno(void)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return RC_DENIED;
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return RC_IO;
	default:
		return RC_NOSUCH;
	}
}

/* is_expired - the account or its password, today, as shadow(5) counts. Day 0
 * for the account, which shadow(5) leaves open, is long past, as PAM has it. A
 * password that must be changed at once cannot be: POP has no way to. */
static unsigned
is_expired(const struct spwd *sp)
{
	long today = (long)(time(NULL) / (24L * 60 * 60));

	if (sp->sp_expire >= 0 && today >= sp->sp_expire)
		return 1;
	if (sp->sp_lstchg == 0)
		return 1;
	return sp->sp_lstchg > 0 && sp->sp_max >= 0 &&
	       today - sp->sp_lstchg > sp->sp_max;
}

enum rc
shadow_find(const char *user, struct entry *out)
{
	const struct passwd *pw;
	struct spwd *sp;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return of_errno();
	if (entry_set(out, pw->pw_name, pw->pw_uid, pw->pw_gid, pw->pw_dir) !=
	    RC_OK)
		return RC_NOSUCH;
	if (strcmp(pw->pw_passwd, "x") != 0)
		return entry_set_hash(out, pw->pw_passwd) == RC_OK ? RC_OK
								   : RC_NOSUCH;
	errno = 0;
	sp = getspnam(user);
	if (sp == NULL && geteuid() != 0)
		return RC_DENIED; /* errno is the last NSS module's */
	if (sp == NULL)
		return of_errno();
	out->expired = is_expired(sp) ? 1 : 0;
	rc = entry_set_hash(out, sp->sp_pwdp);
	explicit_bzero(sp->sp_pwdp, strlen(sp->sp_pwdp));
	return rc == RC_OK ? RC_OK : RC_NOSUCH;
}
