/* secrets - a claim against the secrets of one user. Every line is foreign
 * text. Knows no policy. */
#include "auth/secrets.h"
#include "auth/entry.h"
#include "sys/digest.h"
#include <string.h>

/* claim - what is to be found. */
struct claim {
	const struct secrets *secrets;
	const char *text;
	unsigned digest : 1;
	enum rc found; /* so far */
};

/* try_line - one of the user's lines, behind his name. All of them are tried.
 */
static void
try_line(void *how, char *rest)
{
	struct claim *c = how;
	char *secret = strchr(rest, ':');
	char made[DIGEST_MD5_CHARS + 1];
	unsigned same;

	if (secret == NULL || secret == rest || secret[1] == '\0')
		return;
	secret++;
	if (c->found == RC_NOSUCH)
		c->found = RC_DENIED;
	if (c->digest)
		digest_md5(c->secrets->stamp, secret, made);
	same = auth_same_text(c->digest ? made : secret, c->text);
	if (same)
		c->found = RC_OK;
}

enum rc
secrets_know(const struct secrets *s, const char *user, const char *claim,
    unsigned digest)
{
	struct claim c = {s, claim, digest & 1, RC_NOSUCH};
	enum rc rc = passwd_lines(s->fd, user, try_line, &c);

	return rc == RC_OK ? c.found : rc;
}
