/* entry - copying an account's fields, each within its bound. */
#include "auth/entry.h"
#include <string.h>

static enum rc
copy(char *to, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		return RC_TOOLONG;
	memcpy(to, text, n + 1);
	return RC_OK;
}

enum rc
entry_set(
    struct entry *out, const char *name, uid_t uid, gid_t gid, const char *home)
{
	enum rc rc = copy(out->who.name, sizeof(out->who.name), name);

	out->who.uid = uid;
	out->who.gid = gid;
	return rc == RC_OK ? copy(out->who.home, sizeof(out->who.home), home)
			   : rc;
}

enum rc
entry_set_hash(struct entry *out, const char *hash)
{
	return copy(out->hash, sizeof(out->hash), hash);
}
