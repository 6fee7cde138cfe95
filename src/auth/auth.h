/* auth - the verdict: may this user in with this password?
 *
 * Runs in the judge only, who is nobody and has the files open. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/secrets.h"
#include "sys/cred.h"
#include "sys/err.h"
#include <sys/types.h>

enum { AUTH_SECRET_OCTETS = 512 }; /* the longest password, without its NUL */

enum { PASSWD_LINE_OCTETS = 2048 }; /* of an account file, without its LF */

enum auth_database { AUTH_PASSWD, AUTH_SHADOW };

/* auth_host - the system's accounts. */
struct auth_host {
	int passwd_fd; /* open on /etc/passwd, or -1 */
	int shadow_fd; /* open on /etc/shadow, or -1: nobody lets us */
	/* The line of an account that is not in those files, as the host's name
	 * services have it, without its LF. The caller wipes it. RC_NOSUCH;
	 * RC_IO. */
	enum rc (*ask)(void *whom, enum auth_database what, const char *user,
	    char line[PASSWD_LINE_OCTETS + 1]);
	void *whom;
};

/* auth_policy - who may log in at all. */
struct auth_policy {
	uid_t min_uid; /* smaller user ids never; 0 never in any case */
	int passwd_fd; /* a file of accounts instead of the system's, or -1 */
	struct auth_host host;         /* the system's */
	const struct secrets *secrets; /* of devices, or NULL */
};

/* auth_password - checks password for user: his own, or a device's. Every
 * refusal takes the time that a wrong password takes. On RC_OK *out is the
 * account; otherwise its name alone, "" when there is no such account, and *why
 * is one word for the log, static. RC_DENIED: no, whatever the reason; RC_IO
 * with errno: the databases could not be read; RC_NOMEM. */
enum rc auth_password(const struct auth_policy *p, const char *user,
    const char *password, struct account *out, const char **why) MUST_CHECK;

/* auth_apop - the same for the digest of a device's secret and the timestamp.
 * Who may not in with a password may not with this. A refusal takes no time of
 * its own: the answer must. RFC 1939 section 7. */
enum rc auth_apop(const struct auth_policy *p, const char *user,
    const char *digest, struct account *out, const char **why) MUST_CHECK;

/* auth_same_text - compares without telling by time where they differ. */
unsigned auth_same_text(const char *a, const char *b);

/* auth_name_is_safe - whether a user name may stand in a path and name a
 * maildrop: 1 to NAME_OCTETS octets, no "/", no blank or control character, no
 * "." in front, no ".lock" at its end. */
unsigned auth_name_is_safe(const char *user);

#endif
