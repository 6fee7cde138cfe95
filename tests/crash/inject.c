/* inject - runs cases over several processes and adds up what they found.
 *
 *   inject --program FILE --dir DIR [--seed S] [--faults N] [--storm ROUNDS]
 *          [--workers N] [--with OPTION]... [--one CASE] [--first] [--verbose]
 *
 * Without --faults every fault point of every scenario is tried, with it so
 * many of them, chosen by the seed. README tells the rest. Exits with 0 when
 * nothing was wrong, with 1 when something was, 70 when the injector itself
 * failed, 77 where ptrace(2) is not allowed. */
#include "crash.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 16,
	STOPS = 4, /* states of every scenario that recovery starts from */
	BAD_SHOWN = 20
};

struct options {
	const char *program, *dir, *one;
	const char *with[WITH_MAX + 1];
	size_t nwith;
	uint64_t seed;
	size_t faults; /* 0: every one */
	size_t rounds; /* of the storm */
	unsigned workers;
	unsigned verbose : 1;
	unsigned first : 1; /* the first bad case is enough */
};

/* job - a scenario, or one in which the first fault is given, with the points
 * at which the next may be. */
struct job {
	struct spec spec;
	struct calls calls;
	struct fault *points;
	size_t count;
};

struct jobs {
	struct job *job;
	size_t count, points;
};

void
die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(70);
}

void
complain(const struct world *w, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (!w->verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%s\n", text);
	fflush(stdout);
}

int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* splitmix64: small, and the same everywhere. */
uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
usage(void)
{
	fprintf(stderr, "usage: inject --program FILE --dir DIR [--seed S] "
			"[--faults N] [--storm ROUNDS]\n"
			"              [--workers N] [--with OPTION]... "
			"[--one CASE] [--first] [--verbose]\n");
	exit(64);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
	    {"program", required_argument, NULL, 'p'},
	    {"dir", required_argument, NULL, 'd'},
	    {"seed", required_argument, NULL, 's'},
	    {"faults", required_argument, NULL, 'f'},
	    {"storm", required_argument, NULL, 'r'},
	    {"workers", required_argument, NULL, 'w'},
	    {"one", required_argument, NULL, 'o'},
	    {"with", required_argument, NULL, 'W'},
	    {"first", no_argument, NULL, '1'},
	    {"verbose", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'p')
			o->program = optarg;
		else if (c == 'd')
			o->dir = optarg;
		else if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'f')
			o->faults = strtoul(optarg, NULL, 10);
		else if (c == 'r')
			o->rounds = strtoul(optarg, NULL, 10);
		else if (c == 'w')
			o->workers = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			o->one = optarg;
		else if (c == 'W' && o->nwith < WITH_MAX)
			o->with[o->nwith++] = optarg;
		else if (c == '1')
			o->first = 1;
		else if (c == 'v')
			o->verbose = 1;
		else
			usage();
	}
	if (o->program == NULL || o->dir == NULL || optind < argc ||
	    o->workers == 0 || o->workers > WORKERS_MAX)
		usage();
}

/* make_world - the n-th worker's. */
static void
make_world(struct world *w, const struct options *o, unsigned n)
{
	struct conversation c = {.post = post_named("small"),
	    .talk = TALK_STAT,
	    .meanwhile = NO_MAIL};
	char dir[PATH_MAX / 2];
	int len = snprintf(dir, sizeof(dir), "%s/%u", o->dir, n);

	if (len < 0 || (size_t)len >= sizeof(dir))
		die(o->dir);
	memset(w, 0, sizeof(*w));
	w->program = o->program;
	w->with = o->with;
	w->verbose = o->verbose;
	spool_make(w, dir);
	/* The very first session makes directories; all others are alike. */
	spool_reset(w, c.post);
	converse(w, &c);
}

/* add_job - the case with the points of these calls. */
static void
add_job(struct jobs *all, const struct spec *spec, const struct calls *calls,
    unsigned soon)
{
	struct job *j;

	if ((all->count & (all->count - 1)) == 0) {
		all->job =
		    realloc(all->job, (2 * all->count + 1) * sizeof(*all->job));
		if (all->job == NULL)
			die("realloc");
	}
	j = &all->job[all->count++];
	j->spec = *spec;
	j->calls = *calls;
	j->count = plan_points(calls, soon, &j->points);
	all->points += j->count;
}

/* try - one case, as attempt does; its text when it was bad. */
static unsigned
try(const struct world *w, const struct spec *s, unsigned next,
    struct calls *calls, struct tally *t)
{
	char text[SPEC_OCTETS];

	if (attempt(w, s, next, calls, t))
		return 1;
	if (t->bad <= BAD_SHOWN) {
		spec_print(s, text);
		printf("bad: %s\n", text);
		fflush(stdout);
	}
	return 0;
}

/* survey_recovery - stops the scenario in its UPDATE, and looks at what mends
 * it: the broker at once when the session alone was killed, or else the next
 * session. */
static void
survey_recovery(const struct world *w, const struct spec *spec,
    const struct calls *calls, const struct options *o, struct jobs *all,
    struct tally *t)
{
	struct fault stops[STOPS];
	size_t n = plan_stops(calls, o->seed + all->count, stops, STOPS);
	struct calls mending;

	for (size_t i = 0; i < n && !(o->first && t->bad > 0); i++) {
		unsigned next = plan_kills(stops[i].kind, BROKER);
		struct spec s = *spec;

		s.fault[s.faults++] = stops[i];
		s.again = i % 2;
		try(w, &s, next, &mending, t);
		mending.from[JUDGE] = mending.count[JUDGE];
		add_job(all, &s, &mending, !next);
	}
}

/* survey - finds the fault points of all scenarios by running each. 0: one of
 * them fails without any fault. */
static unsigned
survey(const struct options *o, struct jobs *all, struct tally *t)
{
	struct world w;
	struct spec spec;
	struct calls calls;
	enum talk before = TALKS;

	make_world(&w, o, WORKERS_MAX);
	for (size_t i = 0; i < plan_scenarios(); i++) {
		plan_scenario(i, &spec);
		if (!try(&w, &spec, 0, &calls, t))
			return 0;
		if (i == 0) /* before the fork all are alike */
			calls.from[BROKER] = 0;
		if (i > 0 && spec.talk == before) /* before the login too */
			calls.from[JUDGE] = calls.count[JUDGE];
		before = spec.talk;
		add_job(all, &spec, &calls, 0);
		survey_recovery(&w, &spec, &calls, o, all, t);
	}
	return 1;
}

/* point - the n-th of all jobs as a case. */
static void
point(const struct job *job, size_t n, uint64_t seed, struct spec *out)
{
	while (n >= job->count) {
		n -= job->count;
		job++;
	}
	*out = job->spec;
	out->fault[out->faults++] = job->points[n];
	plan_extras(out, &job->calls, seed);
}

/* shuffle - the numbers below n in the seed's order. */
static size_t *
shuffle(size_t n, uint64_t seed)
{
	size_t *order = malloc((n + 1) * sizeof(*order));

	if (order == NULL)
		die("malloc");
	for (size_t i = 0; i < n; i++) {
		size_t j = random_next(&seed) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

static void
try_storm(const struct world *w, uint64_t seed, struct tally *t)
{
	if (storm(w, seed, t) || t->bad > BAD_SHOWN)
		return;
	printf("bad: storm/%llu\n", (unsigned long long)seed);
	fflush(stdout);
}

/* make_tallies - one for each worker, so that they need no lock, and one for
 * the survey. */
static struct tally *
make_tallies(void)
{
	struct tally *t = mmap(NULL, (WORKERS_MAX + 1) * sizeof(*t),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		die("mmap");
	return t;
}

void
tally_add(struct tally *sum, const struct tally *one)
{
	sum->tried += one->tried;
	sum->lost += one->lost;
	sum->duplicated += one->duplicated;
	sum->altered += one->altered;
	sum->blocked += one->blocked;
	sum->locks += one->locks;
	sum->died += one->died;
	sum->cases += one->cases;
	sum->bad += one->bad;
}

static struct tally
sum(const struct tally *t)
{
	struct tally all = {0};

	for (unsigned i = 0; i <= WORKERS_MAX; i++)
		tally_add(&all, &t[i]);
	return all;
}

/* part_done - how much of its work a worker has done, by i cases: the faults
 * that were wanted of it, or all there are. From 0 to 1. */
static double
part_done(const struct options *o, const struct jobs *all,
    const struct tally *mine, size_t i)
{
	double part = o->faults == 0 ? (double)i / (double)all->points
				     : (double)mine->tried * o->workers /
					   (double)o->faults;

	return part < 1 ? part : 1;
}

/* work - the n-th worker: every workers-th case, and storms in between. */
static void __attribute__((noreturn)) work(const struct options *o, unsigned n,
    const struct jobs *all, const size_t *order, struct tally *tallies)
{
	size_t rounds = n;
	struct world w;
	struct spec s;

	make_world(&w, o, n);
	for (size_t i = n; i < all->points; i += o->workers) {
		double done = part_done(o, all, &tallies[n], i);

		while ((double)rounds < done * (double)o->rounds) {
			try_storm(&w, o->seed + rounds, &tallies[n]);
			rounds += o->workers;
		}
		if (done >= 1 || (o->first && sum(tallies).bad > 0))
			break;
		point(all->job, order[i], o->seed + order[i], &s);
		try(&w, &s, 0, NULL, &tallies[n]);
	}
	exit(0);
}

/* run_workers - and waits for them. 0: one of them broke down. */
static unsigned
run_workers(const struct options *o, const struct jobs *all,
    const size_t *order, struct tally *tallies)
{
	unsigned good = 1;
	int status;

	fflush(stdout);
	for (unsigned n = 0; n < o->workers; n++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			work(o, n, all, order, tallies);
	}
	while (wait(&status) > 0 || errno == EINTR)
		good &= status == 0;
	return good;
}

static unsigned
run_one(const struct options *o, struct tally *t)
{
	struct world w;
	struct spec s;
	unsigned stormy = strncmp(o->one, "storm/", 6) == 0;

	if (!stormy && !spec_parse(o->one, &s)) {
		fprintf(stderr, "inject: %s is no case\n", o->one);
		return 0;
	}
	make_world(&w, o, 0);
	if (stormy)
		try_storm(&w, strtoull(o->one + 6, NULL, 10), t);
	else
		try(&w, &s, 0, NULL, t);
	return 1;
}

static unsigned
run_all(const struct options *o, struct tally *tallies)
{
	struct jobs all = {0};
	size_t *order;

	if (!survey(o, &all, &tallies[WORKERS_MAX]) ||
	    (o->first && tallies[WORKERS_MAX].bad > 0))
		return 1;
	order = shuffle(all.points, o->seed);
	printf("seed %llu: %zu fault points in %zu scenarios and %zu "
	       "recoveries\n",
	    (unsigned long long)o->seed, all.points, plan_scenarios(),
	    all.count - plan_scenarios());
	return run_workers(o, &all, order, tallies);
}

int
main(int argc, char **argv)
{
	struct options o = {.workers = 2, .seed = (uint64_t)time(NULL)};
	struct tally *tallies = make_tallies(), s;
	int64_t began = now_ms();
	unsigned good;

	parse_options(argc, argv, &o);
	signal(SIGPIPE, SIG_IGN);
	good = o.one != NULL ? run_one(&o, tallies) : run_all(&o, tallies);
	s = sum(tallies);
	if (o.verbose || !good || s.died > 0)
		printf("%lu cases, %lu bad, %lu processes crashed by "
		       "themselves, %ld s\n",
		    s.cases, s.bad, s.died, (long)(now_ms() - began) / 1000);
	printf("faults %lu tried, %lu lost, %lu duplicated, %lu altered, %lu "
	       "blocked over 1 s, %lu locks left\n",
	    s.tried, s.lost, s.duplicated, s.altered, s.blocked, s.locks);
	return !good || s.tried == 0 ||
	       s.lost + s.duplicated + s.altered + s.blocked + s.locks +
		       s.died >
		   0;
}
