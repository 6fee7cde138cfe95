/* storm - a round in which everything happens at once: four deliverers, three
 * readers who delete some of what they have read, and faults in their sessions.
 * Every actor is a process of its own; they share what the judgment needs.
 *
 * Who locks in one way only shares it with all others of the round: a mailbox
 * on which one deliverer takes the dotlock alone and another fcntl alone needs
 * no POP server to be spoiled. Where a program delivers that waits for dead
 * owners, no broker is killed. */
#include "crash.h"
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DELIVERERS = 4, READERS = 3, ROUNDS = 4 };

static const struct {
	enum order order[DELIVERERS];
	unsigned patient; /* no broker is killed */
} rounds[ROUNDS] = {
    {{DOT_THEN_FCNTL, FCNTL_THEN_DOT, DOT_ONLY, DOT_ONLY}, 0},
    {{DOT_THEN_FCNTL, FCNTL_THEN_DOT, FCNTL_ONLY, FCNTL_ONLY}, 0},
    {{DOT_THEN_FCNTL, BY_PROCMAIL, BY_DOTLOCKFILE, DOT_ONLY}, 1},
    {{FCNTL_THEN_DOT, BY_PROCMAIL, DOT_THEN_FCNTL, FCNTL_ONLY}, 1},
};

/* shared - by the actors of a round. */
struct shared {
	_Atomic uint64_t delivered, deleted, unsure[UNSURE_MAX];
	atomic_uint unsures, delivering;
	struct tally tally[DELIVERERS + READERS];
};

/* stage - what one actor knows. */
struct stage {
	const struct world *world;
	const struct post *post;
	struct shared *shared;
	struct tally *tally; /* its own */
	uint64_t seed;       /* likewise */
	unsigned round;
};

static void
pause_ms(uint64_t *seed, unsigned most)
{
	usleep((useconds_t)(random_next(seed) % (most * 1000 + 1)));
}

/* act_deliverer - the n-th brings GROUP letters, one after the other. */
static void
act_deliverer(struct stage *s, unsigned n)
{
	enum order order = rounds[s->round].order[n];
	int64_t waited;

	if (!order_works(order))
		order = DOT_THEN_FCNTL;
	for (unsigned i = 0; i < GROUP; i++) {
		unsigned letter = LOGIN_MESSAGES + n * GROUP + i;
		unsigned done =
		    deliver(s->world, s->post, letter, order, &waited);

		if (done)
			s->shared->delivered |= UINT64_C(1) << letter;
		if (!done || waited > BLOCKED_MS) {
			complain(s->world, "  deliverer %u waited %ld ms", n,
			    (long)waited);
			s->tally->blocked++;
		}
		pause_ms(&s->seed, 4);
	}
	s->shared->delivering--;
}

/* note - what a session did to the letters. */
static void
note(struct stage *s, const struct conversation *c)
{
	struct shared *shared = s->shared;

	s->tally->altered += c->garbled;
	if (!c->committed || c->deleted == 0 || c->denied)
		return;
	if (c->promised) {
		shared->deleted |= c->marked;
	} else {
		unsigned n = shared->unsures++;

		if (n < UNSURE_MAX)
			shared->unsure[n] = c->marked;
	}
}

/* random_fault - somewhere in a session; its call may never come. */
static struct fault
random_fault(uint64_t *seed, unsigned patient)
{
	static const enum fault_kind kinds[] = {IN_SESSION, OUT_SESSION,
	    PARTH_SESSION, FAIL_EIO, FAIL_ENOSPC, FAIL_EINTR, SHORT1, TERM, HUP,
	    GONE, IN_BROKER, IN_BOTH, OUT_BOTH, PARTH_BOTH, OUT_BROKER};
	const unsigned n = sizeof(kinds) / sizeof(kinds[0]);
	struct fault f = {.who = random_next(seed) % 4 ? SESSION : BROKER};

	f.kind = kinds[random_next(seed) % (patient ? n - 5 : n)];
	f.writes = random_next(seed) % 4 != 0;
	f.index = (f.writes              ? 1
		      : f.who == SESSION ? 30
					 : 90) +
		  (unsigned)(random_next(seed) % (f.writes ? 12 : 200));
	return f;
}

/* act_reader - sessions until the last letter has come. */
static void
act_reader(struct stage *s)
{
	struct shared *shared = s->shared;

	do {
		struct conversation c = {.post = s->post,
		    .talk = TALK_SOME,
		    .meanwhile = NO_MAIL,
		    .marked = random_next(&s->seed)};
		struct fault fault =
		    random_fault(&s->seed, rounds[s->round].patient);
		struct run run = {
		    .world = s->world, .fault = &fault, .faults = 1};

		/* Every reader may add one to those that are not known. */
		if (shared->unsures + READERS <= UNSURE_MAX) {
			converse_struck(&run, &c);
			s->tally->tried += run.fired;
			s->tally->died += run.died;
			if (run.hung || c.too_late) {
				complain(s->world, "  a session hung");
				s->tally->blocked++;
			}
		} else {
			converse(s->world, &c);
		}
		note(s, &c);
		pause_ms(&s->seed, c.welcome ? 10 : 50);
	} while (shared->delivering > 0);
}

static void __attribute__((noreturn)) act(struct stage *s, unsigned n)
{
	s->tally = &s->shared->tally[n];
	for (unsigned i = 0; i <= n; i++)
		s->seed ^= random_next(&s->seed);
	if (n < DELIVERERS)
		act_deliverer(s, n);
	else
		act_reader(s);
	_exit(0);
}

/* play - all actors at once, until the last has left. */
static void
play(struct stage *s)
{
	pid_t pid[DELIVERERS + READERS];
	int status;

	s->shared->delivering = DELIVERERS;
	for (unsigned n = 0; n < DELIVERERS + READERS; n++) {
		pid[n] = fork();
		if (pid[n] < 0)
			die("fork");
		if (pid[n] == 0)
			act(s, n);
	}
	for (unsigned n = 0; n < DELIVERERS + READERS; n++)
		if (waitpid(pid[n], &status, 0) != pid[n] || status != 0)
			die("an actor of the storm");
}

/* close_round - a session in peace, and the judgment. */
static unsigned
close_round(struct stage *s, struct tally *t)
{
	struct shared *shared = s->shared;
	struct outcomes may = {
	    .set = {(UINT64_C(1) << LOGIN_MESSAGES) - 1}, .count = 1};
	struct conversation c = {
	    .post = s->post, .talk = TALK_READ, .meanwhile = NO_MAIL};
	int64_t took = converse(s->world, &c);

	if (!c.promised || took > BLOCKED_MS) {
		complain(s->world, "  the last session: %s, %ld ms",
		    c.promised ? "slow" : "refused", (long)took);
		t->blocked++;
	}
	t->altered += c.garbled;
	t->locks += spool_leftovers(s->world) > 0;
	outcomes_deliver(&may, shared->delivered);
	if (shared->deleted != 0)
		outcomes_delete(&may, shared->deleted, 1);
	for (unsigned i = 0; i < shared->unsures; i++) {
		if (i == UNSURE_MAX) {
			complain(s->world, "  sessions without an answer");
			t->blocked++;
			break;
		}
		outcomes_delete(&may, shared->unsure[i], 0);
	}
	return judge(s->world, s->post, &may, LOGIN_MESSAGES, t);
}

unsigned
storm(const struct world *w, uint64_t seed, struct tally *t)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stage s = {.world = w,
	    .post = post_named(seed % 2 ? "small" : "gaps"),
	    .shared = shared,
	    .seed = seed,
	    .round = (unsigned)(seed / 2 % ROUNDS)};
	struct tally one = {0};
	unsigned good;

	if (shared == MAP_FAILED)
		die("mmap");
	spool_reset(w, s.post);
	play(&s);
	for (unsigned n = 0; n < DELIVERERS + READERS; n++)
		tally_add(&one, &shared->tally[n]);
	good = close_round(&s, &one);
	munmap(shared, sizeof(*shared));
	tally_add(t, &one);
	t->cases++;
	t->bad += !good;
	return good;
}
