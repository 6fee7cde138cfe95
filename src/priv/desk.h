/* desk - what judge.c and broker.c share: the session's requests, one after the
 * other. The judge answers those before a login, in a process of its own; the
 * broker, which is the user then, those after it. docs/trust.md. */
#ifndef PRIV_DESK_H
#define PRIV_DESK_H

#include "priv/broker.h"
#include "priv/holding.h"
#include "priv/msg.h"
#include "priv/root.h"

enum { PHASE_STRANGER = 1, PHASE_USER = 2, PHASE_OPENED = 4 };

enum {
	TRIES = 3, /* logins that may fail */
	QUOTED_OCTETS = 4 * NAME_OCTETS + 3
};

struct broker {
	const struct broker_config *config;
	int fd;      /* to the session */
	int root_fd; /* the judge's, to root */
	unsigned phase;
	unsigned asked[MSG_END];
	unsigned refused;
	struct account who;        /* from the verdict on */
	char user[QUOTED_OCTETS];  /* its name, quoted, for the log; or "-" */
	struct caller caller;      /* for the log */
	uid_t invoker;             /* who started the program */
	struct auth_policy policy; /* the judge's */
	pid_t judge;               /* until it is collected; or 0 */
	int state_dirfd;           /* the user's own, from the verdict on */
	enum rc state_rc;          /* why there is none, and errno */
	int state_why;
	struct holding now; /* what is open */
	sigset_t awake;     /* the signal mask while waiting */
	unsigned busy_s;    /* so long another session has had the mailbox */
};

/* desk_respond - the answer to request: rc and errno, and what belongs to it.
 * RC_EOF: the session is gone; RC_IO. */
enum rc desk_respond(
    struct broker *b, enum msg_type request, enum rc rc) MUST_CHECK;

/* desk_pause - waits for the deadline while the session waits for an answer.
 * RC_TIMEOUT: the deadline is here; RC_EOF: the session is gone or the program
 * shall stop; RC_BUG: the session said something meanwhile; RC_IO. */
enum rc desk_pause(struct broker *b, int64_t deadline_ms) MUST_CHECK;

/* desk_know - what is known of the client before he, or a proxy, says more. */
void desk_know(struct broker *b);

/* desk_catch_signals - those of broker_signals are heard from now on, where b
 * waits. */
void desk_catch_signals(struct broker *b);

/* desk_stopped - whether one of them has asked the program to end. */
unsigned desk_stopped(void);

/* desk_answer - waits for one request and answers it. RC_OK: go on; otherwise
 * as desk_serve. */
enum rc desk_answer(struct broker *b) MUST_CHECK;

/* desk_serve - answers requests until the session is gone (RC_EOF), has broken
 * the protocol (RC_BUG), or the program shall stop (RC_EOF); or, before a
 * login, until there is one (RC_OK). RC_IO. */
enum rc desk_serve(struct broker *b) MUST_CHECK;

#endif
