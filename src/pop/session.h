/* session - one connection: its dialect, its state, its maildrop. */
#ifndef POP_SESSION_H
#define POP_SESSION_H

#include "store/maildrop.h"
#include "sys/err.h"
#include "wire/line.h"
#include "wire/reply.h"

enum {
	SESSION_USER_OCTETS = 512, /* what a user name may be given as */
	SESSION_TRIES = 3,         /* failed logins before the close */
	SESSION_ERRORS = 16        /* refused commands before a login */
};

struct dialect;

struct session_config {
	int in_fd, out_fd; /* the client */
	int broker_fd;
	unsigned login_s;       /* all the time before a login */
	unsigned idle_s;        /* for each command after it */
	unsigned debugging : 1; /* the dialogue goes to descriptor 2 */
	const char *host;       /* our name, printable */
};

struct session {
	const struct session_config *config;
	const struct dialect *dialect;
	unsigned state;   /* of the dialect's; ST_CLOSED ends it */
	unsigned refused; /* logins */
	unsigned errors;  /* commands refused before a login */
	int64_t login_deadline_ms;
	char user[SESSION_USER_OCTETS];
	struct maildrop drop;
	size_t highest;  /* the highest message accessed, for LAST */
	const char *why; /* why it ended, for the log */
	uint64_t retrieved, retrieved_octets, removed; /* for the log */
	struct line_reader in;
	struct reply out;
};

/* session_run - greets, then serves commands until the client leaves, is too
 * slow, or must go. s is storage and need not be initialised. Returns what the
 * process should exit with, as sysexits(3) has it. RFC 1939 section 3. */
int session_run(struct session *s, const struct session_config *config,
    const struct dialect *dialect);

/* session_login - asks the broker whether s->user may in with secret. Counts
 * the refusals; the last one allowed closes. As client_authenticate. */
enum rc session_login(struct session *s, const char *secret) MUST_CHECK;

/* session_open - opens and scans the maildrop, and gives up the spool locks
 * again. As client_open and maildrop_open. */
enum rc session_open(struct session *s) MUST_CHECK;

/* session_update - removes what is marked, under the spool locks. On failure
 * everything is still there. As client_lock and the maildrop's update. */
enum rc session_update(struct session *s) MUST_CHECK;

/* session_logged_in - whether a maildrop is open. */
unsigned session_logged_in(const struct session *s);

#endif
