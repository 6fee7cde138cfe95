/* selftest - in.popd --selftest: looks at the host and says in plain words what
 * is wrong with it and how to mend it. Changes nothing, serves nobody, and is
 * never reached by a session. What runs it is root or whoever likes to. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "sys/err.h"
#include <limits.h>
#include <sys/types.h>

enum {
	SELFTEST_PATHS = 4,
	SELFTEST_WORDS = 32,
	SELFTEST_SERVED = 16,
	SELFTEST_LINE_OCTETS = 2048,
	SELFTEST_ANSWER_OCTETS = 65536
};

enum selftest_verdict { SELFTEST_OK, SELFTEST_WARN, SELFTEST_WRONG };

struct selftest {
	const char *root;  /* the host's files are below it; "" */
	const char *spool; /* as for a session */
	const char *state; /* likewise; "none" */
	const char *user;  /* likewise; NULL: the default ones */
	unsigned found[3]; /* how many of each verdict */
	unsigned starts;   /* entries that start something */
	struct {           /* the first of those on POP's ports */
		unsigned port;
		char address[64], protocol[16]; /* "": any */
	} served[SELFTEST_SERVED];
	unsigned nserved;
	unsigned tls : 1;     /* something starts in.popd-tls */
	unsigned no_find : 1; /* links of that host cannot be followed */
	unsigned turn;        /* of paths */
	char paths[SELFTEST_PATHS][PATH_MAX];
	char answer[SELFTEST_ANSWER_OCTETS]; /* to selftest_ask */
};

/* selftest_run - all of it, to standard output: a line for each thing looked
 * at, and what to do about it below those that are wrong. Returns what the
 * program should exit with: EX_OK, 1 when there are warnings, EX_CONFIG when
 * something is wrong. */
int selftest_run(struct selftest *t);

/* The rest is for its parts. */

/* selftest_say - one line. Octets of it that are not printable become '?'. */
void selftest_say(struct selftest *t, enum selftest_verdict verdict,
    const char *fmt, ...) PRINTF(3, 4);

/* selftest_mend - the line below it: what to do. */
void selftest_mend(const char *fmt, ...) PRINTF(1, 2);

/* selftest_path - where path of that host is for us. Valid for three more
 * calls. */
const char *selftest_path(struct selftest *t, const char *path);

/* selftest_find - the same into out, with links followed as on that host. 0 and
 * errno: there is no such file. */
unsigned selftest_find(
    struct selftest *t, const char *path, char out[PATH_MAX]);

/* selftest_user - the host's user of that name: 1, and *uid; else 0. */
unsigned selftest_user(struct selftest *t, const char *name, uid_t *uid);

/* selftest_ask - runs the program that PATH has for argv[0], and keeps the
 * beginning of what it prints in t->answer, NUL-terminated. Returns its exit
 * status; -1: it is not there, or did not end by itself. What it warns of on
 * descriptor 2 is no part of the answer. */
int selftest_ask(struct selftest *t, const char *const argv[]);

/* selftest_ask_both - the same, for one that answers on descriptor 2. */
int selftest_ask_both(struct selftest *t, const char *const argv[]);

/* selftest_split - cuts text at blanks; returns how many words there are, at
 * most SELFTEST_WORDS. */
unsigned selftest_split(char *text, char *words[SELFTEST_WORDS]);

/* selftest_starts - what starts us: entries of inetd, xinetd, systemd; the
 * certificates that they name. */
void selftest_starts(struct selftest *t);

/* selftest_deliverers - who else writes to the spool, and by which locks. */
void selftest_deliverers(struct selftest *t);

#endif
