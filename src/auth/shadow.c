/* shadow - one user from the system's passwd and shadow. Knows no policy. */
#include "auth/entry.h"
#include <shadow.h>
#include <string.h>
#include <time.h>

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

/* shadow_line - what the user's line of the shadow file says; wiped. */
static enum rc
shadow_line(const char *line, struct entry *out)
{
	char room[PASSWD_LINE_OCTETS + 1];
	struct spwd sp, *found = NULL;
	enum rc rc = RC_NOSUCH;

	if (sgetspent_r(line, &sp, room, sizeof(room), &found) == 0 &&
	    found != NULL)
		rc = set_shadow(out, found);
	explicit_bzero(room, sizeof(room));
	return rc;
}

/* find_shadow - and where that line is: in the file, or with the name services.
 */
static enum rc
find_shadow(const struct auth_host *h, const char *user, struct entry *out)
{
	char line[PASSWD_LINE_OCTETS + 1];
	enum rc rc = RC_NOSUCH;

	if (h->shadow_fd >= 0)
		rc = passwd_line_find(h->shadow_fd, user, line);
	if (rc == RC_NOSUCH)
		rc = h->ask(h->whom, AUTH_SHADOW, user, line);
	if (rc == RC_OK)
		rc = shadow_line(line, out);
	explicit_bzero(line, sizeof(line));
	return rc == RC_NOSUCH && h->shadow_fd < 0 ? RC_DENIED : rc;
}

enum rc
shadow_find(const struct auth_host *h, const char *user, struct entry *out)
{
	char line[PASSWD_LINE_OCTETS + 1];
	enum rc rc = RC_NOSUCH;

	if (h->passwd_fd >= 0)
		rc = passwd_file_find(h->passwd_fd, user, out);
	if (rc == RC_NOSUCH) {
		rc = h->ask(h->whom, AUTH_PASSWD, user, line);
		if (rc == RC_OK)
			rc = passwd_line_entry(line, user, out);
		explicit_bzero(line, sizeof(line));
	}
	if (rc == RC_OK && strcmp(out->hash, "x") == 0)
		rc = find_shadow(h, user, out);
	return rc == RC_SYNTAX ? RC_NOSUCH : rc;
}
