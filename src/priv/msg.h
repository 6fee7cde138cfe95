/* msg - the frames between the session and the broker.
 *
 * One frame is one packet of a SOCK_SEQPACKET pair: a 32-bit type, then the
 * body, then perhaps descriptors. Requests are even, their answers one more. */
#ifndef PRIV_MSG_H
#define PRIV_MSG_H

#include "sys/buf.h"
#include "sys/err.h"
#include <stdint.h>

enum msg_type {
	MSG_AUTHENTICATE = 2, /* user, secret -> rc */
	MSG_AUTHENTICATE_ANS,
	MSG_OPEN, /* mailbox -> rc, errno; RC_OK: which descriptors come with
		   * it, whether the mailbox may be changed; RC_BUSY: for how
		   * many seconds another session has had it */
	MSG_OPEN_ANS,
	MSG_CLOSE, /* -> rc, errno */
	MSG_CLOSE_ANS,
	MSG_LOCK, /* -> rc, errno, whether a journal's descriptor comes */
	MSG_LOCK_ANS,
	MSG_UPDATE, /* a struct order -> rc, errno */
	MSG_UPDATE_ANS,
	MSG_UNLOCK, /* -> rc, errno */
	MSG_UNLOCK_ANS,
	MSG_LOG,                   /* text; no answer */
	MSG_LEAVE = MSG_LOG + 2,   /* from the broker: another session wants the
				    * mailbox; no answer */
	MSG_TLS = MSG_LEAVE + 2,   /* the connection is TLS now; no answer */
	MSG_DIALECT = MSG_TLS + 2, /* its name, for the log; no answer */
	MSG_PLAINTEXT = MSG_DIALECT + 2, /* a login without TLS was refused; no
					  * answer */
	MSG_APOP = MSG_PLAINTEXT + 2,    /* user, digest -> rc, errno */
	MSG_APOP_ANS,
	MSG_CLIENT,                  /* rc, address: a proxy's client; no
				      * answer */
	MSG_REMOVE = MSG_CLIENT + 2, /* a struct order, a struct seen -> rc,
				      * errno */
	MSG_REMOVE_ANS,
	MSG_PREPARE, /* something will be deleted; no answer */
	MSG_END = MSG_PREPARE + 2
};

enum {
	MSG_BODY_OCTETS = 5120, /* a mailbox path and what goes with it */
	MSG_FDS = 2             /* descriptors in one frame at most */
};

/* msg_send - one frame: type, what body holds, and nfds descriptors, which
 * stay the caller's. body may be NULL. RC_EOF: nobody is there; RC_IO. */
enum rc msg_send(int fd, enum msg_type type, const struct buf *body,
    const int *fds, unsigned nfds) MUST_CHECK;

/* msg_receive - the next frame: its type, its body into body (emptied first),
 * its descriptors into fds (room for MSG_FDS, closed on exec, the caller's to
 * close). Waits for it. RC_EOF: nobody is there; RC_BUG: it was too long, too
 * short or had too many descriptors, which are closed; RC_IO. */
enum rc msg_receive(int fd, uint32_t *type, struct buf *body, int fds[MSG_FDS],
    unsigned *nfds) MUST_CHECK;

#endif
