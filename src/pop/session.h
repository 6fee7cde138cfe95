/* session - one connection: its dialect, its state, its maildrop. */
#ifndef POP_SESSION_H
#define POP_SESSION_H

#include "priv/starttls.h"
#include "store/maildrop.h"
#include "sys/err.h"
#include "wire/line.h"
#include "wire/reply.h"

enum {
	SESSION_USER_OCTETS = 512,    /* what a user name may be given as */
	SESSION_MAILBOX_OCTETS = 512, /* a line of RFC 937's */
	SESSION_TRIES = 3,            /* failed logins before the close */
	SESSION_ERRORS = 16,          /* refused commands before a login */
	SESSION_IN_USE_OCTETS = 80,
	SESSION_BLOCK_OCTETS = 65536, /* of messages, read at once */
	SESSION_PROMPT = 8,           /* so many answers in a row, */
	SESSION_PROMPT_MS = 50        /* each within that: it hurries */
};

struct dialect;

struct session_config {
	int in_fd, out_fd; /* the client */
	int broker_fd;
	const struct dialect *dialect; /* NULL: the client's verbs decide */
	unsigned port;          /* the local one, or 0; it picks a greeting */
	unsigned login_s;       /* all the time before a login */
	unsigned idle_s;        /* for each command after it */
	unsigned supersede_s;   /* idle for so long, it makes way */
	unsigned debugging : 1; /* the dialogue goes to descriptor 2 */
	unsigned tls : 1;       /* the connection is TLS from the start */
	unsigned needs_tls : 1; /* no password before it is */
	unsigned proxied : 1;   /* a proxy's header comes first */
	const char *peer;       /* the proxy's address then */
	const char *plaintext;  /* the rule that needs_tls follows; or NULL */
	const struct starttls *starttls; /* how it becomes TLS, or NULL */
	const char *host;                /* our name, printable */
	const char *stamp;               /* the greeting's, for APOP, or NULL */
};

struct session {
	const struct session_config *config;
	const struct dialect *dialect; /* while not decided: the last tried */
	unsigned state;                /* of the dialect's; ST_CLOSED ends it */
	unsigned decided : 1;          /* the dialect stays */
	unsigned logged_in : 1;        /* the broker said yes */
	unsigned tls : 1;              /* nobody can listen */
	unsigned needs_tls : 1;        /* for a password */
	unsigned warned : 1;     /* the log has the first refusal without */
	unsigned for_itself : 1; /* it is the proxy, and no client */
	unsigned done : 1;       /* the last command was not refused */
	unsigned deleting : 1;   /* POP1: the transaction began with RDEL */
	unsigned port;           /* the one the client reached */
	unsigned refused;        /* logins */
	unsigned errors;         /* commands refused before a login */
	int64_t login_deadline_ms;
	char user[SESSION_USER_OCTETS];
	char mailbox[SESSION_MAILBOX_OCTETS]; /* what is open, if anything */
	struct maildrop drop;
	size_t highest;   /* POP3: the highest message accessed, for LAST */
	uint64_t current; /* POP2: the current message's number */
	unsigned busy_s;  /* so long another session has had the mailbox */
	const char *why;  /* why it ended, for the log */
	uint64_t sent, sent_octets, removed, left; /* likewise */
	unsigned prompt; /* so many lines in a row were not waited for long */
	unsigned hurried : 1;   /* a read from the client ends by itself */
	unsigned prepared : 1;  /* the broker knows that something will go */
	unsigned unsettled : 1; /* between session_remove and session_settle */
	unsigned ahead : 1;     /* more may be read than the message has */
	unsigned checked : 1;   /* since then nobody could rewrite block's */
	struct line_reader in;
	struct reply out;
	uint64_t block_at; /* the octets in block: where they are stored, */
	size_t block_len;  /* and how many they are */
	size_t sequel;     /* what comes behind the message sent last; or 0 */
	char block[SESSION_BLOCK_OCTETS];
};

/* session_run - greets, then serves commands until the client leaves, is too
 * slow, or must go. s is storage and need not be initialised. Returns what the
 * process should exit with, as sysexits(3) has it. RFC 1939 section 3. */
int session_run(struct session *s, const struct session_config *config);

/* session_login - asks the broker whether user may in with secret, which is
 * wiped. Counts the refusals; the last one allowed closes. RC_TOOLONG: no such
 * name can be; otherwise as client_authenticate. */
enum rc session_login(
    struct session *s, const char *user, char *secret) MUST_CHECK;

/* session_apop - the same with the digest of a secret and the timestamp. */
enum rc session_apop(
    struct session *s, const char *user, const char *digest) MUST_CHECK;

/* session_takes_passwords - whether one may come over the connection as it is:
 * it is TLS, or need not be. RFC 2595 section 2.1. */
unsigned session_takes_passwords(const struct session *s);

/* session_wants_tls - RC_PLAINTEXT: a password would be refused as yet, which
 * the log has been told; else RC_OK. For the command before the password. */
enum rc session_wants_tls(struct session *s) MUST_CHECK;

/* session_ask - in the middle of a command: sends "+ " and the challenge, and
 * reads the client's answer, of at most limit octets with its line end, within
 * the time for a login. line as line_read. RC_TOOLONG, RC_SYNTAX: it was no
 * line of text; anything else: the client is gone, and s->out is broken.
 * RFC 5034 section 4. */
enum rc session_ask(struct session *s, const char *challenge, size_t limit,
    struct line *line) MUST_CHECK;

/* session_can_tls - whether session_secure may be called: TLS is to be had, and
 * it is not on yet. */
unsigned session_can_tls(const struct session *s);

/* session_secure - after the answer that allows it: from here on the connection
 * is TLS, and what the client said so far is forgotten. Anything but RC_OK: it
 * is lost. RFC 2595 section 4. */
enum rc session_secure(struct session *s) MUST_CHECK;

/* session_open - opens and scans a mailbox, and gives up its spool locks
 * again; "" is the maildrop. What was open before is released, but only when
 * this succeeds. As client_open and maildrop_open; and RC_EOF: neither this
 * mailbox nor the one before is open, the session must end. */
enum rc session_open(struct session *s, const char *mailbox) MUST_CHECK;

/* session_in_use - why session_open said RC_BUSY, in words; out is room for
 * them. RFC 2449 section 8.1.1, IN-USE. */
const char *session_in_use(
    const struct session *s, char out[SESSION_IN_USE_OCTETS]);

/* session_delete - marks message i, which is not marked yet; the broker hears
 * of the first, since QUIT may come soon. */
void session_delete(struct session *s, size_t i);

/* session_update - removes what is marked, under the spool locks; nothing for
 * a mailbox that may only be read. On failure everything is still there. As
 * client_lock and the maildrop's update. */
enum rc session_update(struct session *s) MUST_CHECK;

/* session_remove, session_settle - the two halves of it, for who has something
 * to say in between and will not wait: what is marked is gone, on the disk;
 * then notes of the maildrop as it is now, and the end of the spool locks. */
enum rc session_remove(struct session *s) MUST_CHECK;
void session_settle(struct session *s);

/* session_release - closes the mailbox, with its marks, so that another
 * session may have it. As client_close. */
enum rc session_release(struct session *s) MUST_CHECK;

/* session_fetch - reads the beginning of message i (or MAILDROP_WHOLE), while
 * an answer can still say that it could not be had; where the client has asked
 * for the message before it, the next ones with it. RC_CHANGED: somebody has
 * rewritten the mailbox; RC_IO. */
enum rc session_fetch(struct session *s, size_t i) MUST_CHECK;

/* session_send - sends message i, which has been fetched, through write, which
 * is reply_stuffed or reply_counted, and ends its last line. cut, unless NULL,
 * says of each block how much of it passes, and sets *done at the end. Once
 * the first octet is out there is no other reply left, so what fails closes
 * the connection. */
enum rc session_send(struct session *s, size_t i,
    enum rc (*write)(struct reply *out, const char *octets, size_t n),
    size_t (*cut)(void *how, const char *octets, size_t n, unsigned *done),
    void *how) MUST_CHECK;

#endif
