/* root - what is left of root once a client can speak: it waits for the word of
 * the judge, who is nobody; asks the host's name services when the judge wants
 * it; and becomes the user whom the judge names, or nobody, for good. */
#ifndef PRIV_ROOT_H
#define PRIV_ROOT_H

#include "priv/peer.h"
#include "sys/cred.h"
#include <stdint.h>

struct broker;

/* caller - what the log says of the client. */
struct caller {
	char addr[PEER_OCTETS];
	char via[PEER_OCTETS + 8]; /* " proxy=" and its address, or "" */
	char dialect[sizeof("undecided")];
	unsigned char tls;     /* as the session says */
	unsigned char tried;   /* to log in */
	unsigned char said;    /* the session's last line is in the log */
	unsigned char stopped; /* by a signal */
};

enum { WORD_PASSWD = 1, WORD_SHADOW, WORD_LOGIN, WORD_END };

/* How getent(1) says that a database knows no such user; also, that this host
 * has no getent. */
enum { NO_SUCH_KEY = 2 };

/* word - what the judge says to root: one packet, one of these. */
struct word {
	uint32_t kind;
	uint32_t request;   /* WORD_LOGIN: the enum msg_type to be answered */
	uint32_t rc;        /* WORD_END: the enum rc that ended it */
	uint32_t why;       /* and errno */
	struct account who; /* WORD_LOGIN: to become. WORD_PASSWD, WORD_SHADOW:
			     * whose line is wanted, its name alone */
	struct caller caller; /* WORD_LOGIN, WORD_END */
};

/* root_run - starts served as a process, b->judge, which serves the session
 * until there is a login or an end, and waits for its last word. When this
 * returns the process is root no more, if it was: RC_OK: it is that user, and
 * b has what the judge knew; otherwise nobody. RC_EOF: the session has ended,
 * or a signal has come; RC_BUG: it, or the judge, has broken the protocol;
 * RC_DENIED: this process cannot become that user; RC_IO with errno. */
enum rc root_run(struct broker *b, int (*served)(struct broker *),
    struct word *last) MUST_CHECK;

#endif
