/* auth - the verdict. The only place that hashes passwords.
 *
 * Whoever is refused, and why ever, costs one hash: of the account's own kind
 * when it has a usable one, of the library's preferred kind when not. What
 * difference is left, the broker's fixed time of answer hides. */
#include "auth/auth.h"
#include "auth/entry.h"
#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

unsigned
auth_name_is_safe(const char *user)
{
	size_t n = strlen(user);

	if (n == 0 || n > NAME_OCTETS || user[0] == '.')
		return 0;
	if (n >= 5 && strcmp(user + n - 5, ".lock") == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)user[i];

		if (c <= ' ' || c == 0x7f || c == '/')
			return 0;
	}
	return 1;
}

unsigned
auth_same_text(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned differ = 0;

	if (strlen(b) != n)
		return 0;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned)(a[i] ^ b[i]);
	return differ == 0;
}

/* is_hash - whether crypt(3) could ever make this: neither empty, nor locked
 * with "!" or "*", nor of an unknown kind. */
static unsigned
is_hash(const char *hash)
{
	int kind = crypt_checksalt(hash);

	return hash[0] != '\0' && hash[0] != '!' && hash[0] != '*' &&
	       strlen(hash) >= 13 &&
	       (kind == CRYPT_SALT_OK || kind == CRYPT_SALT_METHOD_LEGACY ||
		   kind == CRYPT_SALT_TOO_CHEAP);
}

/* hashes_to - whether password hashes to hash; the time is the hash's own. */
static enum rc
hashes_to(const char *password, const char *hash, unsigned *out)
{
	/* Memory that goes back at once: a session may idle for long. */
	struct crypt_data *data =
	    mmap(NULL, sizeof(*data), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	const char *made;

	if (data == MAP_FAILED)
		return RC_NOMEM;
	made = crypt_rn(password, hash, data, sizeof(*data));
	*out = made != NULL && made[0] != '*' && auth_same_text(hash, made);
	explicit_bzero(data, sizeof(*data));
	munmap(data, sizeof(*data));
	return RC_OK;
}

/* waste_a_hash - what a wrong password costs, for accounts that have none. */
static enum rc
waste_a_hash(const char *password, const char *hash)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	unsigned same;

	while (*hash == '!' || *hash == '*')
		hash++;
	if (!is_hash(hash)) {
		hash = crypt_gensalt_rn(NULL, 0, "in.popd has no such user", 24,
		    setting, sizeof(setting));
		if (hash == NULL)
			return RC_IO;
	}
	return hashes_to(password, hash, &same);
}

/* refusal - why the account may not in with any password, or NULL. */
static const char *
refusal(const struct auth_policy *p, const struct entry *e)
{
	if (e->who.uid == 0 || e->who.gid == 0)
		return "root";
	if (e->who.uid < p->min_uid)
		return "below-min-uid";
	if (e->hash[0] == '\0')
		return "empty-password";
	if (e->hash[0] == '!' || e->hash[0] == '*')
		return "locked";
	if (!is_hash(e->hash))
		return "unusable-hash";
	return e->expired ? "expired" : NULL;
}

/* find - the entry of user; *why is set when there is none. */
static enum rc
find(const struct auth_policy *p, const char *user, struct entry *e,
    const char **why)
{
	enum rc rc;

	memset(e, 0, sizeof(*e));
	*why = "unsafe-name";
	if (!auth_name_is_safe(user))
		return RC_NOSUCH;
	rc = p->passwd_fd >= 0 ? passwd_file_find(p->passwd_fd, user, e)
			       : shadow_find(&p->host, user, e);
	*why = rc == RC_DENIED ? "shadow-unreadable" : "unknown-user";
	if (rc == RC_OK && strcmp(e->who.name, user) != 0)
		rc = RC_NOSUCH;
	return rc;
}

/* admitted - the entry of a user who may log in; otherwise RC_DENIED or RC_IO,
 * and *why. out->name is the account's, "" when there is none. */
static enum rc
admitted(const struct auth_policy *p, const char *user, struct entry *e,
    struct account *out, const char **why)
{
	enum rc rc = find(p, user, e, why);

	out->name[0] = '\0';
	if (rc == RC_IO)
		*why = "databases-unreadable";
	if (rc == RC_OK) {
		memcpy(out->name, e->who.name, sizeof(out->name));
		*why = refusal(p, e);
	}
	return rc == RC_IO || *why == NULL ? rc : RC_DENIED;
}

/* known - what the devices' secrets say of the claim; RC_NOSUCH without any. */
static enum rc
known(const struct auth_policy *p, const char *user, const char *claim,
    unsigned digest)
{
	return p->secrets != NULL
		   ? secrets_know(p->secrets, user, claim, digest)
		   : RC_NOSUCH;
}

enum rc
auth_password(const struct auth_policy *p, const char *user,
    const char *password, struct account *out, const char **why)
{
	struct entry e;
	unsigned same = 0;
	enum rc rc = admitted(p, user, &e, out, why);
	enum rc device = known(p, user, password, 0);

	if (rc == RC_OK && password[0] == '\0') {
		*why = "empty-password";
		rc = RC_DENIED;
	}
	if (rc == RC_IO)
		goto out;
	if (rc != RC_OK) {
		rc = waste_a_hash(password, e.hash);
		if (rc == RC_OK)
			rc = RC_DENIED;
		goto out;
	}
	if (device == RC_OK)
		same = 1;
	else
		rc = hashes_to(password, e.hash, &same);
	*why = "bad-password";
	if (rc == RC_OK && !same)
		rc = RC_DENIED;
	if (rc == RC_OK)
		*out = e.who;
out:
	explicit_bzero(&e, sizeof(e));
	return rc;
}

enum rc
auth_apop(const struct auth_policy *p, const char *user, const char *digest,
    struct account *out, const char **why)
{
	struct entry e;
	enum rc rc = admitted(p, user, &e, out, why);
	enum rc device = known(p, user, digest, 1);

	if (rc == RC_OK && device != RC_OK) {
		*why = device == RC_DENIED   ? "bad-digest"
		       : device == RC_NOSUCH ? "no-secret"
					     : "databases-unreadable";
		rc = device == RC_IO ? RC_IO : RC_DENIED;
	}
	if (rc == RC_OK)
		*out = e.who;
	explicit_bzero(&e, sizeof(e));
	return rc;
}
