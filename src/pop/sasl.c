/* sasl - PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login, which every
 * client knows). Both end in a name and a password, which are the broker's to
 * judge, as PASS's are. Names and passwords are compared octet for octet: they
 * are what passwd has, which nobody prepared as SASLprep would. */
#include "pop/sasl.h"
#include "sys/base64.h"
#include <string.h>
#include <strings.h>

/* response - what the client said, decoded: n octets and a NUL. */
struct response {
	char *text;
	size_t n;
	size_t room; /* octets to wipe, since base64 takes more */
};

/* get_response - first, if there is one, else what the client answers to the
 * challenge. What is not RC_OK is wiped already. "=", which is an empty first
 * response, is no base64; and no mechanism here takes an empty one. RFC 5034
 * section 4. */
static enum rc
get_response(
    struct session *s, char *first, const char *challenge, struct response *r)
{
	struct line line = {.text = first};
	enum rc rc = RC_OK;

	if (first == NULL)
		rc = session_ask(s, challenge, SASL_LINE_OCTETS, &line);
	if (rc != RC_OK)
		return rc;
	if (first == NULL && strcmp(line.text, "*") == 0)
		return RC_CANCELLED;
	r->text = line.text;
	r->room = strlen(line.text);
	rc = base64_decode(r->text, &r->n);
	if (rc != RC_OK)
		explicit_bzero(r->text, r->room);
	return rc;
}

/* is_word - whether all n octets at text are one name or secret: not empty, no
 * NUL in it, not longer than any. */
static unsigned
is_word(const char *text, size_t n)
{
	return n > 0 && n < SESSION_USER_OCTETS && strlen(text) == n;
}

/* NOBODY - a name that no account has, so that a try with it is refused, put
 * off, counted and logged like any other. */
#define NOBODY "/"

/* PLAIN: [authzid] NUL authcid NUL passwd. RFC 4616 section 2. Nobody may be
 * somebody else. */
static enum rc
plain(struct session *s, char *first)
{
	struct response r;
	enum rc rc = get_response(s, first, "", &r);
	char *user, *secret, *end;

	if (rc != RC_OK)
		return rc;
	end = r.text + r.n;
	user = r.text + strlen(r.text) + 1;
	secret = user <= end ? user + strlen(user) + 1 : user;
	if (secret > end || !is_word(user, (size_t)(secret - 1 - user)) ||
	    !is_word(secret, (size_t)(end - secret)))
		rc = RC_SYNTAX;
	else if (r.text[0] != '\0' && strcmp(r.text, user) != 0)
		rc = session_login(s, NOBODY, secret);
	else
		rc = session_login(s, user, secret);
	explicit_bzero(r.text, r.room);
	return rc;
}

/* LOGIN: a name, then a password, each asked for. The name may come with the
 * command, as some clients have it. */
static enum rc
login(struct session *s, char *first)
{
	char user[SESSION_USER_OCTETS];
	struct response r;
	enum rc rc = get_response(s, first, "VXNlcm5hbWU6", &r); /* Username: */

	if (rc != RC_OK)
		return rc;
	if (!is_word(r.text, r.n))
		return RC_SYNTAX;
	memcpy(user, r.text, r.n + 1); /* the next line takes its place */
	rc = get_response(s, NULL, "UGFzc3dvcmQ6", &r); /* Password: */
	if (rc != RC_OK)
		return rc;
	rc = is_word(r.text, r.n) ? session_login(s, user, r.text) : RC_SYNTAX;
	explicit_bzero(r.text, r.room);
	return rc;
}

static const struct {
	const char *name;
	enum rc (*run)(struct session *s, char *first);
} mechanisms[] = {{"PLAIN", plain}, {"LOGIN", login}};

const char *
sasl_names(const struct session *s)
{
	return session_takes_passwords(s) ? "PLAIN LOGIN" : "";
}

enum rc
sasl_login(struct session *s, const char *name, char *first)
{
	enum rc rc = RC_NOSUCH;

	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]);
	     i++) {
		if (strcasecmp(mechanisms[i].name, name) != 0)
			continue;
		rc = session_wants_tls(s);
		if (rc == RC_OK)
			return mechanisms[i].run(s, first);
	}
	if (first != NULL)
		explicit_bzero(first, strlen(first));
	return rc;
}
