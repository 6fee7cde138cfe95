/* crash - the parts of the fault injector: a mailbox whose every octet is known
 * (spool.c), mail that comes (deliver.c), a client that knows what it was promised (client.c), a tracer that
 * makes one system call go wrong (trace.c), the conversations and faults there
 * are (plan.c), one case from beginning to verdict (attempt.c), deliverers at
 * work meanwhile (storm.c), and all of them over several processes (inject.c).
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
	CALLS_MAX = 4096, /* system calls of one process that are recorded */
	BLOCKED_MS = 1000,
	HUNG_MS = 8000
};

/* world - where one worker plays. */
struct world {
	char spool[PATH_MAX], mailbox[PATH_MAX], dotlock[PATH_MAX];
	char passwd[PATH_MAX], procmailrc[PATH_MAX];
	char state[PATH_MAX], notes[PATH_MAX]; /* notes: the account's part */
	const char *program;
	uid_t uid; /* the account's */
	gid_t gid;
	unsigned verbose;
};

/* tally - what is counted; shared by all workers. */
struct tally {
	unsigned long tried, lost, duplicated, altered, blocked, locks;
	unsigned long died; /* processes that crashed by themselves */
	unsigned long cases, bad;
};

/* ---- inject.c ---- */

/* die - the injector itself cannot go on. errno is told. */
void die(const char *what) __attribute__((noreturn));

/* complain - one line about the case at hand, with --verbose only. */
void complain(const struct world *w, const char *fmt, ...) PRINTF(2, 3);

/* now_ms - the monotonic clock. */
int64_t now_ms(void);

/* random_next - the next number of the sequence *state. */
uint64_t random_next(uint64_t *state);

/* hash_text - a seed from a text and a seed. */
uint64_t hash_text(const char *text, uint64_t seed);

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

/* post_named - "small", "large" or "gaps"; NULL: none. Made once. */
const struct post *post_named(const char *name);

/* spool_make - the directories and accounts of a new world below dir. */
void spool_make(struct world *w, const char *dir);

/* spool_reset - the mailbox holds the letters of the login and nothing else is
 * there: no lock, no state. */
void spool_reset(const struct world *w, const struct post *p);

/* outcomes - what the mailbox may hold: any of these sets of letters. */
struct outcomes {
	uint64_t set[1 << (FAULTS_MAX + 1)];
	size_t count;
};

/* outcomes_deliver - letter is in all of them. outcomes_delete - marked may be
 * gone; when sure is set, it is. */
void outcomes_deliver(struct outcomes *o, unsigned letter);
void outcomes_delete(struct outcomes *o, uint64_t marked, unsigned sure);

/* verdict - how a mailbox differs from what it may be. */
struct verdict {
	unsigned lost, duplicated, altered;
};

/* spool_judge - compares every octet. Letters in loose may stand in any order
 * behind or between the others. */
void spool_judge(const struct world *w, const struct post *p,
    const struct outcomes *o, uint64_t loose, struct verdict *out);

/* spool_leftovers - files that no session should leave behind, dotlock
 * included; told to complain. */
unsigned spool_leftovers(const struct world *w);

/* ---- deliver.c ---- */

/* order - how a deliverer locks. */
enum order {
	DOT_THEN_FCNTL,
	FCNTL_THEN_DOT,
	DOT_ONLY,
	FCNTL_ONLY,
	BY_PROCMAIL,
	BY_DOTLOCKFILE,
	ORDERS
};

/* deliver - appends letter under the locks. breaking: a dotlock whose owner is
 * dead is removed. Returns the milliseconds it waited, or -1: never got them. */
int deliver(const struct world *w, const struct post *p, unsigned letter,
    enum order order, unsigned breaking);

/* ---- client.c ---- */

enum talk {
	TALK_POP3,       /* RETR some, UIDL, DELE the marked, QUIT */
	TALK_POP2_QUIT,  /* READ RETR ACKD or ACKS, QUIT */
	TALK_POP2_FOLD,  /* the same, FOLD INBOX, QUIT */
	TALK_POP1,       /* RDEL RCEV RCVD QUIT */
	TALK_READ,       /* POP3: STAT, RETR all, QUIT */
	TALK_DELE_FIRST  /* POP3: STAT, DELE 1, QUIT */
};

/* conversation - one session as the client sees it. */
struct conversation {
	const struct world *world;
	const struct post *post;
	enum talk talk;
	uint64_t marked;    /* letters to delete, of those of the login */
	int meanwhile;      /* letter to deliver before the end, or -1 */
	enum order order;   /* of that delivery */
	uint64_t delivered; /* out: letters that were */
	uint64_t seen;      /* out: letters that came with their every octet */
	int fd;
	unsigned welcome : 1;   /* out: logged in */
	unsigned in_use : 1;    /* out: was refused because of a lock */
	unsigned committed : 1; /* out: the deleting command left */
	unsigned promised : 1;  /* out: and was answered well */
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

enum who { SESSION, BROKER };

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
	TERM,        /* SIGTERM to both */
	HUP,
	GONE, /* the client hangs up */
	FAULT_KINDS
};

struct fault {
	enum who who;
	unsigned index;  /* of the call, from 1 */
	unsigned soon;   /* counted from the fault before, in the same run */
	enum fault_kind kind;
};

/* spec - one case, as text: TALK/MAILBOX/PATTERN/EXTRAS/FAULT[+FAULT...]. */
struct spec {
	enum talk talk;
	const struct post *post;
	const char *pattern;
	uint64_t marked;
	unsigned meanwhile : 1; /* m: mail comes before the QUIT */
	unsigned meanwhile_fcntl : 1; /* n: likewise, fcntl first */
	unsigned after_dot : 1; /* a: mail after the crash, dotlock first */
	unsigned after_fcntl : 1; /* b: mail after the crash, fcntl first */
	unsigned at_once_dot : 1; /* i: mail at the crash, dotlock first */
	unsigned at_once_fcntl : 1; /* j: mail at the crash, fcntl first */
	unsigned warm : 1;      /* w: a session before */
	unsigned again : 1;     /* x: a session that deletes goes on */
	struct fault fault[FAULTS_MAX];
	size_t faults;
};

enum { SPEC_OCTETS = 160 };

/* spec_print, spec_parse - as text and back; 0: it is none. */
void spec_print(const struct spec *s, char out[SPEC_OCTETS]);
unsigned spec_parse(const char *text, struct spec *out);

/* calls - what system calls the two processes made, in order. */
struct calls {
	unsigned short number[2][CALLS_MAX];
	unsigned count[2];
	unsigned before_fork; /* the broker's, until the session is made */
};

/* plan_scenarios - how many there are; plan_scenario - the i-th, faultless. */
size_t plan_scenarios(void);
void plan_scenario(size_t i, struct spec *out);

/* plan_points - appends to *points every fault that the calls allow; returns
 * their new number. */
size_t plan_points(const struct calls *calls, unsigned from_start,
    struct fault **points, size_t count);

/* plan_extras - a case from a scenario and a fault: deliveries and more faults
 * as seed has it. */
void plan_extras(struct spec *s, const struct calls *calls, uint64_t seed);

/* plan_applies - whether the kind means something for a system call. */
unsigned plan_applies(enum fault_kind kind, long number);

/* ---- trace.c ---- */

/* run - one life of the program under the tracer. */
struct run {
	const struct world *world;
	const struct fault *fault; /* those of this run, in order */
	size_t faults;
	struct calls *calls; /* filled in, or NULL */
	int client_fd;       /* to be hung up by GONE */
	/* Called at the first fault, while both processes stand still. */
	pid_t (*at_fault)(void *context);
	void *context;
	size_t fired;       /* out: faults that happened */
	unsigned died : 1;  /* out: one crashed by itself */
	unsigned hung : 1;  /* out: had to be killed after HUNG_MS */
	int helper_status;  /* out: of at_fault's process, or -1 */
};

/* trace_run - starts the program with server_fd as its descriptors 0, 1 and 2,
 * and returns when all its processes are gone. Closes server_fd. */
void trace_run(struct run *r, int server_fd);

/* plain_run - the same without any tracing; the caller waits for the pid. */
pid_t plain_run(const struct world *w, int server_fd);

/* ---- attempt.c ---- */

/* attempt - one case; adds to the tally. Returns whether all was well. */
unsigned attempt(const struct world *w, const struct spec *s, struct tally *t);

/* attempt_calls - runs the scenario without a fault, and tells its calls. */
void attempt_calls(
    const struct world *w, const struct spec *s, struct calls *out);

/* check_session - a session with no fault that fetches everything. Returns
 * whether it was served, and within BLOCKED_MS. */
unsigned check_session(const struct world *w, const struct post *p,
    uint64_t *seen, unsigned *garbled);

/* ---- storm.c ---- */

/* storm - one round: deliverers of every kind, two sessions, a kill. */
void storm(const struct world *w, uint64_t seed, struct tally *t);

#endif
