/* crash - the parts of the fault injector: a mailbox whose every octet is known
 * (spool.c), mail that comes (deliver.c), a client that knows what it was
 * promised (client.c), a tracer that makes one system call go wrong (trace.c),
 * the conversations and faults there are (plan.c), one case from beginning to
 * verdict (attempt.c), deliverers at work meanwhile (storm.c), and all of them
 * over several processes (inject.c).
 *
 * The injector shares no code with the program: what it believes about mbox
 * and POP it says itself. Its own failures end it at once (die). */
#ifndef CRASH_CRASH_H
#define CRASH_CRASH_H

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

enum {
	MESSAGES_MAX = 64, /* one bit each in a set */
	LOGIN_MESSAGES = 12,
	FAULTS_MAX = 3,
	UNSURE_MAX = 6, /* sessions in one case that may have deleted or not */
	CALLS_MAX = 4096, /* system calls of one process that are recorded */
	WITH_MAX = 8,
	BLOCKED_MS = 1000,
	HUNG_MS = 8000
};

/* world - where one worker plays. */
struct world {
	char spool[PATH_MAX], mailbox[PATH_MAX], dotlock[PATH_MAX];
	char passwd[PATH_MAX], procmailrc[PATH_MAX];
	char state[PATH_MAX], notes[PATH_MAX]; /* notes: the account's part */
	const char *program;
	const char *const *with; /* more options for it, up to a NULL */
	uid_t uid;               /* the account's */
	gid_t gid;
	unsigned verbose;
};

/* tally - what is counted, by each worker for itself. */
struct tally {
	unsigned long tried, lost, duplicated, altered, blocked, locks;
	unsigned long died; /* processes that crashed by themselves */
	unsigned long cases, bad;
};

/* ---- inject.c ---- */

/* tally_add - *one to *sum. */
void tally_add(struct tally *sum, const struct tally *one);

/* die - the injector itself cannot go on; errno is told. Exits with 70. */
void die(const char *what) __attribute__((noreturn));

/* complain - one line about the case at hand, with --verbose only. */
void complain(const struct world *w, const char *fmt, ...) PRINTF(2, 3);

/* now_ms - the monotonic clock. */
int64_t now_ms(void);

/* random_next - the next number of the sequence *state. */
uint64_t random_next(uint64_t *state);

/* ---- spool.c ---- */

/* letter - a message as it lies in the spool, From_ line and blank line
 * included, and as a client gets it (CRLF, no blank line, not stuffed). */
struct letter {
	char *stored, *wire;
	size_t stored_len, wire_len, from_len;
};

/* post - all letters of one mailbox: those of the login, then those that are
 * delivered later. */
struct post {
	const char *name;
	struct letter letter[MESSAGES_MAX];
};

/* post_named - "small", "gaps", "large" or "huge"; NULL: none. Made once. */
const struct post *post_named(const char *name);

/* spool_make - the directories and accounts of a new world below dir. */
void spool_make(struct world *w, const char *dir);

/* become_owner - root becomes the world's account, for good. */
void become_owner(const struct world *w);

/* spool_reset - the mailbox holds the letters of the login and nothing else is
 * there: no lock, no state. */
void spool_reset(const struct world *w, const struct post *p);

/* outcomes - what the mailbox may hold: any of these sets of letters. */
struct outcomes {
	uint64_t set[1 << UNSURE_MAX];
	size_t count;
};

/* outcomes_deliver - these letters are in all of them. outcomes_delete -
 * marked, or with marked 0 the first of each, may be gone; when sure is set, it
 * is. */
void outcomes_deliver(struct outcomes *o, uint64_t letters);
void outcomes_delete(struct outcomes *o, uint64_t marked, unsigned sure);

/* verdict - how a mailbox differs from what it may be. */
struct verdict {
	unsigned lost, duplicated, altered;
};

/* spool_judge - compares every octet with the outcome that comes nearest.
 * Letters from number unordered on may stand in any order behind those before,
 * but each group of them (see GROUP) in its own order. */
void spool_judge(const struct world *w, const struct post *p,
    const struct outcomes *o, unsigned unordered, struct verdict *out);

enum { GROUP = 13 }; /* letters of one deliverer, in a storm */

/* spool_leftovers - files beside the mailbox, the dotlock and whatever else no
 * session may leave behind; told to complain. */
unsigned spool_leftovers(const struct world *w);

/* ---- deliver.c ---- */

/* order - how a deliverer locks. */
enum order {
	DOT_THEN_FCNTL,
	FCNTL_THEN_DOT,
	DOT_ONLY,
	FCNTL_ONLY,
	BY_PROCMAIL,    /* dotlock, then fcntl */
	BY_DOTLOCKFILE, /* dotlock */
	ORDERS
};

/* order_works - whether its program is installed, if it needs one. */
unsigned order_works(enum order order);

/* deliver - appends letter under the locks; a dotlock whose owner is dead is
 * removed, except by the programs, which know no such thing. *waited_ms: how
 * long a lock of in.popd, alive or dead, was in the way. 0: never got them. */
unsigned deliver(const struct world *w, const struct post *p, unsigned letter,
    enum order order, int64_t *waited_ms);

/* ---- client.c ---- */

enum talk {
	TALK_POP3,       /* RETR some, UIDL, DELE the marked, QUIT */
	TALK_POP2_QUIT,  /* READ RETR ACKD or ACKS, QUIT */
	TALK_POP2_FOLD,  /* the same, FOLD INBOX, QUIT */
	TALK_POP1,       /* RDEL RCEV RCVD QUIT */
	TALK_READ,       /* POP3: STAT, RETR all, QUIT */
	TALK_STAT,       /* POP3: STAT, QUIT */
	TALK_DELE_FIRST, /* POP3: STAT, DELE 1, QUIT */
	TALK_SOME,       /* POP3: RETR all, DELE some of them, QUIT */
	TALKS
};

/* conversation - one session as the client sees it. */
struct conversation {
	const struct world *world;
	const struct post *post;
	enum talk talk;
	uint64_t marked;    /* letters to delete, of those of the login; with
			     * TALK_SOME a seed, and then out: which */
	int meanwhile;      /* letter to deliver before the end, or -1 */
	enum order order;   /* of that delivery */
	uint64_t delivered; /* out: letters that were */
	uint64_t in_time;   /* out: POP1, letters of a delivery that RDEL saw */
	int fd;
	unsigned welcome : 1;   /* out: logged in */
	unsigned committed : 1; /* out: the deleting command left */
	unsigned promised : 1;  /* out: and was answered well */
	unsigned denied : 1;    /* out: or by one that deletes nothing */
	unsigned garbled : 1;   /* out: a whole body had wrong octets */
	unsigned count;         /* out: messages at login, if told */
	unsigned deleted;       /* out: DELEs that were taken */
	unsigned late : 1;      /* out: the delivery waited too long */
	unsigned too_late : 1;  /* out: an answer did not come in HUNG_MS */
};

/* client_talk - from the greeting to the end of the connection, whatever
 * happens. Closes nothing. */
void client_talk(struct conversation *c);

/* ---- plan.c ---- */

/* JUDGE: the process between the two until a login. */
enum who { SESSION, BROKER, JUDGE, PROCESSES };

enum fault_kind {
	IN_SESSION, /* kill -9 before the call is made */
	IN_BROKER,
	IN_BOTH,
	OUT_SESSION, /* kill -9 when it has been made */
	OUT_BROKER,
	OUT_BOTH,
	PART1_SESSION, /* a write writes an octet, half, all but one; then */
	PART1_BOTH,    /* kill -9 */
	PARTH_SESSION,
	PARTH_BOTH,
	PARTN_SESSION,
	PARTN_BOTH,
	FAIL_EIO,
	FAIL_ENOSPC,
	FAIL_EDQUOT,
	FAIL_EINTR,
	FAIL_ENOMEM,
	STAY_EIO,    /* this write and every later one of the process */
	STAY_ENOSPC, /* likewise */
	SHORT1,      /* reads or writes an octet */
	SHORTH,      /* half */
	TERM,        /* SIGTERM to session and broker */
	HUP,
	GONE,     /* the client hangs up */
	IN_JUDGE, /* kill -9 to him, at his own calls */
	OUT_JUDGE,
	FAULT_KINDS
};

struct fault {
	enum who who;
	unsigned index;  /* of the call in its run, from 1 */
	unsigned writes; /* only those that change a file are counted */
	unsigned soon;   /* in the run of the fault before, counted from it */
	enum fault_kind kind;
};

enum { NO_MAIL = -1 };

/* spec - one case, as text: TALK/MAILBOX/PATTERN/EXTRAS/FAULT[+FAULT...]. */
struct spec {
	enum talk talk;
	const struct post *post;
	const char *pattern;
	uint64_t marked;
	/* Mail and its enum order, or NO_MAIL. */
	int meanwhile;      /* mN: before the QUIT */
	int at_once;        /* iN: at the fault */
	int after;          /* aN: between the fault and the next session */
	unsigned warm : 1;  /* w: a session before */
	unsigned again : 1; /* x: later struck sessions delete as well */
	struct fault fault[FAULTS_MAX];
	size_t faults;
};

enum { SPEC_OCTETS = 160 };

/* spec_print, spec_parse - as text and back; 0: it is none. */
void spec_print(const struct spec *s, char out[SPEC_OCTETS]);
unsigned spec_parse(const char *text, struct spec *out);

/* calls - what system calls the processes made, in order. */
struct calls {
	unsigned short number[PROCESSES][CALLS_MAX];
	unsigned count[PROCESSES];
	unsigned from[PROCESSES]; /* calls made before a point in time */
};

/* plan_scenarios - how many there are; plan_scenario - the i-th, faultless. */
size_t plan_scenarios(void);
void plan_scenario(size_t i, struct spec *out);

/* plan_stops - up to max faults, spread over what UPDATE writes in these calls,
 * that end one process or both: what is to be recovered from. */
size_t plan_stops(
    const struct calls *calls, uint64_t seed, struct fault *out, size_t max);

/* plan_points - every fault that the calls behind from allow, in memory that is
 * the caller's; returns their number. soon: for the broker alone, counted from
 * there. */
size_t plan_points(
    const struct calls *calls, unsigned soon, struct fault **points);

/* plan_extras - makes more of a case: deliveries and more faults, as seed has
 * it. calls are those of its last fault's run. */
void plan_extras(struct spec *s, const struct calls *calls, uint64_t seed);

/* plan_applies - whether the kind means something for a system call. */
unsigned plan_applies(enum fault_kind kind, long number);

/* plan_writes - whether a system call changes a file. */
unsigned plan_writes(long number);

/* plan_kills - whether it ends the session, the broker. */
unsigned plan_kills(enum fault_kind kind, enum who who);

/* ---- trace.c ---- */

/* run - one life of the program under the tracer. */
struct run {
	const struct world *world;
	const struct fault *fault; /* those of this run, in order */
	size_t faults;
	struct calls *calls; /* filled in, or NULL; from: at the last fault, or
			      * when the session was made */
	int client_fd;       /* to be hung up by GONE */
	/* Called at the first fault: starts a process in a group of its own. */
	pid_t (*at_fault)(void *context);
	void *context;
	size_t fired;               /* out: faults that happened */
	unsigned died : 1;          /* out: one crashed by itself */
	unsigned hung : 1;          /* out: had to be killed after HUNG_MS */
	unsigned broker_killed : 1; /* out: by SIGKILL */
	int helper_status;          /* out: of at_fault's process, or -1 */
};

/* trace_run - starts the program with server_fd as its descriptors 0, 1 and 2,
 * and returns when all its processes are gone. Closes server_fd. */
void trace_run(struct run *r, int server_fd);

/* plain_run - the same without any tracing; the caller waits for the pid. */
pid_t plain_run(const struct world *w, int server_fd);

/* ---- attempt.c ---- */

/* attempt - one case; adds to the tally. calls, unless NULL: those of its last
 * struck session, or with next set of a session thereafter. Returns whether all
 * was well. */
unsigned attempt(const struct world *w, const struct spec *s, unsigned next,
    struct calls *calls, struct tally *t);

/* converse_struck - a session under the run's faults, c->talk; run's out fields
 * tell what happened. */
void converse_struck(struct run *run, struct conversation *c);

/* converse - a session without faults, c->talk; returns its milliseconds. */
int64_t converse(const struct world *w, struct conversation *c);

/* judge - adds what is wrong with the mailbox to *t, which is one case's; 1:
 * nothing was wrong with it at all. */
unsigned judge(const struct world *w, const struct post *p,
    const struct outcomes *may, unsigned unordered, struct tally *t);

/* ---- storm.c ---- */

/* storm - one round: deliverers of every kind, several sessions, faults. */
unsigned storm(const struct world *w, uint64_t seed, struct tally *t);

#endif
