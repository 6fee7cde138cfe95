/* broker - the trusted side: descriptors, locks, log; and the verdict, by a
 * process of its own. */
#ifndef PRIV_BROKER_H
#define PRIV_BROKER_H

#include "auth/auth.h"
#include <signal.h>

/* jail - nobody: what a process becomes that shall have no rights. */
struct jail {
	uid_t uid;
	gid_t gid;
	int dirfd; /* an empty directory; -1: the process is not root */
};

struct broker_config {
	struct jail jail;      /* of the judge */
	const char *spool_dir; /* where maildrops are, one file a user */
	int spool_dirfd;       /* open on it */
	gid_t spool_gid;       /* the group that may make dotlocks there, or
				* CRED_NO_GROUP */
	const char *state_dir; /* our own directory */
	int state_dirfd;       /* open on it; -1: no state is kept */
	struct auth_policy policy;
	unsigned lock_timeout_s;  /* how long to try for the spool locks */
	unsigned strict_lock : 1; /* the spool locks are kept throughout */
	unsigned tls : 1;         /* the connection is TLS from the start */
	unsigned proxied : 1;     /* peer is a proxy that names its clients */
	const char *peer;         /* the client's address, for the log */
	const char *dialect;      /* the one that is fixed, or NULL; likewise */
};

/* broker_signals - those that broker_run listens to where it waits. They must
 * be blocked when it is called. */
void broker_signals(sigset_t *out);

/* broker_run - serves the session that is process session at the other end of
 * fd until it is gone; then gives up the locks and returns what the program
 * should exit with, as sysexits(3) has it. Root, if the program is, until the
 * judge's verdict or the session's end; then that user or nobody, for good. */
int broker_run(const struct broker_config *config, int fd, int session);

#endif
