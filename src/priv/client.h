/* client - the session's side: asking the broker.
 *
 * Every call returns the broker's answer. RC_EOF, RC_IO or RC_BUG from the
 * socket pair itself mean that the broker is gone: the session must end. */
#ifndef PRIV_CLIENT_H
#define PRIV_CLIENT_H

#include "store/survivors.h"
#include "sys/err.h"
#include <stdint.h>

/* client_authenticate - may user in with secret? RC_OK: yes, and the broker is
 * that user now, for good. RC_DENIED: no (the answer was delayed); RC_TOOLONG:
 * one of them is longer than any, the broker was not asked; RC_EOF: too many
 * tries, the broker is gone; RC_IO: the account databases cannot be read.
 * RFC 1939 section 7, PASS. */
enum rc client_authenticate(
    int broker_fd, const char *user, const char *secret) MUST_CHECK;

/* client_apop - the same with the digest of a secret and the greeting's
 * timestamp, which the broker knows. RFC 1939 section 7, APOP. */
enum rc client_apop(
    int broker_fd, const char *user, const char *digest) MUST_CHECK;

/* opened - a mailbox as the broker hands it over. */
struct opened {
	int mbox_fd;        /* -1: absent, which is empty */
	int state_fd;       /* -1: no state is kept */
	unsigned read_only; /* nothing can be removed */
	unsigned busy_s;    /* RC_BUSY: so long another session has had it; 0:
			     * it is no session that has it, or just now */
};

/* client_open - the mailbox: "" is the maildrop, and so are its other names;
 * else a folder below the home directory. The caller closes the descriptors.
 * The spool locks are held until client_unlock, if there is a mailbox. What
 * was open before is closed when, and only when, this succeeds. RC_BUSY:
 * another session or program has it; RC_NOSUCH: there is no such folder, or
 * none that the user may read; RC_DENIED: the maildrop's file is not what it
 * should be; RC_IO with errno. RFC 937, FOLD; RFC 918, RETR. */
enum rc client_open(
    int broker_fd, const char *mailbox, struct opened *out) MUST_CHECK;

/* client_close - the mailbox is not needed any more: another session may have
 * it. */
enum rc client_close(int broker_fd) MUST_CHECK;

/* client_lock - takes the spool locks again. *journal_fd, the caller's to
 * close: where the list for client_update goes; -1: into the state file, or
 * there is none. RC_BUSY, RC_CHANGED: the name belongs to another file now;
 * RC_DENIED, RC_IO with errno. */
enum rc client_lock(int broker_fd, int *journal_fd) MUST_CHECK;

/* client_update - has removed what order says. The locks are held. As
 * journal_run; and RC_EOF: the broker is gone, what is to go may go later. */
enum rc client_update(int broker_fd, const struct order *order) MUST_CHECK;

/* client_prepare - something will be deleted: the locks may be made ready.
 * RC_EOF. */
enum rc client_prepare(int broker_fd) MUST_CHECK;

/* client_remove - client_lock and client_update in one, for an order without a
 * list: at once, if nobody else has a lock and the mailbox was changed last
 * when seen says. RC_OK: the locks are held, it has gone. RC_UNFINISHED;
 * RC_EOF: the broker is gone, what is to go may go later. Anything else:
 * nothing has gone, the locks may be held; client_lock knows more. */
enum rc client_remove(int broker_fd, const struct order *order,
    const struct seen *seen) MUST_CHECK;

/* client_unlock - gives them up. */
enum rc client_unlock(int broker_fd) MUST_CHECK;

/* client_wait - waits until fd, the client's, can be read, until the deadline
 * or until the broker has something to say. The kernel cannot be asked to kill
 * the session then: after a login the two belong to different users.
 * RC_TIMEOUT: the deadline is here, whatever fd has; RC_BUSY: another session
 * wants the mailbox; RC_EOF: the broker is gone; RC_BUG: it said what it may
 * not; RC_IO. */
enum rc client_wait(int broker_fd, int fd, int64_t deadline_ms) MUST_CHECK;

/* client_tls - the connection is TLS from now on: the log shall say so. */
enum rc client_tls(int broker_fd) MUST_CHECK;

/* client_proxy - the client's address, as a proxy says: the log shall have it,
 * and that of the proxy beside it. Once, and before the first
 * client_authenticate. why other than RC_OK: the proxy has not said, for the
 * log alone; address is not looked at. */
enum rc client_proxy(
    int broker_fd, enum rc why, const char *address) MUST_CHECK;

/* client_dialect - the dialect is this one: the log shall say so at the login.
 */
enum rc client_dialect(int broker_fd, const char *name) MUST_CHECK;

/* client_plaintext - says, for the log, that a login without TLS was refused;
 * once. RC_EOF. */
enum rc client_plaintext(int broker_fd) MUST_CHECK;

/* client_log - the session's end, for the log: what of the line only the
 * session knows; foreign text in it is already quoted. Once. */
void client_log(int broker_fd, const char *fmt, ...) PRINTF(2, 3);

#endif
