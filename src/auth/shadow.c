/* shadow - one user from the system's passwd and shadow. Knows no policy. */
#include "auth/entry.h"
#include <errno.h>
#include <fcntl.h>
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

/* set_shadow - what sp says; wiped. */
static enum rc
set_shadow(struct entry *out, struct spwd *sp)
{
	enum rc rc = entry_set_hash(out, sp->sp_pwdp);

	out->expired = is_expired(sp) ? 1 : 0;
	explicit_bzero(sp->sp_pwdp, strlen(sp->sp_pwdp));
	return rc == RC_OK ? RC_OK : RC_NOSUCH;
}

/* shadow_line - the account's line of the shadow file. */
static enum rc
shadow_line(const char *user, struct entry *out)
{
	char line[PASSWD_LINE_OCTETS + 1], room[PASSWD_LINE_OCTETS + 1];
	struct spwd sp, *found = NULL;
	int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return RC_NOSUCH;
	rc = passwd_line_find(fd, user, line);
	close(fd);
	if (rc != RC_OK)
		return rc;
	if (sgetspent_r(line, &sp, room, sizeof(room), &found) == 0 &&
	    found != NULL)
		rc = set_shadow(out, found);
	else
		rc = RC_NOSUCH;
	explicit_bzero(line, sizeof(line));
	explicit_bzero(room, sizeof(room));
	return rc;
}

/* in_files - the account of the two files, as nsswitch.conf's "files" reads
 * them: without the twenty system calls that go before it. */
static enum rc
in_files(const char *user, struct entry *out)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return RC_NOSUCH;
	rc = passwd_file_find(fd, user, out);
	close(fd);
	if (rc == RC_OK && strcmp(out->hash, "x") == 0)
		rc = shadow_line(user, out);
	return rc;
}

enum rc
shadow_find(const char *user, struct entry *out)
{
	const struct passwd *pw;
	struct spwd *sp;

	if (in_files(user, out) == RC_OK)
		return RC_OK;
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
	return set_shadow(out, sp);
}
