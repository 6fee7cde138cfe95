/* attempt - one case: a session that is struck, perhaps others that are struck
 * while they mend what it left, mail that comes in between, then a session in
 * peace, and the judgment. */
#include "crash.h"
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Letters behind those of the login, by when they come. */
enum { LETTER_MEANWHILE = LOGIN_MESSAGES, LETTER_AT_ONCE, LETTER_AFTER };

/* fate - what has happened to one case. */
struct fate {
	const struct world *world;
	const struct spec *spec;
	struct tally *tally;
	struct outcomes may;
	unsigned blocked, locks, broker_killed;
};

static void
socket_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		die("socketpair");
}

int64_t
converse(const struct world *w, struct conversation *c)
{
	int64_t began = now_ms();
	int fds[2], status;
	pid_t pid;

	socket_pair(fds);
	c->world = w;
	c->fd = fds[0];
	pid = plain_run(w, fds[1]);
	client_talk(c);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	close(fds[0]);
	return now_ms() - began;
}

/* talk_thread - the client of a struck session talks beside the tracer. */
static void *
talk_thread(void *conversation)
{
	client_talk(conversation);
	return NULL;
}

void
converse_struck(struct run *run, struct conversation *c)
{
	sigset_t alarm, old;
	pthread_t thread;
	int fds[2];

	socket_pair(fds);
	c->world = run->world;
	c->fd = run->client_fd = fds[0];
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, &old);
	if (pthread_create(&thread, NULL, talk_thread, c) != 0)
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	trace_run(run, fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
}

/* at_fault - a deliverer in a process of its own, at the very moment. */
static pid_t
at_fault(void *context)
{
	const struct fate *f = context;
	pid_t pid = fork();
	unsigned done;
	int64_t waited;

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	setpgid(0, 0);
	done = deliver(f->world, f->spec->post, LETTER_AT_ONCE,
	    (enum order)f->spec->at_once, &waited);
	_exit(!done ? 2 : waited > BLOCKED_MS);
}

static void
blocked(struct fate *f, const char *what)
{
	complain(f->world, "  %s", what);
	f->blocked = 1;
}

/* note - what a session was told changes what the mailbox may hold. */
static void
note(struct fate *f, const struct conversation *c)
{
	outcomes_deliver(&f->may, c->delivered | c->in_time);
	if (c->committed && c->deleted > 0 && !c->denied)
		outcomes_delete(&f->may,
		    c->talk == TALK_DELE_FIRST ? 0 : c->marked | c->in_time,
		    c->promised);
	if (c->late)
		blocked(f, "a delivery before the QUIT had to wait");
	if (c->too_late)
		blocked(f, "the struck session was silent for too long");
	f->tally->altered += c->garbled;
}

/* note_run - how the processes ended. */
static void
note_run(struct fate *f, const struct run *run, uint64_t in_time)
{
	uint64_t at_once = UINT64_C(1) << LETTER_AT_ONCE;

	f->tally->tried += run->fired;
	f->tally->died += run->died;
	if (run->hung)
		blocked(f, "the struck session did not end");
	if (run->helper_status != -1) {
		if (WIFEXITED(run->helper_status) &&
		    WEXITSTATUS(run->helper_status) <= 1)
			outcomes_deliver(&f->may, at_once & ~in_time);
		if (run->helper_status != 0)
			blocked(f, "a delivery at the fault had to wait");
	}
	/* A broker that had a chance has tidied up, if none before it died. */
	f->broker_killed |= run->broker_killed;
	if (!f->broker_killed)
		f->locks |= spool_leftovers(f->world) > 0;
}

/* struck - one session with the faults of spec from the first-th on that belong
 * to it; returns how many did. */
static size_t
struck(struct fate *f, size_t first, struct calls *calls)
{
	const struct spec *s = f->spec;
	struct conversation c = {.post = s->post,
	    .talk = s->talk,
	    .marked = s->marked,
	    .meanwhile = NO_MAIL};
	struct run run = {.world = f->world,
	    .fault = s->fault + first,
	    .faults = first < s->faults,
	    .calls = calls,
	    .context = f};

	if (first > 0) {
		c.talk = s->again ? TALK_DELE_FIRST : TALK_STAT;
	} else {
		if (s->meanwhile != NO_MAIL) {
			c.meanwhile = LETTER_MEANWHILE;
			c.order = (enum order)s->meanwhile;
		}
		if (s->at_once != NO_MAIL)
			run.at_fault = at_fault;
	}
	while (first + run.faults < s->faults && run.fault[run.faults].soon)
		run.faults++;
	converse_struck(&run, &c);
	note(f, &c);
	note_run(f, &run, c.in_time);
	return run.faults;
}

/* mail_after - a letter that comes between the fault and the next session. */
static void
mail_after(struct fate *f)
{
	int64_t waited;

	if (f->spec->after == NO_MAIL)
		return;
	if (deliver(f->world, f->spec->post, LETTER_AFTER,
		(enum order)f->spec->after, &waited))
		outcomes_deliver(&f->may, UINT64_C(1) << LETTER_AFTER);
	else
		blocked(f, "no delivery after the fault");
	if (waited > BLOCKED_MS)
		blocked(f, "a delivery after the fault had to wait");
}

/* peace - the next session: served at once, and with the right octets. */
static void
peace(struct fate *f)
{
	struct conversation c = {
	    .post = f->spec->post, .talk = TALK_READ, .meanwhile = NO_MAIL};
	int64_t took = converse(f->world, &c);

	if (!c.promised)
		blocked(f, c.welcome ? "the next session broke off"
				     : "the next session was refused");
	else if (took > BLOCKED_MS)
		blocked(f, "the next session had to wait");
	f->tally->altered += c.garbled;
	f->locks |= spool_leftovers(f->world) > 0;
}

static void
begin(struct fate *f)
{
	struct conversation c = {
	    .post = f->spec->post, .talk = TALK_READ, .meanwhile = NO_MAIL};

	spool_reset(f->world, f->spec->post);
	f->may = (struct outcomes){
	    .set = {(UINT64_C(1) << LOGIN_MESSAGES) - 1}, .count = 1};
	if (f->spec->warm)
		converse(f->world, &c);
}

unsigned
judge(const struct world *w, const struct post *p, const struct outcomes *may,
    unsigned unordered, struct tally *t)
{
	struct verdict v;

	spool_judge(w, p, may, unordered, &v);
	t->lost += v.lost;
	t->duplicated += v.duplicated;
	t->altered += v.altered;
	return t->lost + t->duplicated + t->altered + t->blocked + t->locks +
		   t->died ==
	       0;
}

/* live - the case from beginning to end, into a tally of its own. */
static unsigned
live(const struct world *w, const struct spec *s, unsigned next,
    struct calls *calls, struct tally *t)
{
	struct fate f = {.world = w, .spec = s, .tally = t};
	size_t done = 0;

	begin(&f);
	do {
		done += struck(&f, done, next ? NULL : calls);
	} while (done < s->faults);
	if (next)
		struck(&f, done, calls);
	mail_after(&f);
	peace(&f);
	t->blocked = f.blocked;
	t->locks = f.locks;
	return judge(w, s->post, &f.may, MESSAGES_MAX, t);
}

unsigned
attempt(const struct world *w, const struct spec *s, unsigned next,
    struct calls *calls, struct tally *t)
{
	struct tally one = {0};
	unsigned good = live(w, s, next, calls, &one);

	tally_add(t, &one);
	t->cases++;
	t->bad += !good;
	return good;
}
